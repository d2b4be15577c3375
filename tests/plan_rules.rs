//! What becomes of a draft on networks that can more or less.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/quay.rs"]
mod quay;

use std::collections::BTreeMap;
use std::path::Path;

use quay::{account, picture, target};
use xpost::draft::{Draft, Form, Vars, parse};
use xpost::media::{Card, Facts, Media};
use xpost::plan::{Expires, Known, Plan, Settings, Target, card_urls, hash_all, plan, unknown_names};
use xpost::platform::{PlanNote, Receipt, Reference, Title};
use xpost::text::{Markup, Unit};

fn draft(text: &str) -> Draft {
    parse("draft.md", Path::new(""), text.as_bytes(), Form::Markdown, &Vars::new()).unwrap_or_else(|e| panic!("{e}"))
}

/// Every picture of the draft found.
fn found(draft: &Draft) -> Facts {
    let media = draft.media().into_iter().map(|medium| (medium.source.clone(), Ok(picture(&medium.source)))).collect();
    Facts { media, cards: BTreeMap::new() }
}

fn planned(text: &str, target: &Target) -> Plan {
    let draft = draft(text);
    plan(&draft, &found(&draft), target, &Known::default(), &Settings::default())
}

fn texts(plan: &Plan) -> Vec<&str> {
    plan.parts.iter().map(|part| part.text.text.as_str()).collect()
}

fn codes(notes: &[PlanNote]) -> Vec<&str> {
    notes.iter().map(|note| note.code.as_str()).collect()
}

/// Nothing stops it, and these are its texts.
fn good(text: &str, target: &Target) -> Vec<String> {
    let plan = planned(text, target);
    assert_eq!(plan.problems, []);
    texts(&plan).into_iter().map(str::to_string).collect()
}

/// The one problem that stops it.
fn problem(text: &str, target: &Target) -> (String, String) {
    let plan = planned(text, target);
    assert_eq!(plan.problems.len(), 1, "{:?}", plan.problems);
    let note = plan.problems[0].clone();
    (note.code, note.message)
}

#[test]
fn title_tags_and_link_stand_in_the_text_where_they_have_no_field() {
    let text = "+++\ntitle = \"Head\"\ntags = [\"rust\", \"open source\", \"New\"]\nlink = \"https://a.example/\"\n+++\nbody #new\n\n---\n\nsecond\n";
    assert_eq!(good(text, &target(|_| ())), ["Head\n\nbody #new\n\n#rust #openSource\n\nhttps://a.example/", "second"]);
    let native = target(|spec| {
        spec.title_rule = Title::Native { max: 10, required: true };
        spec.native_tags = true;
        spec.native_link = true;
    });
    assert_eq!(good(text, &native), ["body #new", "second"]);
    let plan = planned(text, &native);
    assert_eq!(plan.parts[0].payload["title"], "Head");
    assert!(plan.parts[1].payload["title"].is_null());
    let ignored = planned(text, &target(|spec| spec.title_rule = Title::Ignored));
    assert!(codes(&ignored.changes).contains(&"title_left_out") && !ignored.parts[0].text.text.contains("Head"));
    // what the text says already is not said twice
    let said = "+++\ntitle = \"Head\"\nlink = \"https://a.example\"\n+++\n# Head\n\nsee [this](https://a.example/)\n";
    assert_eq!(good(said, &target(|_| ()))[0].matches("Head").count(), 1);
    assert_eq!(good(said, &target(|_| ()))[0].matches("https://a.example").count(), 1);
    assert_eq!(problem("body", &native).0, "title_missing");
    assert_eq!(problem("+++\ntitle = \"Much too long\"\n+++\nbody", &native).0, "title_too_long");
    let cut = planned("+++\ntitle = \"Much too long\"\noverflow = \"truncate\"\n+++\nbody", &native);
    assert_eq!(
        (cut.parts[0].payload["title"].as_str(), codes(&cut.changes)),
        (Some("Much too…"), vec!["title_truncated"])
    );
    assert_eq!(codes(&planned("+++\ntags = [\"2024\"]\n+++\nx", &target(|_| ())).warnings), ["tag_left_out"]);
}

