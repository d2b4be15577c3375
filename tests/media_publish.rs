//! A photograph from the draft to every network: what is uploaded fits, and tells nothing of who took it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/pictures.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod pictures;

use std::collections::BTreeSet;
use std::path::Path;

use cli::{Machine, filters, takers};
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};
use serde_json::Value;
use xpost::platform::{AccountInfo, Platform};
use xpost::twin::{Inject, What, When};

const MARK: &[u8] = b"Wallstrasse-77";

/// 1200 x 800, upright only when turned, with a place and words in it.
fn photograph(machine: &Machine) -> Vec<u8> {
    let mut state = 1u32;
    let pixels = RgbImage::from_fn(1200, 800, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(x / 5) as u8, (y / 4) as u8, (state >> 26) as u8])
    });
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    exif.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
    exif.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0");
    exif.extend(MARK);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.add_exif_metadata(&exif).unwrap();
    encoder.encode(&pixels, 1200, 800, ColorType::Rgb).unwrap();
    std::fs::write(machine.path("photo.jpg"), &file).unwrap();
    file
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn machine(accounts: &[&str]) -> Machine {
    let machine = Machine::with_accounts(accounts);
    // what lies there may be fetched by anybody
    let public = machine.path("public");
    std::fs::create_dir_all(&public).unwrap();
    let config = format!(
        "[limits.bluesky]\nmax_image_bytes = 60000\n[limits.telegram]\nmax_image_bytes = 60000\n\
         [limits.instagram]\npad_images = true\n\
         [media_host]\ndirectory = '{}'\nurl_prefix = 'https://files.example/'\n",
        public.display()
    );
    std::fs::write(machine.home().join("config.toml"), config).unwrap();
    machine.write("draft.md", "Seen on the way\n\n![a wall](photo.jpg)\n");
    machine
}

#[test]
fn every_network_gets_what_fits_and_nothing_that_tells() {
    let machine = machine(&[]);
    let file = photograph(&machine);
    let check = machine.json(&["check", "draft.md", "--to", "bluesky,mastodon"]);
    let change = |target: usize| check["drafts"][0]["targets"][target]["changes"][0].clone();
    assert_eq!((change(0)["code"].as_str(), change(1)["code"].as_str()), (Some("media_fitted"), Some("media_cleaned")));
    let said = change(0)["message"].as_str().unwrap().to_string();
    assert!(
        said.contains("-> at most 60.0 kB, 800x1200 -> ") && said.contains("EXIF (with the place) is taken out"),
        "{said}"
    );
    assert!(files(&machine.home().join("cache")).is_empty(), "nothing is made before it is published");
    machine.run(&["publish", "draft.md", "--to", &takers(true)]).good();
    for name in ["bluesky", "mastodon", "telegram", "discord"] {
        let seen = machine.twins().timeline(name);
        let medium = &seen[0].media[0];
        assert_eq!(medium.mime, "image/jpeg", "{name}");
        if ["bluesky", "telegram"].contains(&name) {
            assert!(medium.bytes <= 60_000 && medium.bytes > 20_000, "{name}: {}", medium.bytes);
        } else {
            assert!(medium.bytes < file.len() as u64 && medium.bytes + 500 > file.len() as u64, "{name}");
        }
    }
    let exchanges = machine.twins().log();
    for platform in xpost::platform::ALL.iter().filter(|platform| platform.spec().media.image.is_some()) {
        let name = platform.spec().name;
        // a feed is a file, no network that shows anything
        let shown = machine.twins().timeline(name);
        assert!(shown.iter().any(|post| !post.media.is_empty()) || platform.twin().hosts().is_empty(), "{name}");
    }
    let uploads = exchanges.iter().filter(|one| holds(&one.request.body, b"\xff\xd8\xff")).map(|one| &one.platform);
    assert!(uploads.collect::<BTreeSet<_>>().len() >= 10, "pictures were uploaded");
    for exchange in &exchanges {
        assert!(!holds(&exchange.request.body, MARK), "{} {}", exchange.platform, exchange.request.path);
    }
    let hosted = files(&machine.path("public"));
    assert!(!hosted.is_empty(), "pictures were fetched");
    for path in hosted {
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"\xff\xd8\xff"), "{}: {:x?}", path.display(), &bytes[..12.min(bytes.len())]);
        assert!(!holds(&bytes, MARK), "{}", path.display());
    }
    // a webhook describes the file that its receiver can fetch, not the one that it was made of
    let hook = exchanges.iter().find(|one| one.platform == "webhook").unwrap();
    let told = serde_json::from_slice::<Value>(&hook.request.body).unwrap()["data"]["media"][0].clone();
    let there =
        told["url"].as_str().unwrap().replace("https://files.example", &machine.path("public").display().to_string());
    let there = std::fs::read(there).unwrap();
    assert_eq!(told["bytes"], there.len(), "{told}");
    assert_eq!(told["sha256"], pictures::sha256(&there), "{told}");
    // one for those who take all of it, one for those who take little, one with bars
    assert_eq!(files(&machine.home().join("cache/fitted")).len(), 3);
    // the site's own words about the picture are those of the picture that lies there
    let site = machine.path("site");
    let feed =
        std::fs::read_dir(&site).unwrap().flatten().map(|one| one.path()).find(|path| path.join("feed.json").exists());
    let feed = feed.unwrap_or(site);
    let json: Value = serde_json::from_slice(&std::fs::read(feed.join("feed.json")).unwrap()).unwrap();
    let attachment = &json["items"][0]["attachments"][0];
    let name = attachment["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let there = std::fs::read(feed.join("media").join(name)).unwrap();
    assert_eq!(attachment["size_in_bytes"], there.len());
    assert!(!holds(&there, MARK) && there.len() < file.len());
}

