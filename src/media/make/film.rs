//! Films, made anew by `ffmpeg`: started only where its user said so in the settings.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::film::{Film, SOUND, ffmpeg};
use super::Media;
use super::file::inspect;
use super::{Probed, probe};
use crate::store::private_directory;

/// How often the rate is taken down because the file came out too large.
const TURNS: u32 = 3;

/// Makes the film at `path`, all or nothing.
///
/// # Errors
/// `ffmpeg` is gone or says no, the source changed, or it does not get small enough.
pub(super) fn film(media: &Media, film: &Film, path: &Path) -> Result<(), String> {
    let source = inspect(&media.path)?;
    if source.sha256 != media.sha256 {
        return Err(super::CHANGED.to_string());
    }
    let program = ffmpeg().ok_or("`ffmpeg` is not on the PATH any more; install it, then `xpost retry`")?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let fail = |error: std::io::Error| format!("it could not be kept in `{}`: {error}", directory.display());
    private_directory(directory).map_err(fail)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut rate = film.rate;
    let mut made = Err(String::new());
    for _ in 0..TURNS {
        made = turn(&program, &source, film, rate, &part).and_then(|()| {
            let bytes = fs::metadata(&part).map_err(fail)?.len();
            if bytes <= film.bytes { Ok(true) } else { Ok(false) }
        });
        match made {
            Ok(false) => rate = rate * 4 / 5,
            _ => break,
        }
    }
    let done = match made {
        Ok(true) => fs::rename(&part, path).map_err(fail),
        Ok(false) => Err(format!("ffmpeg made more than {} bytes of it; make it shorter", film.bytes)),
        Err(why) => Err(why),
    };
    if done.is_err() {
        drop(fs::remove_file(&part));
    }
    done
}

/// A picture that only `ffmpeg` can read, as PNG.
///
/// # Errors
/// `ffmpeg` is gone or says no, or gives another picture than the file says it holds (one tile of many).
pub(super) fn still(path: &Path, probed: &Probed) -> Result<(Vec<u8>, Probed), String> {
    let program = ffmpeg().ok_or("`ffmpeg` is not on the PATH any more; install it, then `xpost retry`")?;
    let mut words: Vec<OsString> = begin("mov");
    words.push(path.into());
    words.extend(["-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "pipe:1"].iter().map(OsString::from));
    let png = run(&program, words, Stdio::piped())?;
    let found =
        probe(std::io::Cursor::new(&png), png.len() as u64).map_err(|why| format!("ffmpeg made no picture: {why}"))?;
    if found.pixels != probed.pixels {
        return Err("ffmpeg could read a part of the picture only; export it as JPEG".into());
    }
    Ok((png, found))
}

/// What stands before the name of the file that is read, as what it was found to be: a playlist in a film's clothes would read others.
fn begin(reader: &str) -> Vec<OsString> {
    let words = [
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        "-y",
        "-protocol_whitelist",
        "file,pipe",
        "-f",
        reader,
        "-i",
    ];
    words.iter().map(OsString::from).collect()
}

/// Runs the program to its end; what it wrote to its standard output.
fn run(program: &Path, words: Vec<OsString>, out: Stdio) -> Result<Vec<u8>, String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    // Ctrl-C lets what is in flight end
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let ended = command.output().map_err(|error| format!("`{}` cannot be run: {error}", program.display()))?;
    if ended.status.success() {
        return Ok(ended.stdout);
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(format!("ffmpeg could not make it: {}", last.trim()))
}

/// One run of the program.
fn turn(program: &Path, source: &Media, film: &Film, rate: u64, part: &Path) -> Result<(), String> {
    let matroska = matches!(source.mime.as_str(), "video/webm" | "video/x-matroska");
    let mut words = begin(if matroska { "matroska" } else { "mov" });
    words.push(source.path.clone().into());
    let mut add = |some: &[&str]| words.extend(some.iter().map(OsString::from));
    let (scale, bits) = (format!("scale={}:{},setsar=1", film.width, film.height), rate.to_string());
    add(&["-map", "0:v:0", "-map", "0:a:0?", "-sn", "-dn", "-vf", &scale, "-pix_fmt", "yuv420p", "-c:v", "libx264"]);
    add(&["-preset", "medium", "-b:v", &bits, "-maxrate", &bits, "-bufsize", &(rate * 2).to_string()]);
    add(&["-c:a", "aac", "-b:a", &SOUND.to_string(), "-ac", "2", "-movflags", "+faststart"]);
    if !film.keep {
        add(&["-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"]);
    }
    add(&["-f", "mp4"]);
    words.push(part.into());
    run(program, words, Stdio::null()).map(drop)
}