#[test]
fn a_long_text_becomes_a_thread_or_is_cut_or_refused() {
    let long = "One sentence is here. ".repeat(12);
    let plan = planned(&long, &target(|_| ()));
    assert_eq!((plan.problems.len(), codes(&plan.changes)), (0, vec!["split"]));
    assert!(plan.parts.len() >= 3 && plan.parts.iter().all(|part| part.count <= 100 && part.limit == Some(100)));
    let counted = planned(&format!("+++\nnumbering = true\n+++\n{long}"), &target(|_| ()));
    let of = counted.parts.len();
    for (index, part) in counted.parts.iter().enumerate() {
        assert!(
            part.count <= 100 && part.text.text.ends_with(&format!(" ({}/{of})", index + 1)),
            "{:?}",
            part.text.text
        );
    }
    let refused = problem(&format!("+++\noverflow = \"refuse\"\n+++\n{long}"), &target(|_| ()));
    assert_eq!(refused.0, "too_long");
    assert!(refused.1.contains("the text has 263 characters, 100 are allowed"), "{}", refused.1);
    let none = target(|spec| spec.threads = false);
    assert_eq!(problem(&long, &none).0, "too_long");
    let asked = planned(&format!("+++\noverflow = \"thread\"\n+++\n{long}"), &none);
    assert_eq!((codes(&asked.problems), codes(&asked.warnings)), (vec!["too_long"], vec!["no_threads"]));
    let cut = planned(
        &format!("+++\noverflow = \"truncate\"\nlink = \"https://a.example/page\"\ntags = [\"rust\"]\n+++\n{long}"),
        &target(|_| ()),
    );
    let text = &cut.parts[0].text.text;
    assert_eq!((cut.parts.len(), codes(&cut.changes)), (1, vec!["truncated"]));
    assert!(text.ends_with("…\n\n#rust\n\nhttps://a.example/page") && cut.parts[0].count <= 100, "{text}");
    let inside = planned(
        &format!("+++\noverflow = \"truncate\"\nlink = \"https://a.example/page\"\n+++\n{long} https://a.example/page"),
        &target(|_| ()),
    );
    assert!(inside.parts[0].text.text.ends_with("…\n\nhttps://a.example/page"), "{}", inside.parts[0].text.text);
    let stuck = problem(&format!("https://a.example/{}", "x".repeat(200)), &target(|_| ()));
    assert_eq!(stuck.0, "unbreakable");
    let endless = target(|spec| spec.text.max = Some(1));
    assert_eq!(problem(&"word ".repeat(2000), &endless).0, "too_long");
}

#[test]
fn a_second_limit_holds_at_the_same_time() {
    let both = target(|spec| spec.text.also = Some((Unit::Bytes, 60)));
    let plan = planned(&"日本語のテキスト、".repeat(8), &both);
    assert!(plan.good() && plan.parts.len() > 2, "{:?}", plan.problems);
    assert!(plan.parts.iter().all(|part| part.text.text.len() <= 60));
}

#[test]
fn beside_media_the_caption_limit_holds_and_the_rest_follows() {
    let caption = target(|spec| spec.text.caption = Some(30));
    let plan = planned("![a](a.png)\n\nThis text is longer than a caption may be, so it goes on below.", &caption);
    assert!(plan.good());
    assert_eq!((plan.parts[0].limit, plan.parts[1].limit), (Some(30), Some(100)));
    assert_eq!(plan.parts[0].media.len(), 1);
    assert!(plan.parts[0].count <= 30 && plan.parts[1].media.is_empty());
    let refused = target(|spec| (spec.text.caption, spec.threads) = (Some(30), false));
    let (code, message) = problem("![a](a.png)\n\nThis text is longer than a caption may be.", &refused);
    assert!(code == "too_long" && message.contains("30 are allowed beside media"), "{message}");
}

#[test]
fn a_thread_is_one_post_where_there_are_no_threads() {
    let plan = planned("one ![a](a.png)\n\n---\n\ntwo ![b](b.png)", &target(|spec| spec.threads = false));
    assert_eq!((texts(&plan), plan.parts[0].media.len()), (vec!["one\n\ntwo"], 2));
    assert_eq!(codes(&plan.changes), ["thread_joined"]);
}

#[test]
fn media_beyond_the_limit_go_on_in_the_next_post() {
    let six: String = (0..6).map(|n| format!("![{n}]({n}.png)\n")).collect();
    let plan = planned(&format!("words\n\n{six}"), &target(|_| ()));
    let many: Vec<_> = plan.parts.iter().map(|part| part.media.len()).collect();
    assert_eq!((plan.problems.len(), many, texts(&plan)), (0, vec![4, 2], vec!["words", ""]));
    assert_eq!(codes(&plan.changes), ["media_split"]);
    assert_eq!(problem(&format!("words\n\n{six}"), &target(|spec| spec.threads = false)).0, "too_many_media");
    assert_eq!(problem("![x](x.png)", &target(|spec| spec.text.optional = false)).0, "text_required");
    let none = planned("words\n\n![x](x.png)", &target(|spec| spec.media.max = 0));
    assert_eq!((none.problems.len(), codes(&none.warnings), none.parts[0].media.len()), (0, vec!["media_left_out"], 0));
    assert_eq!(problem("words", &target(|spec| spec.media.required = true)).0, "media_required");
}

