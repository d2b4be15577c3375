//! Documents as the tests read them: fenced blocks, code spans, and the command lines of the program in both.

/// A fenced block.
#[derive(Debug)]
pub struct Block<'a> {
    pub lang: &'a str,
    /// What stands in it, with a line end at its end.
    pub text: String,
}

/// One command of a `console` block and what it printed.
#[derive(Debug)]
pub struct Step {
    pub command: String,
    pub output: String,
}

impl Block<'_> {
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.into(), output: String::new() }),
                (None, Some(step)) => {
                    step.output.push_str(line);
                    step.output.push('\n');
                }
                (None, None) => panic!("output before the first command: {line}"),
            }
        }
        steps
    }
}

/// The fenced blocks of a document, in order.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(_) if open => open = false,
            Some(lang) => {
                blocks.push(Block { lang: lang.trim(), text: String::new() });
                open = true;
            }
            None if open => {
                let block = blocks.last_mut().expect("an open block was pushed");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

/// A document without its fenced blocks.
pub fn prose(text: &str) -> String {
    let mut open = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        open ^= fence;
        !fence && !open
    };
    text.lines().filter(outside).collect::<Vec<_>>().join("\n")
}

/// What stands between backticks on one line.
pub fn spans(prose: &str) -> Vec<String> {
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_string)).collect()
}

/// The command lines of `xpost` in a line of shell, as words from `xpost` on: behind pipes, in `$(…)`, through `cargo run --`.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut line = line.to_string();
    let mut found = Vec::new();
    while let Some(start) = line.rfind("$(") {
        let length = line[start..].find(')').expect("`$(` is closed");
        found.extend(commands(&line[start + 2..start + length]));
        line.replace_range(start..=start + length, "X");
    }
    for simple in cut(&line) {
        if let Some(at) = simple.iter().position(|word| word == "xpost") {
            found.push(simple[at..].to_vec());
        } else if let [cargo, run, rest @ ..] = simple.as_slice()
            && (cargo.as_str(), run.as_str()) == ("cargo", "run")
            && let Some(at) = rest.iter().position(|word| word == "--")
        {
            found.push([&["xpost".to_string()], &rest[at + 1..]].concat());
        }
    }
    found
}

/// A line of shell as simple commands, each as words; redirections and comments are left out.
fn cut(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut skip = false;
    let mut chars = line.chars().peekable();
    let end = |word: &mut Option<String>, commands: &mut Vec<Vec<String>>, skip: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(skip)
        {
            commands.last_mut().expect("never empty").push(word);
        }
    };
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next().filter(|c| *c != '\n')),
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, '|' | '&' | ';' | '\n') => {
                end(&mut word, &mut commands, &mut skip);
                commands.push(Vec::new());
            }
            (None, '>' | '<') => {
                end(&mut word, &mut commands, &mut skip);
                skip = true;
            }
            (None, c) if c.is_whitespace() => end(&mut word, &mut commands, &mut skip),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    end(&mut word, &mut commands, &mut skip);
    commands.retain(|words| !words.is_empty());
    commands
}

#[test]
fn command_lines_are_found() {
    let words = |line: &str| commands(line).iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(words("echo 'xpost no' | xpost publish - --to 'a b'"), ["xpost publish - --to a b"]);
    assert_eq!(words("X=1 xpost check a.md > out.txt # xpost"), ["xpost check a.md"]);
    assert_eq!(words("cargo run --release -- demo"), ["xpost demo"]);
    assert_eq!(
        words("xpost publish --plan \"$(xpost preview d.md | jq -r .plan)\""),
        ["xpost preview d.md", "xpost publish --plan X"]
    );
    assert_eq!(words("*/5 * * * * xpost run --quiet"), ["xpost run --quiet"]);
    assert_eq!(words("cargo install --path ."), Vec::<String>::new());
}