/// A film that plays, and says where it was made.
fn film(machine: &Machine) -> Vec<u8> {
    let mut file = include_bytes!("../examples/wave.mp4").to_vec();
    let at = file.windows(8).position(|eight| eight == b"\0\0\0\x35meta").unwrap();
    file[at + 4..at + 8].copy_from_slice(b"\xa9xyz");
    file[at + 8..at + 0x35].fill(b' ');
    file[at + 8..at + 12].copy_from_slice(b"\0\x29\x15\xc7");
    file[at + 12..at + 12 + MARK.len()].copy_from_slice(MARK);
    // one network takes none that is smaller
    file.extend(b"\0\x01\x86\xa0free");
    file.resize(file.len() + 100_000 - 8, 0);
    std::fs::write(machine.path("film.mp4"), &file).unwrap();
    file
}

#[test]
fn a_film_does_not_say_where_it_was_made() {
    let machine = machine(&[]);
    let file = film(&machine);
    machine.write("film.md", "+++\ntitle = 'A wave'\n+++\nSeen on the way\n\n![a wave](film.mp4)\n");
    let films = |platform: &&&dyn Platform| platform.spec().media.video.is_some();
    let names: Vec<&str> = xpost::platform::ALL.iter().filter(films).map(|platform| platform.spec().name).collect();
    let to = names.join(",");
    let check = machine.run(&["check", "film.md", "--to", &to]);
    assert!(check.out.contains("the place is taken out of `film.mp4`; nothing else of it changes"), "{}", check.out);
    assert!(!check.out.contains("says where it was taken"), "{}", check.out);
    machine.run(&["publish", "film.md", "--to", &to]).good();
    let mut whole = 0;
    for name in names {
        let platform = xpost::platform::by_name(name).unwrap();
        let fetched = platform.fetches(&AccountInfo::default(), "video");
        for medium in machine.twins().timeline(name).iter().flat_map(|post| &post.media) {
            assert!(fetched || medium.bytes == file.len() as u64, "{name}: {medium:?}");
            whole += usize::from(!fetched);
        }
    }
    assert!(whole >= 10, "only {whole} were sent the film");
    for exchange in machine.twins().log() {
        assert!(!holds(&exchange.request.body, MARK), "{} {}", exchange.platform, exchange.request.path);
    }
    let hosted = files(&machine.path("public"));
    assert!(!hosted.is_empty(), "films were fetched");
    for path in hosted.into_iter().chain(files(&machine.home().join("cache/fitted"))) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() == file.len() && !holds(&bytes, MARK), "{}", path.display());
        // all but what it hid is as it was
        let at = file.windows(4).position(|four| four == b"udta").unwrap();
        assert!(bytes[..at] == file[..at] && bytes[at + 57..] == file[at + 57..], "{}", path.display());
    }
    // unless it is wanted
    machine.write("keep.md", "+++\nkeep_metadata = true\n+++\nWhere it was\n\n![a wave](film.mp4)\n");
    machine.run(&["publish", "keep.md", "--to", "mastodon"]).good();
    assert!(machine.twins().log().iter().any(|one| holds(&one.request.body, MARK)));
}