#[test]
fn files_are_judged_by_the_networks_limits() {
    let judge = |change: &dyn Fn(&mut Media), with: &Target| {
        let draft = draft("w\n\n![a](a.png)");
        let mut facts = found(&draft);
        if let Some(Ok(media)) = facts.media.get_mut("a.png") {
            change(media);
        }
        let plan = plan(&draft, &facts, with, &Known::default(), &Settings::default());
        let media = &plan.parts[0].media[0].media;
        assert_eq!(media.fit.is_some(), !plan.changes.is_empty(), "what is changed is said");
        let notes = plan.problems.iter().chain(&plan.changes);
        notes.map(|note| format!("{}: {}", note.code, note.message)).collect::<Vec<_>>().join("\n")
    };
    let quay = target(|_| ());
    assert_eq!(judge(&|_| (), &quay), "");
    assert_eq!(
        judge(&|m| m.bytes = 1_500_000, &quay),
        "media_fitted: `a.png` is drawn anew, 1.5 MB -> at most 1.0 MB, image/png -> image/jpeg: Quay takes at most 1.0 MB"
    );
    assert_eq!(
        judge(&|m| (m.mime, m.about.lossless) = ("image/gif".into(), true), &quay),
        "media_fitted: `a.png` is drawn anew, image/gif -> image/png: Quay takes image/png, image/jpeg"
    );
    assert_eq!(
        judge(&|m| (m.width, m.height) = (Some(1900), Some(1900)), &quay),
        "media_fitted: `a.png` is drawn anew, 1900x1900 -> 1000x1000: Quay takes at most 1000000 pixels"
    );
    assert_eq!(
        judge(&|m| m.width = Some(2001), &quay),
        "media_fitted: `a.png` is drawn anew, 2001x50 -> 2000x49: Quay takes at most 2000 pixels on a side"
    );
    let hidden = |m: &mut Media| m.about.hidden = vec!["EXIF".into(), "GPS".into(), "XMP".into()];
    assert_eq!(
        judge(&hidden, &quay),
        "media_cleaned: EXIF (with the place), XMP are taken out of `a.png`; the picture stays as it is"
    );
    // what cannot be drawn anew is a problem, and says why
    let moving = |m: &mut Media| (m.bytes, m.about.animated) = (1_500_000, true);
    let said = judge(&moving, &quay);
    assert!(said.starts_with("media_too_large: `a.png` has 1.5 MB, 1.0 MB are allowed; it moves"), "{said}");
    let said = judge(&|m| m.mime = "image/heic".into(), &quay);
    assert!(said.starts_with("media_type: `a.png` is `image/heic`; Quay takes") && said.contains("as JPEG"), "{said}");
    let long = |m: &mut Media| {
        (m.mime, m.bytes, m.about.millis) = ("video/mp4".into(), 20_000_000, Some(60_000));
    };
    assert_eq!(
        judge(&long, &quay),
        "media_too_large: `a.png` has 20.0 MB, 10.0 MB are allowed; export it with at most 1266 kbit/s, or make it \
         shorter; `ffmpeg = true` in `config.toml` lets ffmpeg make it anew"
    );
    assert!(judge(&|m| m.mime = "audio/mpeg".into(), &quay).contains("does not take"));
    assert!(judge(&|m| m.mime = "video/mp4".into(), &target(|spec| spec.media.video = None)).contains("no films"));
    // a film and a picture part where they may not stand together
    let draft = draft("w\n\n![a](a.png) ![b](b.mp4)");
    let mut facts = found(&draft);
    facts.media.get_mut("b.mp4").unwrap().as_mut().unwrap().mime = "video/mp4".into();
    let mixed = plan(&draft, &facts, &quay, &Known::default(), &Settings::default());
    assert_eq!((mixed.problems.len(), mixed.parts.len()), (0, 2));
    let still = target(|spec| spec.threads = false);
    assert_eq!(codes(&plan(&draft, &facts, &still, &Known::default(), &Settings::default()).problems), ["mixed_media"]);
    assert_eq!(
        codes(&plan(&draft, &Facts::default(), &quay, &Known::default(), &Settings::default()).problems),
        ["media", "media"]
    );
}

