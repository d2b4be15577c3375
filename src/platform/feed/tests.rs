use std::path::Path;

use quick_xml::events::Event;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

fn site(directory: &Path, keep: Option<usize>) -> Site {
    Site::new(directory.to_str().unwrap(), "https://example.org/notes/", "Notes & more", "Ann", keep).unwrap()
}

fn post(n: u128, text: &str) -> Post {
    Post {
        key: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n),
        created: DateTime::from_timestamp(1_790_000_000 + n as i64, 0).unwrap(),
        index: 0,
        of: 1,
        text: Text::plain(text),
        media: Vec::new(),
        card: None,
        payload: json!({"text": text, "html": format!("<p>{}</p>", item::escape(text))}),
        reply_to: None,
        quote: None,
        root: None,
        parent: None,
        state: Value::Null,
        ..Post::default()
    }
}

fn put(site: &Site, post: &Post) -> Result<(), Fault> {
    let change = |items: &mut Vec<Value>| {
        media(post).iter().try_for_each(|medium| site.copy(medium))?;
        item::put(items, item::item(site, post));
        Ok(())
    };
    site.change(change, Some(&item::page(post)), None)
}

fn json_of(home: &TempDir) -> Value {
    serde_json::from_slice(&std::fs::read(home.path().join("feed.json")).unwrap()).unwrap()
}