#[test]
fn what_is_to_be_kept_is_kept() {
    let machine = machine(&["mastodon", "bluesky"]);
    let file = photograph(&machine);
    machine.write("keep.md", "+++\nkeep_metadata = true\n+++\nWhere it was\n\n![a wall](photo.jpg)\n");
    machine.run(&["publish", "keep.md", "--to", "all"]).good();
    assert_eq!(machine.twins().timeline("mastodon")[0].media[0].bytes, file.len() as u64);
    let uploads: Vec<_> =
        machine.twins().log().into_iter().filter(|one| holds(&one.request.body, b"\xff\xd8\xff")).collect();
    assert!(uploads.len() >= 2 && uploads.iter().all(|one| holds(&one.request.body, MARK)));
}

#[test]
fn a_second_try_sends_the_same_bytes() {
    let machine = machine(&["discord", "bluesky"]);
    photograph(&machine);
    let fault = || Inject::new(What::Status { status: 503 }).method("POST").when(When::Before).times(0);
    machine.twins().inject(fault().platform("bluesky"));
    machine.twins().inject(fault().platform("discord"));
    machine.run(&["publish", "draft.md", "--to", "all", "--wait", "0"]);
    assert!(machine.twins().timeline("discord").is_empty() && machine.twins().timeline("bluesky").is_empty());
    machine.twins().clear_faults();
    // what was made may be thrown away at any time
    std::fs::remove_dir_all(machine.home().join("cache")).unwrap();
    machine.run(&["retry"]);
    machine.run(&["run"]).good();
    for name in ["bluesky", "discord"] {
        assert_eq!(machine.twins().timeline(name)[0].media.len(), 1, "{name}");
    }
    let mut sent: Vec<Vec<u8>> = machine.twins().log().into_iter().map(|one| one.request.body).collect();
    sent.retain(|body| body.starts_with(b"\xff\xd8\xff"));
    assert!(sent.windows(2).all(|two| two[0] == two[1]) && !sent.is_empty());
}

#[test]
fn a_picture_that_changed_after_planning_is_not_sent() {
    let machine = machine(&["mastodon"]);
    photograph(&machine);
    machine.run(&["publish", "draft.md", "--to", "mastodon", "--at", "2020-01-01 00:00", "--wait", "0"]).good();
    let post = "Again\n\n![a wall](photo.jpg)\n";
    machine.write("later.md", post);
    machine.twins().inject(Inject::new(What::Status { status: 503 }).platform("mastodon").when(When::Before).times(0));
    machine.run(&["publish", "later.md", "--to", "mastodon", "--wait", "0"]);
    machine.twins().clear_faults();
    std::fs::remove_dir_all(machine.home().join("cache")).unwrap();
    std::fs::write(machine.path("photo.jpg"), b"\xff\xd8\xffsomething else").unwrap();
    machine.run(&["retry"]);
    let run = machine.run(&["run"]);
    let history = machine.json(&["history", "show", "2"]);
    assert_eq!(machine.twins().timeline("mastodon").len(), 1, "{}", run.err);
    assert!(history.to_string().contains("changed since the post was planned"), "{history:#}");
}

#[test]
fn the_verb_says_what_becomes_of_a_file() {
    let machine = Machine::new();
    photograph(&machine);
    let crab = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/crab.png");
    std::fs::copy(crab, machine.path("crab.png")).unwrap();
    machine.write("words.png", "these are words");
    machine.write("config.toml", "");
    std::fs::create_dir_all(machine.home()).unwrap();
    std::fs::write(machine.home().join("config.toml"), "[limits.bluesky]\nmax_image_bytes = 60000\n").unwrap();
    let good =
        machine.run(&["media", "photo.jpg", "crab.png", "--for", "bluesky,discord,feed,mastodon,telegram,webhook"]);
    good.good();
    let bad = machine.run(&["media", "words.png", "--for", "mastodon"]);
    bad.ends(3);
    machine.run(&["media", "crab.png", "--for", "mastadon"]).ends(2);
    let kept = machine.json(&["media", "photo.jpg", "--for", "mastodon", "--keep-metadata"]);
    assert_eq!(kept["files"][0]["targets"][0]["state"], "fits");
    assert!(files(&machine.home().join("cache")).is_empty());
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(format!("{}{}", good.all(), bad.all())) });
}