#[test]
fn alt_texts_are_missed_and_never_cut_in_silence() {
    let quay = target(|_| ());
    assert_eq!(codes(&planned("w ![](a.png)", &quay).warnings), ["missing_alt"]);
    assert_eq!(problem("+++\nrequire_alt = true\n+++\nw ![](a.png)", &quay).0, "missing_alt");
    let long = format!("w ![{}](a.png)", "crab ".repeat(20));
    let (code, message) = problem(&long, &quay);
    assert_eq!(code, "alt_too_long");
    assert!(message.contains("has 99 characters, 50 are allowed") && message.contains("alt_overflow"), "{message}");
    let cut = planned(&format!("+++\nalt_overflow = \"truncate\"\n+++\n{long}"), &quay);
    assert_eq!((codes(&cut.changes), cut.problems.len()), (vec!["alt_truncated"], 0));
    let alt = cut.parts[0].media[0].alt.as_deref().unwrap();
    assert!(alt.ends_with('…') && Unit::Graphemes.count(alt) <= 50, "{alt}");
    // what becomes of the text says nothing about the alt
    assert_eq!(problem(&format!("+++\noverflow = \"truncate\"\n+++\n{long}"), &quay).0, "alt_too_long");
    let none = planned("w ![crab](a.png)", &target(|spec| spec.media.alt = None));
    assert_eq!((codes(&none.changes), none.warnings.len()), (vec!["alt_left_out"], 0));
}

#[test]
fn polls_are_judged() {
    let poll = |body: &str| format!("+++\n[poll]\n{body}\n+++\nwhich?");
    let quay = target(|_| ());
    assert!(planned(&poll("options = [\"a\", \"b\"]"), &quay).good());
    for (body, said) in [
        ("options = [\"a\", \"b\", \"c\", \"d\", \"e\"]", "5 options, 2 to 4"),
        ("options = [\"a\", \"much too long\"]", "has 13 characters, 10"),
        ("options = [\"a\", \"b\"]\nduration = \"1m\"", "open for 1 minute, 5 minutes to 7 days"),
    ] {
        assert!(problem(&poll(body), &quay).1.contains(said));
    }
    let text = "+++\n[poll]\noptions = [\"a\", \"b\"]\n+++\nwhich? ![x](x.png)";
    assert!(problem(text, &quay).1.contains("beside media"));
    assert!(problem(&poll("options = [\"a\", \"b\"]"), &target(|spec| spec.poll = None)).1.contains("no polls"));
}

#[test]
fn what_would_be_public_by_mistake_is_stopped() {
    let open = target(|spec| spec.visibility = &[]);
    assert_eq!(problem("+++\nvisibility = \"followers\"\n+++\nx", &open).0, "visibility");
    assert_eq!(problem("+++\nvisibility = \"direct\"\n+++\nx", &open).0, "visibility");
    let unlisted = planned("+++\nvisibility = \"unlisted\"\n+++\nx", &open);
    assert_eq!((unlisted.good(), codes(&unlisted.warnings)), (true, vec!["visibility"]));
    assert!(planned("+++\nvisibility = \"direct\"\n+++\nx", &target(|_| ())).warnings.is_empty());
    let warned = planned("+++\nwarning = \"spiders\"\n+++\nx", &target(|spec| spec.warnings = false));
    assert_eq!((texts(&warned), codes(&warned.warnings)), (vec!["CW: spiders\n\nx"], vec!["warning_as_text"]));
}

#[test]
fn replies_and_quotes_are_looked_up() {
    let receipt = Receipt::new("r1", Some("https://quay.example/1".into()));
    let known = Known { posts: [(("12".to_string(), "quay".to_string()), receipt.clone())].into() };
    let with =
        |text: &str, target: &Target| plan(&draft(text), &Facts::default(), target, &known, &Settings::default());
    let quay = target(|_| ());
    assert_eq!(with("+++\nreply_to = 12\n+++\nx", &quay).reply_to, Some(Reference::Ours(receipt.clone())));
    assert_eq!(codes(&with("+++\nreply_to = 13\n+++\nx", &quay).problems), ["unknown_post"]);
    assert_eq!(
        with("+++\nquote = \"https://b.example/2\"\n+++\nx", &quay).quote,
        Some(Reference::Url("https://b.example/2".into()))
    );
    let poor = target(|spec| (spec.quotes, spec.replies) = (false, false));
    for (quote, url) in [("12", "https://quay.example/1"), ("\"https://b.example/2\"", "https://b.example/2")] {
        let plan = with(&format!("+++\nquote = {quote}\n+++\nx"), &poor);
        assert_eq!(
            (texts(&plan), codes(&plan.changes), &plan.quote),
            (vec![format!("x\n\n{url}").as_str()], vec!["quote_as_link"], &None)
        );
    }
    assert_eq!(codes(&with("+++\nreply_to = \"https://b.example/2\"\n+++\nx", &poor).problems), ["reply_unsupported"]);
    assert!(with("+++\nreply_to = 12\n+++\nx", &poor).good());
}