/// All text of the elements of this name; fails on anything that is not well-formed XML 1.0.
fn xml(text: &str, name: &str) -> Vec<String> {
    assert!(text.chars().all(|c| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))));
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut found, mut current, mut depth) = (Vec::new(), None::<String>, 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                depth += 1;
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
                if tag.name().as_ref() == name {
                    current = Some(String::new());
                }
            }
            Event::Text(piece) => current.iter_mut().for_each(|all| all.push_str(&piece)),
            Event::GeneralRef(entity) => {
                let c = match &*entity {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "#39" => '\'',
                    "#13" => '\r',
                    other => panic!("unknown entity {other}"),
                };
                current.iter_mut().for_each(|all| all.push(c));
            }
            Event::End(tag) => {
                depth -= 1;
                if tag.name().as_ref() == name {
                    found.extend(current.take());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    found
}

#[test]
fn any_text_survives_in_every_file() {
    let home = TempDir::new().unwrap();
    let site = site(home.path(), None);
    let text = "a <b> & \"c\" 'd' ]]> \u{1f980} Привет \u{0}\u{8}\u{b}\u{1f}\u{ffff}end\n\nsecond";
    let clean = "a <b> & \"c\" 'd' ]]> \u{1f980} Привет end\n\nsecond";
    let mut one = post(1, text);
    one.payload["title"] = json!("Title ]]> <x> & \u{7}");
    one.payload["tags"] = json!(["r&d", "<i>"]);
    one.payload["link"] = json!("https://example.org/?a=1&b=\"2\"");
    one.payload["lang"] = json!("ru");
    put(&site, &one).unwrap();
    let item = &json_of(&home)["items"][0];
    assert_eq!(item["content_text"], clean);
    let atom = std::fs::read_to_string(home.path().join("atom.xml")).unwrap();
    assert_eq!(xml(&atom, "title"), ["Notes & more", "Title ]]> <x> & "]);
    assert_eq!(xml(&atom, "content"), [format!("<p>{}</p>", item::escape(clean))]);
    assert_eq!(xml(&atom, "updated").len(), 2);
    for file in ["index.html".to_string(), item::page(&one)] {
        let page = std::fs::read_to_string(home.path().join(&file)).unwrap();
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>") && !page.contains("<script"), "{page}");
        assert!(page.contains("lang=\"ru\"") && page.contains("prefers-color-scheme"));
    }
}

#[test]
fn the_same_id_replaces_and_says_when_it_changed() {
    let home = TempDir::new().unwrap();
    let site = site(home.path(), None);
    put(&site, &post(1, "one")).unwrap();
    let files = || ["feed.json", "atom.xml", "index.html"].map(|file| std::fs::read(home.path().join(file)).unwrap());
    let before = files();
    put(&site, &post(1, "one")).unwrap();
    assert_eq!(files(), before, "the same post again changes no byte");
    put(&site, &post(1, "two")).unwrap();
    let feed = json_of(&home);
    assert_eq!(feed["items"].as_array().unwrap().len(), 1);
    assert_eq!(feed["items"][0]["content_text"], "two");
    assert!(feed["items"][0]["date_modified"].is_string());
    assert_eq!(feed["items"][0]["date_published"], "2026-09-21T14:13:21.000Z");
}

#[test]
fn what_others_wrote_is_kept() {
    let home = TempDir::new().unwrap();
    let theirs = json!({
        "version": "https://jsonfeed.org/version/1", "title": "Old title", "_other": {"a": [1, 2]}, "hubs": [{"type": "WebSub", "url": "https://hub.example"}],
        "items": [{"id": "https://example.org/old", "content_text": "old", "date_published": "2020-01-01T00:00:00+02:00", "_x": 1}],
    });
    std::fs::write(home.path().join("feed.json"), theirs.to_string()).unwrap();
    let site = Site::new(home.path().to_str().unwrap(), "", "", "", None).unwrap();
    put(&site, &post(1, "new")).unwrap();
    let mut feed = json_of(&home);
    assert_eq!((&feed["_other"], &feed["hubs"]), (&theirs["_other"], &theirs["hubs"]));
    assert_eq!((&feed["items"][1], &feed["title"]), (&theirs["items"][0], &json!("Old title")));
    feed["items"][0]["_mine"] = json!("kept");
    std::fs::write(home.path().join("feed.json"), feed.to_string()).unwrap();
    put(&site, &post(1, "newer")).unwrap();
    assert_eq!(json_of(&home)["items"][0]["_mine"], "kept");
    assert!(std::fs::read_to_string(home.path().join("index.html")).unwrap().contains("Old title"));
}

#[test]
fn newest_first_and_only_so_many() {
    let home = TempDir::new().unwrap();
    let site = site(home.path(), Some(3));
    for n in [3, 1, 5, 2, 4] {
        put(&site, &post(n, &n.to_string())).unwrap();
    }
    let feed = json_of(&home);
    let texts: Vec<_> = feed["items"].as_array().unwrap().iter().map(|item| item["content_text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["5", "4", "3"]);
    assert_eq!(std::fs::read_dir(home.path().join("p")).unwrap().count(), 3, "old pages go with their items");
}

#[test]
fn media_are_copied_once_and_go_with_the_last_post() {
    let home = TempDir::new().unwrap();
    let picture = home.path().join("crab.png");
    std::fs::write(&picture, b"picture").unwrap();
    let medium = Media {
        path: picture.clone(),
        name: "crab.png".into(),
        mime: "image/png".into(),
        bytes: 7,
        width: Some(4),
        height: Some(3),
        sha256: "ab".repeat(32),
        ..Media::default()
    };
    let directory = home.path().join("site");
    let site = site(&directory, None);
    let with_picture = |n| {
        let mut post = post(n, "look");
        post.media = vec![crate::platform::MediaUse { media: medium.clone(), alt: Some("a \"crab\"".into()), extras: Default::default() }];
        post.payload["media"] = json!([{"sha256": medium.sha256, "mime": "image/png", "bytes": 7, "width": 4, "height": 3, "alt": "a \"crab\""}]);
        post
    };
    put(&site, &with_picture(1)).unwrap();
    put(&site, &with_picture(2)).unwrap();
    let count = || std::fs::read_dir(directory.join("media")).unwrap().count();
    assert_eq!(count(), 1);
    let feed: Value = serde_json::from_slice(&std::fs::read(directory.join("feed.json")).unwrap()).unwrap();
    let url = feed["items"][0]["attachments"][0]["url"].as_str().unwrap();
    assert_eq!(url, format!("https://example.org/notes/media/{}.png", "ab".repeat(16)));
    assert_eq!(feed["items"][0]["attachments"][0]["title"], "a \"crab\"");
    let page = std::fs::read_to_string(directory.join(item::page(&with_picture(1)))).unwrap();
    assert!(page.contains("src=\"../media/abab") && page.contains("alt=\"a &quot;crab&quot;\" width=\"4\""), "{page}");
    let delete = |n: u128| {
        let (id, page) = (item::id(&post(n, "")), item::page(&post(n, "")));
        let change = |items: &mut Vec<Value>| {
            items.retain(|item| item["id"] != id);
            Ok(())
        };
        site.change(change, None, Some(&page)).unwrap();
        assert!(!directory.join(page).exists());
    };
    delete(1);
    assert_eq!(count(), 1, "the other post still shows it");
    delete(2);
    assert_eq!(count(), 0);
    delete(2);
    // a file that became longer is not published half
    std::fs::write(&picture, b"another picture").unwrap();
    assert_eq!(put(&site, &with_picture(3)).unwrap_err().kind, crate::net::Kind::Local);
    assert_eq!(count(), 0);
}

#[test]
fn trouble_with_the_disk_is_local_and_leaves_the_feed_as_it_was() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("file"), b"").unwrap();
    let below_a_file = site(&home.path().join("file").join("site"), None);
    for fault in [put(&below_a_file, &post(1, "x")).unwrap_err(), below_a_file.check().unwrap_err()] {
        assert_eq!((fault.kind, fault.effect), (crate::net::Kind::Local, crate::net::Effect::None), "{fault}");
    }
    // a directory stands where a file must go
    let broken = home.path().join("broken");
    std::fs::create_dir_all(broken.join("feed.json")).unwrap();
    assert!(put(&site(&broken, None), &post(1, "x")).unwrap_err().message.contains("feed.json"));
    // not a feed: never overwritten
    let other = home.path().join("other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("feed.json"), b"{ my notes }").unwrap();
    assert!(put(&site(&other, None), &post(1, "x")).unwrap_err().message.contains("not a JSON Feed"));
    assert_eq!(std::fs::read(other.join("feed.json")).unwrap(), b"{ my notes }");
    let left: Vec<_> = std::fs::read_dir(&other).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the feed and the lock, no temporary file: {left:?}");
    assert!(Site::new("", "", "", "", None).is_err());
    assert!(Site::new("x", "example.org", "", "", None).unwrap_err().message.contains("base_url"));
}

#[test]
fn many_writers_lose_nothing() {
    let home = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = home.path();
            scope.spawn(move || (0..5).for_each(|m| put(&site(path, None), &post(n * 10 + m, "x")).unwrap()));
        }
    });
    assert_eq!(json_of(&home)["items"].as_array().unwrap().len(), 40);
    assert_eq!(std::fs::read_dir(home.path().join("p")).unwrap().count(), 40);
}
