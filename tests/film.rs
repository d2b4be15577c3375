//! Films that a network does not take as they are: made anew by `ffmpeg`, where its user said so, and by nobody else.
//!
//! A stand-in writes down how it was called; `XPOST_TEST_FFMPEG` names the directory of a real one.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use std::path::{Path, PathBuf};
use std::process::Command;

use cli::{Machine, Run};

const LIMITS: &str = "[limits.mastodon]\nmax_video_bytes = 200000\n";

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], kind, content].concat()
}

/// Ten seconds of 640 x 360 as QuickTime, of so many bytes; no player would show it.
fn quicktime(bytes: usize) -> Vec<u8> {
    let mut header = vec![0u8; 12];
    header.extend(1000u32.to_be_bytes());
    header.extend(10_000u32.to_be_bytes());
    header.extend([0u8; 80]);
    let mut track = vec![0u8; 84];
    track[76..80].copy_from_slice(&(640u32 << 16).to_be_bytes());
    track[80..84].copy_from_slice(&(360u32 << 16).to_be_bytes());
    track[40..44].copy_from_slice(&0x0001_0000u32.to_be_bytes());
    track[56..60].copy_from_slice(&0x0001_0000u32.to_be_bytes());
    track[72..76].copy_from_slice(&0x4000_0000u32.to_be_bytes());
    let handler = [&[0u8; 8][..], b"vide", &[0; 12]].concat();
    let entry = boxed(b"avc1", &[0u8; 78]);
    let table = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat());
    let media = [boxed(b"hdlr", &handler), boxed(b"minf", &boxed(b"stbl", &table))].concat();
    let track = [boxed(b"tkhd", &track), boxed(b"mdia", &media)].concat();
    let movie = boxed(b"moov", &[boxed(b"mvhd", &header), boxed(b"trak", &track)].concat());
    [boxed(b"ftyp", b"qt  \0\0\0\0qt  "), boxed(b"mdat", &vec![7; bytes]), movie].concat()
}

/// A machine with one account, a film that is too large for it, and these settings.
fn machine(settings: &str, film: &[u8]) -> Machine {
    let machine = Machine::with_accounts(&["mastodon"]);
    std::fs::write(machine.home().join("config.toml"), format!("{settings}\n{LIMITS}")).unwrap();
    std::fs::write(machine.path("clip.mov"), film).unwrap();
    machine.write("draft.md", "A film\n\n![waves](clip.mov)\n");
    machine
}

/// A stand-in: it writes down its words and does this.
fn stand_in(machine: &mut Machine, script: &str) {
    let place = machine.path("bin");
    std::fs::create_dir_all(&place).unwrap();
    let asked = machine.path("asked");
    let text = format!("#!/bin/sh\nprintf '%s ' \"$@\" >> '{}'\nfor last; do :; done\n{script}\n", asked.display());
    std::fs::write(place.join("ffmpeg"), text).unwrap();
    Command::new("chmod").arg("+x").arg(place.join("ffmpeg")).status().unwrap();
    machine.set("PATH", &format!("{}:/usr/bin:/bin", place.display()));
}

#[track_caller]
fn told(run: &Run, code: i32, words: &[&str]) {
    run.ends(code);
    for word in words {
        assert!(run.out.contains(word) || run.err.contains(word), "no `{word}` in\n{}\n{}", run.out, run.err);
    }
}