#[test]
fn overrides_go_from_the_draft_to_the_platform_to_the_account() {
    let text = "+++\nlang = \"en\"\ntitle = \"draft\"\n[on.quay]\ntitle = \"platform\"\nchannel = 7\n[on.work]\ntext = \"own *words*\"\n+++\nbody ![a](a.png)\n\n---\n\nmore ![b](b.png)";
    let quay = target(|_| ());
    assert_eq!(good(text, &quay), ["platform\n\nbody", "more"]);
    let work = account("work", target(|_| ()));
    let plan = planned(text, &work);
    assert_eq!((texts(&plan), plan.parts[0].media.len()), (vec!["platform\n\nown words"], 1));
    assert_eq!(codes(&plan.changes), ["media_left_out"]);
    assert_eq!(plan.parts[0].payload["options"]["channel"], "7");
    let bare = planned("+++\n[on.work]\nmedia = []\n+++\nbody ![a](a.png)", &work);
    assert!(bare.parts[0].media.is_empty());
    let defaults = xpost::draft::Fields { title: Some("always".into()), ..Default::default() };
    let settings = Settings { defaults, zone: None };
    let plan = xpost::plan::plan(&draft("x"), &Facts::default(), &quay, &Known::default(), &settings);
    assert_eq!(texts(&plan), ["always\n\nx"]);
}

