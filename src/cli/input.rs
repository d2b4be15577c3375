//! From what was typed to drafts: files, standard input, `--text`, the editor.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::Utc;

use super::trouble::Trouble;
use super::world::World;
use crate::draft::{self, Draft, Form, MAX_DRAFT, Vars, when};

/// What every verb takes that works on drafts.
#[derive(Debug, Clone, clap::Args)]
pub struct DraftArgs {
    /// Drafts in Markdown (or .txt); `-` is standard input
    #[arg(value_name = "DRAFT")]
    pub drafts: Vec<PathBuf>,
    /// The text itself, instead of a file
    #[arg(long, value_name = "TEXT", conflicts_with = "drafts")]
    pub text: Option<String>,
    /// Where to: accounts, platforms, @groups or `all`; goes before the draft's own `to`
    #[arg(short, long, value_name = "TARGET")]
    pub to: Vec<String>,
    /// A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same
    #[arg(long, value_name = "KEY=VALUE")]
    pub var: Vec<String>,
}

/// Bytes and where they are from.
struct Source {
    name: String,
    base: PathBuf,
    form: Form,
    bytes: Vec<u8>,
}

/// Reads and parses all drafts.
///
/// # Errors
/// All drafts that are wrong are named, each with its line.
pub fn read(args: &DraftArgs, world: &World) -> Result<Vec<Draft>, Trouble> {
    let vars = variables(&args.var, world)?;
    let sources = sources(args)?;
    let mut drafts = Vec::with_capacity(sources.len());
    let mut wrong = Vec::new();
    for source in sources {
        match draft::parse(&source.name, &source.base, &source.bytes, source.form, &vars) {
            Ok(draft) => drafts.push(draft),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    match wrong.len() {
        0 => Ok(drafts),
        1 => Err(Trouble::refused(wrong.remove(0))),
        n => {
            let mut trouble = Trouble::refused(format!("{n} of {} drafts are wrong", n + drafts.len()));
            trouble.details = wrong;
            Err(trouble)
        }
    }
}

fn sources(args: &DraftArgs) -> Result<Vec<Source>, Trouble> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let typed =
        |name: &str, bytes: Vec<u8>| Source { name: name.into(), base: here.clone(), form: Form::Markdown, bytes };
    if let Some(text) = &args.text {
        return Ok(vec![typed("--text", text.clone().into_bytes())]);
    }
    if args.drafts.is_empty() {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return Ok(vec![typed("editor", edited()?)]);
        }
        return Err(
            Trouble::usage("no draft was named").next("xpost publish draft.md, or `-` for standard input, or `--text`")
        );
    }
    if args.drafts.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Trouble::usage("standard input can be read only once; name `-` once"));
    }
    args.drafts
        .iter()
        .map(|path| {
            if path.as_os_str() == "-" {
                let bytes = limited(std::io::stdin().lock())
                    .map_err(|error| Trouble::refused(format!("standard input cannot be read: {error}")))?;
                return Ok(typed("stdin", bytes));
            }
            file(path)
        })
        .collect()
}

fn file(path: &Path) -> Result<Source, Trouble> {
    let wrong = |why: String| Trouble::refused(format!("{}: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wrong("there is no such file".into()),
        _ => wrong(format!("it cannot be read: {error}")),
    })?;
    if meta.is_dir() {
        return Err(wrong("it is a directory, not a draft".into()));
    }
    let bytes =
        std::fs::File::open(path).and_then(limited).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let base = path.parent().filter(|base| !base.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = std::path::absolute(base).map_err(|error| wrong(error.to_string()))?;
    Ok(Source { name: path.display().to_string(), base, form: Form::of(path), bytes })
}

/// One byte more than a draft may have, so that the parser says what is wrong.
fn limited(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_DRAFT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the person wrote in an editor.
fn edited() -> Result<Vec<u8>, Trouble> {
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| if cfg!(windows) { "notepad".into() } else { "vi".into() });
    let command = words(&editor).map_err(Trouble::usage)?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(Trouble::usage("`EDITOR` is empty"));
    };
    let wrong = |why: String| Trouble::local(format!("the editor `{program}` {why}"));
    let path = std::env::temp_dir().join(format!("xpost-{}.md", uuid::Uuid::now_v7().simple()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let template = b"+++\n# title = \"\"\n# to = [\"all\"]\n+++\n\n";
    options
        .open(&path)
        .and_then(|mut file| file.write_all(template))
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    let status = std::process::Command::new(program).args(arguments).arg(&path).status();
    let read = std::fs::File::open(&path).and_then(limited);
    let result = match (status, read) {
        (Err(error), _) => Err(wrong(format!("cannot be run: {error}; set `EDITOR`"))),
        (Ok(status), _) if !status.success() => Err(wrong(format!("ended with {status}"))),
        (_, Err(error)) => Err(wrong(format!("left nothing that can be read: {error}"))),
        (_, Ok(bytes)) if bytes == template || bytes.iter().all(u8::is_ascii_whitespace) => {
            Err(Trouble::refused("the draft was left empty"))
        }
        (_, Ok(bytes)) => Ok(bytes),
    };
    drop(std::fs::remove_file(&path));
    result
}

/// Built-ins, then `XPOST_VAR_*`, then `--var`.
fn variables(pairs: &[String], world: &World) -> Result<Vars, Trouble> {
    let mut vars = draft::built_ins(&Utc::now().with_timezone(&zone(world, None)?));
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) =
            (name.to_str().and_then(|name| name.strip_prefix("XPOST_VAR_")), value.to_str())
        else {
            continue;
        };
        vars.insert(name.to_lowercase(), value.to_string());
    }
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Trouble::usage(format!("`--var {pair}`: write it as `key=value`")));
        };
        vars.insert(key.trim().to_string(), value.to_string());
    }
    Ok(vars)
}

/// The zone in which wall times are meant: the draft's, the project's, the user's, else that of this machine.
pub fn zone(world: &World, draft: Option<&str>) -> Result<chrono_tz::Tz, Trouble> {
    let name = match (draft, world.project()?.and_then(|project| project.zone.as_deref())) {
        (Some(name), _) | (None, Some(name)) => Some(name),
        _ => world.config()?.zone.as_deref(),
    };
    if let Some(name) = name {
        return when::zone(name).map_err(Trouble::usage);
    }
    let local = iana_time_zone::get_timezone().ok().and_then(|name| when::zone(&name).ok());
    Ok(local.unwrap_or(chrono_tz::UTC))
}

/// A command line as words: blanks part them, quotes keep them together.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') if !cfg!(windows) => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_command_line_is_cut_at_blanks_outside_quotes() {
        assert_eq!(words("pass show 'x y' \"a b\"c ''").unwrap(), ["pass", "show", "x y", "a bc", ""]);
        assert_eq!(words("  ").unwrap(), Vec::<String>::new());
        assert!(words("a 'b").is_err());
    }
}