fn left(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[test]
fn nothing_is_made_anew_without_a_word_from_the_user() {
    let mut machine = machine("", &quicktime(600_000));
    stand_in(&mut machine, "exit 9");
    let words = ["has 600.", "200.0 kB are allowed", "`ffmpeg = true` in `config.toml`"];
    told(&machine.run(&["publish", "draft.md"]), 3, &words);
    assert!(!machine.path("asked").exists(), "it was started");
    // said, but it is not there
    std::fs::write(machine.home().join("config.toml"), format!("ffmpeg = true\n{LIMITS}")).unwrap();
    machine.set("PATH", "/nowhere");
    told(&machine.run(&["publish", "draft.md"]), 3, &["`ffmpeg` is not on the PATH"]);
    // so little room that it would not help
    std::fs::write(machine.home().join("config.toml"), "ffmpeg = true\n[limits.mastodon]\nmax_video_bytes = 9000\n")
        .unwrap();
    stand_in(&mut machine, "exit 9");
    told(&machine.run(&["publish", "draft.md"]), 3, &["nothing to look at; make it shorter"]);
    assert!(!machine.path("asked").exists());
}

#[test]
fn what_ffmpeg_made_is_what_is_uploaded() {
    let small = quicktime(50_000);
    let mut machine = machine("ffmpeg = true", &quicktime(600_000));
    // an MP4 with no more than what was asked for
    let mut made = small.clone();
    made[8..12].copy_from_slice(b"isom");
    std::fs::write(machine.path("made"), &made).unwrap();
    let made_at = machine.path("made").display().to_string();
    stand_in(&mut machine, &format!("cp '{made_at}' \"$last\""));
    let said = ["made anew by ffmpeg for Mastodon", "600.", "kB -> at most 200.0 kB"];
    told(&machine.run(&["check", "draft.md"]), 0, &said);
    assert!(!machine.path("asked").exists(), "a check starts nothing");
    told(&machine.run(&["media", "clip.mov", "--for", "mastodon"]), 0, &["changed", "by ffmpeg"]);
    machine.run(&["publish", "draft.md"]).ends(0);
    let seen = machine.twins().timeline("mastodon");
    assert_eq!((seen[0].media[0].mime.as_str(), seen[0].media[0].bytes), ("video/mp4", made.len() as u64));
    let asked = std::fs::read_to_string(machine.path("asked")).unwrap();
    for word in ["-protocol_whitelist file,pipe -f mov -i ", "/clip.mov ", "-map_metadata -1 ", "-nostdin "] {
        assert!(asked.contains(word), "no `{word}` in {asked}");
    }
    // made once: another post takes it from the cache
    machine.run(&["publish", "draft.md", "--again"]).ends(0);
    assert_eq!(std::fs::read_to_string(machine.path("asked")).unwrap(), asked);
}

#[test]
fn what_ffmpeg_cannot_do_posts_nothing() {
    for (script, says) in [
        ("echo 'moov atom not found' >&2; exit 1", "ffmpeg could not make it: moov atom not found"),
        ("head -c 300000 /dev/zero > \"$last\"", "ffmpeg made more than 200000 bytes of it; make it shorter"),
        ("echo text > \"$last\"", "what was made of it is none"),
        ("kill -9 $$", "ffmpeg could not make it: no reason given"),
    ] {
        let mut machine = machine("ffmpeg = true", &quicktime(600_000));
        stand_in(&mut machine, script);
        told(&machine.run(&["publish", "draft.md", "--wait", "0"]), 5, &[says]);
        assert!(machine.twins().timeline("mastodon").is_empty());
        let rest: Vec<PathBuf> = left(&machine.home().join("cache").join("fitted"));
        assert!(rest.iter().all(|path| path.extension().is_none_or(|end| end != "part")), "{rest:?}");
    }
}

#[test]
fn a_real_ffmpeg_makes_it_fit() {
    let Ok(place) = std::env::var("XPOST_TEST_FFMPEG") else {
        println!("skipped: XPOST_TEST_FFMPEG names no ffmpeg");
        return;
    };
    let mut machine = machine("ffmpeg = true", b"");
    machine.set("PATH", &place);
    let clip = machine.path("clip.mov");
    let source =
        ["-f", "lavfi", "-i", "testsrc2=duration=6:size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=duration=6"];
    let place_of = ["-metadata", "location=+48.2082+016.3738/", "-metadata", "title=Wallstrasse-77", "-c:v", "mpeg4"];
    let made = Command::new(Path::new(&place).join("ffmpeg"))
        .args(["-loglevel", "error", "-y"])
        .args(source)
        .args(place_of)
        .args(["-q:v", "3"])
        .arg(&clip)
        .status()
        .unwrap();
    assert!(made.success() && std::fs::metadata(&clip).unwrap().len() > 400_000);
    machine.run(&["publish", "draft.md"]).ends(0);
    let seen = machine.twins().timeline("mastodon");
    let medium = &seen[0].media[0];
    assert!(medium.mime == "video/mp4" && medium.bytes <= 200_000, "{medium:?}");
    // what is in the cache is what was uploaded
    let made = left(&machine.home().join("cache").join("fitted"));
    let media = xpost::media::inspect(&made[0]).unwrap();
    assert_eq!((media.bytes, media.about.video.as_deref()), (medium.bytes, Some("h264")));
    assert_eq!(media.about.audio.as_deref(), Some("aac"));
    assert!(media.about.millis.is_some_and(|millis| (5900..6200).contains(&millis)), "{:?}", media.about);
    assert!(media.width < Some(1280), "{:?}", media.width);
    let bytes = std::fs::read(&made[0]).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"Wallstrasse-77"), "its metadata are in it");
    assert!(!media.about.hidden.iter().any(|what| what == "GPS"), "{:?}", media.about.hidden);
}