#[test]
fn options_are_checked_against_the_networks_list() {
    let quay = target(|_| ());
    let told = |body: &str| problem(&format!("+++\n[on.quay]\n{body}\n+++\nx"), &quay).1;
    assert_eq!(told("chanel = \"a\""), "Quay has no option `chanel`; did you mean `channel`?");
    assert_eq!(told("txet = \"a\""), "Quay has no option `txet`; did you mean `text`?");
    assert!(told("wholly = 1").ends_with("it knows `channel`, `silent`, `gate`, `labels`"));
    assert_eq!(told("silent = \"yes\""), "`silent` of Quay must be `true` or `false`");
    assert_eq!(told("gate = \"freinds\""), "`gate` of Quay must be one of `all`, `friends`; did you mean `friends`?");
    let plan = planned("+++\n[on.quay]\nsilent = true\ngate = \"all\"\nlabels = \"one\"\n+++\nx", &quay);
    assert_eq!(plan.parts[0].payload["options"].to_string(), r#"{"gate":"all","labels":["one"],"silent":true}"#);
    let strict = target(|spec| {
        spec.options = &[xpost::platform::Field {
            name: "room",
            kind: xpost::platform::FieldKind::Text,
            required: true,
            help: "the room's id",
        }];
    });
    assert_eq!(problem("x", &strict).1, "Quay needs `room` under `[on.quay]`: the room's id");
    let draft = draft("+++\n[on.quai]\nlang = \"en\"\n[on.work]\nlang = \"en\"\n+++\nx");
    let unknown = unknown_names(&draft, &["quay", "work"]);
    assert_eq!(unknown[0].message, "`[on.quai]` names neither a network nor an account; did you mean `quay`?");
    assert_eq!(unknown.len(), 1);
}

#[test]
fn people_are_called_by_their_handle_here_and_nobody_else_is() {
    let people = "+++\n[people.ann]\nquay = \"@ann@q.example\"\nwork = \"ann.work\"\n[people.bob]\nname = \"Bob B.\"\nother = \"@bob\"\n+++\nthanks *@{ann}*, @{bob} and @{ano}";
    let plan = planned(people, &target(|_| ()));
    assert_eq!(texts(&plan), ["thanks @ann@q.example, Bob B. and ano"]);
    assert_eq!((codes(&plan.changes), codes(&plan.warnings)), (vec!["no_handle"], vec!["unknown_person"]));
    assert!(plan.warnings[0].message.ends_with("did you mean `ann`?"));
    assert_eq!(texts(&planned(people, &account("work", target(|_| ()))))[0], "thanks @ann.work, Bob B. and ano");
    let mention = target(|spec| spec.text.markup = Markup::Entities);
    let part = &planned(people, &mention).parts[0].text;
    let marks: Vec<_> = part.marks.iter().filter(|m| matches!(m.kind, xpost::text::Kind::Mention { .. })).collect();
    assert_eq!(marks.len(), 1);
    assert_eq!(&part.text[marks[0].start..marks[0].end], "@ann@q.example");
    let by_id = "+++\n[people.co]\nname = \"Crab & Co\"\nquay = \"urn:li:organization:1337\"\n+++\nthanks @{co}";
    let called = &planned(by_id, &mention).parts[0].text;
    assert_eq!((called.text.as_str(), called.marks.len()), ("thanks Crab & Co", 1), "an id is read by nobody");
}

#[test]
fn cards_are_ours_only_where_the_network_wants_them() {
    let ours = target(|spec| spec.card = xpost::platform::Card::Ours);
    let text = "+++\nlink = \"https://a.example\"\n+++\nbody";
    let mut facts = Facts::default();
    let read = Card { url: "https://a.example".into(), title: "Page".into(), ..Card::default() };
    facts.cards.insert("https://a.example".into(), Ok(read));
    let with = |text: &str, facts: &Facts, target: &Target| {
        plan(&draft(text), facts, target, &Known::default(), &Settings::default())
    };
    let plan_ = with(text, &facts, &ours);
    assert_eq!((texts(&plan_), plan_.parts[0].card.as_ref().unwrap().title.as_str()), (vec!["body"], "Page"));
    let own = with("+++\nlink = \"https://a.example\"\ncard = { title = \"Mine\" }\n+++\nbody", &facts, &ours);
    assert_eq!(own.parts[0].payload["card"], "Mine");
    let off = "+++\nlink = \"https://a.example\"\ncard = false\n+++\nbody";
    assert_eq!(texts(&with(off, &facts, &ours)), ["body\n\nhttps://a.example"]);
    facts.cards.insert("https://a.example".into(), Err("it answered 404".into()));
    let failed = with(text, &facts, &ours);
    assert_eq!((codes(&failed.warnings), texts(&failed)), (vec!["card_unread"], vec!["body\n\nhttps://a.example"]));
    assert_eq!(codes(&with(text, &Facts::default(), &ours).changes), ["card_later"]);
    assert_eq!(texts(&with(text, &facts, &target(|_| ()))), ["body\n\nhttps://a.example"]);
    let wanted = |text: &str| card_urls(&draft(text), &[ours.clone(), target(|_| ())], &Settings::default());
    assert_eq!(wanted(text), ["https://a.example"]);
    assert_eq!(wanted("see https://b.example and https://c.example"), ["https://b.example"]);
    assert!(wanted(off).is_empty() && wanted("none").is_empty());
    assert!(wanted("+++\nlink = \"https://a.example\"\n+++\n![x](x.png)").is_empty());
    assert!(card_urls(&draft(text), &[target(|_| ())], &Settings::default()).is_empty());
}

#[test]
fn times_are_read_in_the_draft_zone_or_the_configured_one() {
    let quay = target(|_| ());
    let at = |front: &str, zone: Option<&str>| {
        let settings = Settings { zone: zone.map(str::to_string), ..Settings::default() };
        plan(&draft(&format!("+++\n{front}\n+++\nx")), &Facts::default(), &quay, &Known::default(), &settings)
    };
    let utc = |plan: &Plan| plan.at.map(|at| at.to_rfc3339());
    assert_eq!(utc(&at("at = \"2026-12-01 09:00\"", None)).as_deref(), Some("2026-12-01T09:00:00+00:00"));
    assert_eq!(
        utc(&at("at = \"2026-12-01 09:00\"", Some("Europe/Berlin"))).as_deref(),
        Some("2026-12-01T08:00:00+00:00")
    );
    let own = at("at = \"2026-12-01 09:00\"\nzone = \"Asia/Tokyo\"\nexpires = \"30d\"", Some("Europe/Berlin"));
    assert_eq!(
        (utc(&own).as_deref(), own.expires),
        (Some("2026-12-01T00:00:00+00:00"), Some(Expires::After(2_592_000)))
    );
    let stuck = target(|spec| spec.replies = false);
    let kept = plan(
        &draft("+++\nexpires = \"30d\"\n+++\nx"),
        &Facts::default(),
        &stuck,
        &Known::default(),
        &Settings::default(),
    );
    assert_eq!((kept.expires, codes(&kept.warnings)), (None, vec!["expires"]));
    assert_eq!(codes(&at("at = \"2026-03-29 02:30\"", Some("Europe/Berlin")).problems), ["at"]);
    assert_eq!(codes(&at("at = \"2026-10-25 02:30\"", Some("Europe/Berlin")).warnings), ["at"]);
    assert_eq!(codes(&at("at = \"2026-12-01 09:00\"", Some("Nowhere")).problems), ["zone"]);
    assert_eq!(codes(&at("at = \"2026-12-02 09:00\"\nexpires = \"2026-12-01 09:00\"", None).problems), ["expires"]);
}

#[test]
fn turned_text_is_told() {
    let quay = target(|_| ());
    assert_eq!(problem("pay \u{202e}000,1", &quay).0, "bidi_override");
    assert_eq!(codes(&planned("open \u{2067}isolate", &quay).warnings), ["bidi"]);
    assert!(planned("closed \u{2067}isolate\u{2069} \u{200f}", &quay).warnings.is_empty());
}

#[test]
fn what_encode_says_reaches_the_plan() {
    let quay = target(|_| ());
    assert_eq!(problem("a FORBIDDEN word", &quay), ("unsupported".into(), "this word cannot be said here".into()));
    assert_eq!(codes(&planned("a SUSPECT word", &quay).warnings), ["suspect"]);
    let html = planned("<u>a</u>", &quay);
    assert!(html.warnings[0].message.starts_with("line 1: HTML"));
    assert_eq!(codes(&planned("+++\n[on.x]\ntext = \"only there\"\n+++\n", &quay).problems), ["empty"]);
}

#[test]
fn the_hash_is_of_what_reaches_the_network() {
    let text = "+++\nat = \"2026-12-01 09:00\"\n+++\nhello ![a](a.png)";
    let quay = target(|_| ());
    let one = planned(text, &quay);
    assert_eq!((one.hash.len(), &one.hash), (64, &planned(text, &target(|_| ())).hash));
    assert_eq!(one.hash, planned(&text.replace("12-01", "12-02"), &quay).hash);
    let other = draft(text);
    let mut facts = found(&other);
    facts.media.get_mut("a.png").unwrap().as_mut().unwrap().sha256 = "f".repeat(64);
    let changed = plan(&other, &facts, &quay, &Known::default(), &Settings::default());
    let differ = [
        planned("hello", &quay),
        planned(text, &account("work", target(|_| ()))),
        planned(&text.replace("![a]", "![b]"), &quay),
        changed,
    ];
    assert!(differ.iter().all(|plan| plan.hash != one.hash));
    assert_eq!(hash_all(&[one.clone(), differ[0].clone()]), hash_all(&[differ[0].clone(), one.clone()]));
    assert_ne!(hash_all(std::slice::from_ref(&one)), hash_all(&differ));
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), one);
}

#[test]
fn own_links_get_their_parameters_once_and_are_counted_with_them() {
    let quay = target(|_| ());
    let front = "link = \"https://a.example/p#top\"\nlinks = { utm_source = \"{{ platform }}\", utm_term = \"{{ account }}\" }\n";
    let with = "https://a.example/p?utm_source=quay&utm_term=quay#top";
    let plain = planned(&format!("+++\n{front}+++\nsee https://b.example/"), &quay);
    assert_eq!(texts(&plain), [format!("see https://b.example/\n\n{with}")]);
    let change = plain.changes.iter().find(|note| note.code == "link_parameters").unwrap();
    assert_eq!(change.message, format!("`https://a.example/p#top` goes out as `{with}`"));
    assert_eq!(plain.parts[0].count, Unit::Graphemes.count(&plain.parts[0].text.text));
    // the same page in the text is the same link, bare or not, and does not follow below once more
    for (body, text) in
        [("at https://a.example/p#top!", format!("at {with}!")), ("[here](https://a.example/p#top)", "here".into())]
    {
        let plan = planned(&format!("+++\n{front}+++\n{body}"), &quay);
        assert!(texts(&plan)[0].starts_with(&text), "{:?}", texts(&plan));
        assert_eq!(plan.parts[0].text.text.matches("utm_source").count(), 1, "{:?}", texts(&plan));
        assert!(plan.parts[0].text.contains_url(with));
    }
    // other people's pages only where their host is named
    let all = "links = { s = \"1\", all = true, hosts = [\"a.example\"] }\n";
    assert_eq!(
        good(&format!("+++\n{all}+++\nhttps://www.a.example https://b.example/?x https://a.example/?s=0"), &quay),
        ["https://www.a.example/?s=1 https://b.example/?x https://a.example/?s=0"]
    );
    assert_eq!(
        good(&format!("+++\nlink = \"https://b.example/\"\n{all}+++\nbody"), &quay),
        ["body\n\nhttps://b.example/"]
    );
    assert_eq!(
        codes(&planned("+++\nlinks = { s = \"1\", all = true }\n+++\nhttps://b.example/", &quay).warnings),
        ["links_without_hosts"]
    );
    let off = format!("+++\n{front}[on.quay]\nlinks = false\n+++\nbody");
    assert_eq!(good(&off, &quay), ["body\n\nhttps://a.example/p#top"]);
    let wrong = parse(
        "draft.md",
        Path::new(""),
        b"+++\ntitle = \"x\"\n[links]\nutm_source = \"{{ platfrom }}\"\n+++\nbody",
        Form::Markdown,
        &Vars::new(),
    )
    .unwrap_err()
    .to_string();
    assert!(wrong.contains("`platfrom` is not defined") && wrong.contains(":3"), "{wrong}");
}

#[test]
fn a_card_is_read_at_the_page_and_leads_to_it_with_parameters() {
    let ours = target(|spec| spec.card = xpost::platform::Card::Ours);
    let text = "+++\nlink = \"https://a.example/\"\nlinks = { s = \"{{ platform }}\" }\n+++\nbody";
    let read = Card { url: "https://a.example/".into(), title: "Page".into(), ..Card::default() };
    let facts = Facts { cards: [("https://a.example/".to_string(), Ok(read))].into(), ..Facts::default() };
    assert_eq!(card_urls(&draft(text), std::slice::from_ref(&ours), &Settings::default()), ["https://a.example/"]);
    let plan = plan(&draft(text), &facts, &ours, &Known::default(), &Settings::default());
    assert_eq!(plan.parts[0].card.as_ref().unwrap().url, "https://a.example/?s=quay");
}