/// What players of every kind make of a file: the hash of all its pictures and sounds.
fn decoded(ffmpeg: &Path, file: &Path) -> String {
    let output = Command::new(ffmpeg)
        .args(["-loglevel", "error", "-i"])
        .arg(file)
        .args(["-map", "0", "-f", "md5", "-"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_film_that_forgot_its_place_plays_as_before() {
    let Ok(place) = std::env::var("XPOST_TEST_FFMPEG") else {
        println!("skipped: XPOST_TEST_FFMPEG names no ffmpeg");
        return;
    };
    let ffmpeg = Path::new(&place).join("ffmpeg");
    // user data as cameras write them, and the metadata of phones
    for (end, flags, place) in [("mp4", "+faststart", "loci"), ("mov", "use_metadata_tags", "+48.2082")] {
        let machine = Machine::with_accounts(&["discord"]);
        let clip = machine.path(&format!("clip.{end}"));
        let made = Command::new(&ffmpeg)
            .args(["-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=duration=2:size=320x180:rate=30"])
            .args(["-f", "lavfi", "-i", "sine=duration=2", "-c:v", "mpeg4", "-movflags", flags])
            .args(["-metadata", "location=+48.2082+016.3738/", "-metadata", "title=Wallstrasse-77"])
            .args(["-metadata", "com.apple.quicktime.location.ISO6709=+48.2082+016.3738/"])
            .arg(&clip)
            .status()
            .unwrap();
        assert!(made.success());
        machine.write("draft.md", &format!("A film\n\n![colours](clip.{end})\n"));
        told(&machine.run(&["check", "draft.md"]), 0, &["the place is taken out of"]);
        machine.run(&["publish", "draft.md"]).ends(0);
        let clean = left(&machine.home().join("cache").join("fitted")).remove(0);
        let (before, after) = (std::fs::read(&clip).unwrap(), std::fs::read(&clean).unwrap());
        for mark in [place, "Wallstrasse-77"] {
            let holds = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(holds(&before) && !holds(&after), "{end}: {mark}");
        }
        assert_eq!(before.len(), after.len());
        assert_eq!(decoded(&ffmpeg, &clip), decoded(&ffmpeg, &clean), "{end}");
    }
}

#[test]
fn a_real_ffmpeg_reads_what_xpost_cannot() {
    let Ok(place) = std::env::var("XPOST_TEST_FFMPEG") else {
        println!("skipped: XPOST_TEST_FFMPEG names no ffmpeg");
        return;
    };
    let mut machine = Machine::with_accounts(&["telegram"]);
    let picture = machine.path("crab.avif");
    let made = Command::new(Path::new(&place).join("ffmpeg"))
        .args(["-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x200", "-frames:v", "1"])
        .arg(&picture)
        .status()
        .unwrap();
    assert!(made.success());
    machine.write("draft.md", "A picture\n\n![colours](crab.avif)\n");
    told(&machine.run(&["publish", "draft.md"]), 3, &["`ffmpeg = true` in `config.toml`"]);
    std::fs::write(machine.home().join("config.toml"), "ffmpeg = true\n").unwrap();
    machine.set("PATH", &place);
    told(&machine.run(&["check", "draft.md"]), 0, &["image/avif -> "]);
    machine.run(&["publish", "draft.md"]).ends(0);
    let made = left(&machine.home().join("cache").join("fitted"));
    let drawn = image::open(&made[0]).unwrap().to_rgb8();
    assert_eq!(drawn.dimensions(), (320, 200));
    let colours: std::collections::BTreeSet<[u8; 3]> = drawn.pixels().map(|pixel| pixel.0.map(|c| c / 64)).collect();
    assert!(colours.len() > 6, "it is not one colour: {colours:?}");
    // a lying file
    let bytes = std::fs::read(&picture).unwrap();
    std::fs::write(&picture, &bytes[..bytes.len() - 200]).unwrap();
    let run = machine.run(&["publish", "draft.md"]);
    assert!(run.code == 3 || run.code == 5, "{}", run.err);
    assert_eq!(machine.twins().timeline("telegram").len(), 1);
}