#[test]
fn one_network_gets_other_media_and_what_is_said_of_them_goes_along_or_is_left_out_aloud() {
    let quay = target(|_| ());
    let text = "+++\n[media.\"a.png\"]\nalt = \"the table's words\"\nfocus = [0.3, -0.25]\n[media.\"square.png\"]\nalt = \"a square\"\n\
                [on.quay]\nmedia = [\"square.png\", { file = \"b.png\", alt = \"its own\" }]\n[on.other]\n+++\nw ![in brackets](a.png)";
    let plan_ = planned(text, &quay);
    let media = |plan: &Plan| -> Vec<(String, String)> {
        let media = plan.parts.iter().flat_map(|part| &part.media);
        media.map(|one| (one.media.name.clone(), one.alt.clone().unwrap_or_default())).collect()
    };
    assert_eq!(media(&plan_), [("square.png".into(), "a square".into()), ("b.png".into(), "its own".to_string())]);
    let plain = planned(&text.replace("[on.quay]\nmedia", "[on.other2]\nmedia"), &quay);
    assert_eq!(media(&plain), [("a.png".into(), "the table's words".to_string())]);
    let left = plain.changes.iter().find(|note| note.code == "media_extra_left_out").unwrap();
    assert_eq!(left.message, "`focus` of `a.png` is left out: Quay takes none");
    assert!(plain.parts[0].media[0].extras.is_empty());
    let mastodon = xpost::platform::by_name("mastodon").unwrap();
    let target_ = Target { name: "mastodon".into(), platform: mastodon, account: None };
    let carried = planned(text, &target_);
    assert_eq!(carried.parts[0].media[0].extras.focus.unwrap().to_string(), "0.3,-0.25");
    assert!(!codes(&carried.changes).contains(&"media_extra_left_out"));
    // another focus is another post
    assert_ne!(carried.hash, planned(&text.replace("0.3", "0.4"), &target_).hash);
    let film = "+++\n[media.\"a.mp4\"]\nthumbnail = \"cover.png\"\nsubtitles = \"a.vtt\"\n+++\nw ![a film](a.mp4)";
    let draft_ = draft(film);
    let mut facts = found(&draft_);
    facts.media.get_mut("a.mp4").unwrap().as_mut().unwrap().mime = "video/mp4".into();
    let wrong = plan(&draft_, &facts, &target_, &Known::default(), &Settings::default());
    assert_eq!(codes(&wrong.problems), ["media_extra"]);
    facts.media.get_mut("a.vtt").unwrap().as_mut().unwrap().mime = "text/vtt".into();
    let good = plan(&draft_, &facts, &target_, &Known::default(), &Settings::default());
    assert_eq!((good.problems.len(), codes(&good.changes)), (0, vec!["media_extra_left_out"]), "{:?}", good.problems);
    assert_eq!(good.parts[0].media[0].extras.thumbnail.as_ref().unwrap().name, "cover.png");
    for (front, said) in [
        ("[media.\"b.png\"]\nalt = \"x\"", "the draft has no such medium; did you mean `a.png`?"),
        ("[media.\"a.png\"]\nfocus = [2, 0]", "two numbers from -1 to 1"),
        ("[media.\"a.png\"]\nfocus = \"middle\"", "two numbers from -1 to 1"),
        ("[media.\"a.png\"]\nfokus = [0, 0]", "did you mean `focus`?"),
    ] {
        let text = format!("+++\n{front}\n+++\n![x](a.png)");
        let why = parse("d.md", Path::new(""), text.as_bytes(), Form::Markdown, &Vars::new()).unwrap_err().to_string();
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn media_on_the_web_that_nobody_has_looked_at_stop_nothing() {
    let draft_ = draft("![crab](https://a.example/crab.png)");
    let quay = target(|spec| spec.media.required = true);
    let later = plan(&draft_, &Facts::default(), &quay, &Known::default(), &Settings::default());
    assert_eq!((later.problems.as_slice(), codes(&later.warnings)), (&[][..], vec!["media_later"]));
    let facts = Facts {
        media: [("https://a.example/crab.png".to_string(), Err("it answered 404".into()))].into(),
        ..Facts::default()
    };
    let gone = plan(&draft_, &facts, &quay, &Known::default(), &Settings::default());
    assert!(codes(&gone.problems).contains(&"media"), "{:?}", gone.problems);
}
