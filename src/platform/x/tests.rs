//! The platform against its twin, and what it makes of answers.

use std::sync::Mutex;

use chrono::TimeDelta;

use super::twin::{FRIEND, STRANGER, XTwin};
use super::*;
use crate::draft::Poll;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse, Place, Reference, Sink};
use crate::text::Text;
use crate::twin::{Inject, What, When};

fn stage() -> Stage {
    Stage::new(&Network, 0)
}

fn stage_of(twin: XTwin) -> Stage {
    Stage::with_twin(&Network, 0, Box::new(twin))
}

fn text(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

/// A file of this many bytes that begins as one of its type does.
fn file(stage: &Stage, name: &str, bytes: usize, alt: Option<&str>) -> MediaUse {
    let (mime, head): (_, &[u8]) = match name.rsplit('.').next() {
        Some("mp4") => ("video/mp4", b"\0\0\0\x18ftypmp42"),
        Some("gif") => ("image/gif", b"GIF89a"),
        Some("vtt") => ("text/vtt", b"WEBVTT\n\n"),
        Some("srt") => ("application/x-subrip", b"1\n00:00:"),
        Some("bad") => ("video/mp4", b"no film at all"),
        _ => ("image/png", b"\x89PNG\r\n\x1a\n"),
    };
    let mut medium = stage.file(name, mime, bytes, alt);
    let mut content = vec![7; bytes];
    content[..head.len()].copy_from_slice(head);
    std::fs::write(&medium.media.path, content).unwrap();
    medium.media.about.animated = mime == "image/gif";
    medium
}

fn paths(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

/// Keeps what was saved last.
#[derive(Default)]
struct Memory(Mutex<Value>);

#[async_trait]
impl Sink for Memory {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.0.lock().unwrap().clone_from(state);
        Ok(())
    }
    async fn keep(&self, _: &std::collections::BTreeMap<String, secrecy::SecretString>) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, _: &str, _: &str) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
    async fn remember_upload(&self, _: &str, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        Ok(())
    }
    fn progress(&self, _: &str) {}
}

/// `prepare` until it is done, as the engine does; how often it was told to come back.
async fn prepare(stage: &Stage, memory: &Memory, post: &mut Post) -> Result<(Value, usize), Fault> {
    let cx = Cx { sink: memory, ..stage.cx() };
    for waits in 0..20 {
        match Network.prepare(&cx, post).await {
            Ok(Ready::Now(ready)) => return Ok((ready, waits)),
            Ok(Ready::Later { state, at }) => {
                assert!(at > Utc::now() - TimeDelta::seconds(1) && at < Utc::now() + TimeDelta::seconds(61));
                post.state = state;
            }
            Err(fault) => {
                post.state = memory.0.lock().unwrap().clone();
                return Err(fault);
            }
        }
    }
    panic!("it never ends");
}

async fn publish(stage: &Stage, content: &Content) -> Result<Receipt, Fault> {
    let mut post = stage.posts(content).remove(0);
    let (ready, _) = prepare(stage, &Memory::default(), &mut post).await?;
    Network.publish(&stage.cx(), &post, &ready).await
}

#[tokio::test]
async fn a_text_post_is_one_request() {
    let stage = stage();
    let receipt = stage.publish(&text("Hello")).await.unwrap().remove(0);
    assert_eq!(paths(&stage), ["POST /2/tweets"]);
    assert_eq!(stage.server.log()[0].request.json(), json!({"text": "Hello"}));
    assert_eq!(receipt.url, Some(format!("https://x.com/i/status/{}", receipt.id)), "the name is not known yet");
    assert_eq!(stage.timeline()[0].id, receipt.id);
}

#[tokio::test]
async fn a_thread_replies_to_itself() {
    let stage = stage();
    let posts = ["one", "two", "three"].map(|one| (Text::plain(one), Vec::new()));
    let mut draft = with(content(posts.into()), "reply_settings", json!("verified"));
    draft.comment = Some(Text::plain("and the link"));
    let receipts = stage.publish(&draft).await.unwrap();
    let seen = stage.timeline();
    let above: Vec<_> = seen.iter().map(|seen| seen.reply_to.clone()).collect();
    assert_eq!(above, [None, Some(receipts[0].id.clone()), Some(receipts[1].id.clone()), Some(receipts[2].id.clone())]);
    assert_eq!(
        (seen[0].extra["reply_settings"].as_str(), seen[1].extra.get("reply_settings")),
        (Some("verified"), None)
    );
}

#[tokio::test]
async fn a_thread_that_the_plan_does_not_allow_ends_after_its_first_post() {
    let stage = stage_of(XTwin { threads: false, ..XTwin::default() });
    let mut posts = stage.posts(&content(vec![(Text::plain("one"), Vec::new()), (Text::plain("two"), Vec::new())]));
    let first = stage.publish_one(&posts[0]).await.unwrap();
    (posts[1].root, posts[1].parent) = (Some(first.clone()), Some(first));
    let fault = stage.publish_one(&posts[1]).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect, fault.code.as_deref()),
        (Kind::Forbidden, Effect::None, Some(explain::REPLY))
    );
    assert!(fault.message.contains("ends after 1 of 2") && fault.message.contains("`overflow"), "{fault}");
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn a_duplicate_may_be_what_was_lost() {
    let stage = stage();
    let draft = text("Once <b> & only https://example.org/a?b=c, example.com");
    let posted = stage.publish(&draft).await.unwrap().remove(0);
    let post = stage.posts(&draft).remove(0);
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::Maybe, Some("duplicate")));
    assert_eq!(fault.message, "You are not allowed to create a Tweet with duplicate content");
    let find = async |post: &Post, since| Find::find(&Network, &stage.cx(), post, &Value::Null, since).await.unwrap();
    // whatever is younger than the part is the part: an earlier try whose answer was lost
    assert_eq!(find(&post, Utc::now() + TimeDelta::minutes(5)).await, Found::Yes(posted));
    let late = Utc::now() + TimeDelta::minutes(5);
    assert_eq!(find(&Post { created: late, ..post.clone() }, late).await, Found::No);
    let other = stage.posts(&text("another")).remove(0);
    assert_eq!(find(&other, Utc::now()).await, Found::No);
    let community = stage.posts(&with(text("another"), "community_id", json!("7"))).remove(0);
    assert_eq!(find(&community, Utc::now()).await, Found::Unsure, "a timeline does not show all");
}

#[tokio::test]
async fn a_long_timeline_is_read_page_by_page() {
    let stage = stage();
    let wanted = stage.publish(&text("the oldest")).await.unwrap().remove(0);
    for n in 0..105 {
        stage.publish(&text(&format!("post number {n}"))).await.unwrap();
    }
    stage.server.clear_log();
    let post = stage.posts(&text("the oldest")).remove(0);
    assert_eq!(Find::find(&Network, &stage.cx(), &post, &Value::Null, Utc::now()).await.unwrap(), Found::Yes(wanted));
    assert_eq!(paths(&stage).iter().filter(|path| path.contains("/tweets")).count(), 2);
}

#[tokio::test]
async fn money_that_is_gone_is_nobodys_to_retry() {
    let stage = stage_of(XTwin { credits: 120_000, ..XTwin::default() });
    let fault = stage.publish(&text("see example.com")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Billing, Effect::None, Some(402)));
    assert!(fault.message.contains("does not have any credits") && fault.message.contains("console.x.com"), "{fault}");
    assert_eq!(fault.code.as_deref(), Some("credits"));
    assert!(fault.request_id.is_some_and(|id| id.starts_with("twin")));
    stage.publish(&text("without a link")).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}

#[test]
fn what_a_part_costs() {
    let stage = stage();
    let cost = |draft: &Content, account: &crate::platform::AccountInfo| {
        let limits = Network.limits(&Value::Null);
        let ask = Ask { content: draft, account: Some(account), limits: &limits };
        let rendered = Network.render(&ask);
        assert_eq!(rendered.problems, []);
        let warned = rendered.warnings.iter().any(|note| note.code == "link_price");
        (Network.cost(&ask, &rendered.parts[0]).unwrap().to_string(), warned)
    };
    let plain = &stage.account;
    assert_eq!(cost(&text("Hello"), plain), ("0.015 USD".into(), false));
    assert_eq!(cost(&text("https://example.org"), plain), ("0.2 USD".into(), false));
    assert_eq!(cost(&text("ask example.com"), plain), ("0.2 USD".into(), true));
    let mut linked = text("Hello");
    linked.link = Some("https://example.org/a".into());
    assert_eq!(cost(&linked, plain), ("0.2 USD".into(), false));
    let two = vec![file(&stage, "a.png", 99, Some("a")), file(&stage, "b.png", 98, None)];
    let mut pictures = content(vec![(Text::plain("Hello"), two)]);
    assert_eq!(cost(&pictures, plain), ("0.02 USD".into(), false));
    pictures.sensitive = true;
    assert_eq!(cost(&pictures, plain), ("0.025 USD".into(), false));
    let mut own = stage.account.clone();
    own.settings["prices"] = json!({"post": 0, "link": 0.01, "metadata": 0});
    assert_eq!(cost(&text("ask example.com"), &own), ("0.01 USD".into(), true));
    assert_eq!(cost(&text("Hello"), &own), ("0 USD".into(), false));
    for wrong in [json!({"post": "cheap"}), json!({"post": -1}), json!({"posts": 1})] {
        own.settings["prices"] = wrong;
        let limits = Network.limits(&Value::Null);
        let rendered = Network.render(&Ask { content: &text("a"), account: Some(&own), limits: &limits });
        assert!(rendered.problems[0].message.contains("`prices"), "{:?}", rendered.problems);
    }
}

#[tokio::test]
async fn pictures_go_whole_and_are_described() {
    let stage = stage();
    let mut draft = content(vec![(
        Text::plain("Look"),
        vec![file(&stage, "a.png", 99, Some("a crab")), file(&stage, "b.png", 98, None)],
    )]);
    draft.options.insert("tagged_user_ids".into(), json!(["12", "13"]));
    let receipt = publish(&stage, &draft).await.unwrap();
    assert_eq!(
        paths(&stage),
        ["POST /2/media/upload", "POST /2/media/metadata", "POST /2/media/upload", "POST /2/tweets"]
    );
    let seen = stage.timeline().remove(0);
    let alts: Vec<_> =
        seen.media.iter().map(|medium| (medium.mime.as_str(), medium.bytes, medium.alt.as_str())).collect();
    assert_eq!(alts, [("image/png", 99, "a crab"), ("image/png", 98, "")]);
    assert_eq!(seen.extra["tagged_user_ids"], json!(["12", "13"]));
    assert_eq!(receipt.extra["media_ids"].as_array().map(Vec::len), Some(2));
    // what was lost is found with the same receipt
    let post = stage.posts(&draft).remove(0);
    let ready = json!({"media": [{"id": receipt.extra["media_ids"][0]}, {"id": receipt.extra["media_ids"][1]}]});
    let found = Find::find(&Network, &stage.cx(), &post, &ready, Utc::now()).await.unwrap();
    assert_eq!(found, Found::Yes(receipt));
}

#[tokio::test]
async fn a_film_goes_in_pieces_with_subtitles_and_takes_its_time() {
    let stage = stage();
    let mut film = file(&stage, "film.mp4", 9_000_000, None);
    film.extras.subtitles = Some(file(&stage, "film.vtt", 40, None).media);
    let mut draft = content(vec![(Text::plain("A film"), vec![film])]);
    draft.lang = Some("de-AT".into());
    draft.options.insert("media_warnings".into(), json!(["graphic_violence"]));
    let mut post = stage.posts(&draft).remove(0);
    let (ready, waits) = prepare(&stage, &Memory::default(), &mut post).await.unwrap();
    assert_eq!(waits, 3);
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    let names: Vec<String> = paths(&stage).iter().map(|path| path.rsplit('/').next().unwrap().to_string()).collect();
    assert_eq!(
        names,
        [
            "initialize",
            "append",
            "append",
            "append",
            "finalize",
            "upload",
            "upload",
            "upload",
            "metadata",
            "initialize",
            "append",
            "finalize",
            "subtitles",
            "tweets"
        ]
    );
    let seen = stage.timeline().remove(0);
    assert_eq!((seen.media[0].mime.as_str(), seen.media[0].bytes), ("video/mp4", 9_000_000));
    assert_eq!(
        seen.extra["media_extras"],
        json!([{
            "warning": {"graphic_violence": true},
            "subtitles": {"language_code": "DE", "display_name": "German"}
        }])
    );
    let sent = stage.server.log().pop().unwrap().request.json();
    let keys: std::collections::BTreeSet<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["media", "text"].into(), "nothing of ours is in the post");
}

#[tokio::test]
async fn a_lost_end_of_an_upload_is_asked_for() {
    let stage = stage();
    let memory = Memory::default();
    let mut post =
        stage.posts(&content(vec![(Text::plain("A film"), vec![file(&stage, "film.mp4", 999, None)])])).remove(0);
    stage.server.inject(Inject::new(What::Drop).path("/finalize").when(When::After));
    let fault = prepare(&stage, &memory, &mut post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::None));
    let (ready, _) = prepare(&stage, &memory, &mut post).await.unwrap();
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    let count = |end: &str| paths(&stage).iter().filter(|path| path.ends_with(end)).count();
    assert_eq!((count("/finalize"), count("/append"), count("/initialize")), (1, 1, 1));
    // before it arrived: it is sent again, and no piece is
    let mut post =
        stage.posts(&content(vec![(Text::plain("Again"), vec![file(&stage, "next.mp4", 998, None)])])).remove(0);
    stage.server.inject(Inject::new(What::Drop).path("/finalize").when(When::Before));
    prepare(&stage, &memory, &mut post).await.unwrap_err();
    prepare(&stage, &memory, &mut post).await.unwrap();
    assert_eq!((count("/finalize"), count("/append"), count("/initialize")), (3, 2, 2));
}

#[tokio::test]
async fn a_film_that_is_none_is_refused_by_its_making() {
    let stage = stage();
    let mut post =
        stage.posts(&content(vec![(Text::plain("A film"), vec![file(&stage, "film.bad", 999, None)])])).remove(0);
    let fault = prepare(&stage, &Memory::default(), &mut post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert!(fault.message.contains("Unsupported video format") && fault.message.contains("H.264"), "{fault}");
}

#[tokio::test]
async fn what_x_has_forgotten_is_sent_again() {
    let stage = stage();
    let mut post = stage.posts(&content(vec![(Text::plain("a"), vec![file(&stage, "a.png", 99, None)])])).remove(0);
    let (ready, _) = prepare(&stage, &Memory::default(), &mut post).await.unwrap();
    post.state = ready.clone();
    let (same, _) = prepare(&stage, &Memory::default(), &mut post).await.unwrap();
    assert_eq!((media::State::ids(&same), paths(&stage).len()), (media::State::ids(&ready), 1));
    post.state["media"][0]["until"] = json!(Utc::now() - TimeDelta::hours(1));
    let (anew, _) = prepare(&stage, &Memory::default(), &mut post).await.unwrap();
    assert_ne!(media::State::ids(&anew), media::State::ids(&ready));
}

#[tokio::test]
async fn a_picture_that_moves_stands_alone() {
    let stage = stage();
    let media = vec![
        file(&stage, "a.png", 97, None),
        file(&stage, "b.gif", 6_000_000, Some("a waving crab")),
        file(&stage, "c.png", 98, None),
    ];
    let draft = content(vec![(Text::plain("Look"), media), (Text::plain("two"), Vec::new())]);
    let rendered = stage.render(&draft);
    assert_eq!(rendered.problems, []);
    assert!(rendered.changes.iter().any(|note| note.code == "media_split"));
    let posts = stage.posts(&draft);
    let (mut root, mut parent): (Option<Receipt>, Option<Receipt>) = (None, None);
    for mut post in posts {
        (post.root, post.parent) = (root.clone(), parent.clone());
        let (ready, _) = prepare(&stage, &Memory::default(), &mut post).await.unwrap();
        parent = Some(Network.publish(&stage.cx(), &post, &ready).await.unwrap());
        root = root.or(parent.clone());
    }
    let seen: Vec<_> = stage.timeline().into_iter().map(|seen| (seen.text, seen.media.len())).collect();
    assert_eq!(seen, [("Look".into(), 1), (String::new(), 1), (String::new(), 1), ("two".into(), 0)]);
    assert_eq!(stage.timeline()[1].media[0].alt, "a waving crab");
    let large = stage.render(&content(vec![(Text::plain("a"), vec![file(&stage, "d.gif", 16_000_000, None)])]));
    assert!(large.problems[0].message.contains("15.7 MB are allowed"), "{:?}", large.problems);
}

#[tokio::test]
async fn all_that_a_post_can_say() {
    let stage = stage_of(XTwin { enterprise: true, ..XTwin::default() });
    let mut draft = text("Which one?");
    draft.poll = Some(Poll {
        question: None,
        options: vec!["one".into(), "two".into()],
        duration: Some("90m".into()),
        multiple: true,
    });
    draft.location = Some(Place { id: Some("df51dec6f4ee2b2c".into()), ..Place::default() });
    for (key, value) in [
        ("reply_settings", json!("following")),
        ("community_id", json!("7")),
        ("share_with_followers", json!(true)),
        ("made_with_ai", json!(true)),
        ("paid_partnership", json!(true)),
    ] {
        draft = with(draft, key, value);
    }
    let rendered = stage.render(&draft);
    assert!(rendered.warnings.iter().any(|note| note.code == "poll_multiple"));
    assert_eq!(
        rendered.parts[0].payload,
        json!({
            "text": "Which one?", "poll": {"options": ["one", "two"], "duration_minutes": 90}, "geo": {"place_id": "df51dec6f4ee2b2c"},
            "reply_settings": "following", "community_id": "7", "share_with_followers": true, "made_with_ai": true,
            "paid_partnership": true
        })
    );
    stage.publish(&draft).await.unwrap();
    assert_eq!(stage.timeline()[0].extra["poll"]["duration_minutes"], 90);
    // `everyone` is what X does unasked
    let open = stage.render(&with(text("a"), "reply_settings", json!("everyone")));
    assert_eq!(open.parts[0].payload, json!({"text": "a"}));
}

#[test]
fn what_x_does_not_take_is_said_before() {
    let stage = stage();
    let problem = |draft: &Content| {
        let rendered = stage.render(draft);
        rendered.problems.first().map(|note| note.message.clone()).unwrap_or_default()
    };
    let picture = || content(vec![(Text::plain("a"), vec![file(&stage, "a.png", 99, None)])]);
    assert!(problem(&with(text("a"), "community_id", json!("rustaceans"))).contains("`community_id` must be a number"));
    assert!(problem(&with(text("a"), "share_with_followers", json!(true))).contains("set `community_id` too"));
    assert!(problem(&with(picture(), "card_uri", json!("card://1"))).contains("not media and `card_uri`"));
    assert!(problem(&with(picture(), "media_warnings", json!(["blood"]))).contains("not `blood`"));
    let many: Vec<String> = (1..12).map(|n: u32| n.to_string()).collect();
    assert!(problem(&with(picture(), "tagged_user_ids", json!(many))).contains("11 people, 10 are allowed"));
    let mut reply = text("a");
    reply.reply_to = Some(Reference::Url("https://example.org/1".into()));
    assert!(problem(&reply).contains("is no address of a post on X"));
    let mut poll = text("");
    poll.poll = Some(Poll { question: None, options: vec!["a".into(), "b".into()], duration: None, multiple: false });
    assert!(problem(&poll).contains("needs a text"));
    poll.poll.as_mut().unwrap().question = Some("Which?".into());
    let part = stage.render(&poll).parts.remove(0);
    assert_eq!((part.payload["text"].as_str(), part.count), (Some("Which?"), 6));
    let mut film = file(&stage, "film.mp4", 99, Some("words"));
    film.extras.subtitles = Some(file(&stage, "film.srt", 40, None).media);
    film.media.about.millis = Some(150_000);
    let film = content(vec![(Text::plain("a"), vec![film])]);
    assert!(problem(&film).contains("set `lang`"));
    let told: Vec<String> = stage.render(&film).warnings.into_iter().map(|note| note.code).collect();
    assert_eq!(told, ["alt_left_out", "film_length"]);
    let warned = |draft: &Content| stage.render(draft).warnings.into_iter().map(|note| note.code).collect::<Vec<_>>();
    assert_eq!(warned(&text("$AAPL and $TSLA")), ["cashtags"]);
    let mut place = text("a");
    place.location = Some(Place { name: Some("Berlin".into()), ..Place::default() });
    assert_eq!(warned(&place), ["location_left_out"]);
}

#[tokio::test]
async fn replies_go_where_x_lets_them() {
    let stage = stage();
    let reply = |id: &str, words: &str| {
        let mut draft = text(words);
        draft.reply_to = Some(Reference::Url(format!("https://twitter.com/bob/status/{id}")));
        draft
    };
    let draft = reply(STRANGER, "hello");
    assert!(stage.render(&draft).warnings.iter().any(|note| note.code == "reply_plan"));
    let fault = stage.publish(&draft).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect, fault.code.as_deref()),
        (Kind::Forbidden, Effect::None, Some(explain::REPLY))
    );
    assert!(!fault.message.contains("thread"), "{fault}");
    stage.publish(&reply(FRIEND, "thanks")).await.unwrap();
    assert_eq!(stage.timeline()[0].reply_to.as_deref(), Some(FRIEND));
    let post = stage.posts(&reply(FRIEND, "thanks")).remove(0);
    assert!(matches!(Find::find(&Network, &stage.cx(), &post, &Value::Null, Utc::now()).await.unwrap(), Found::Yes(_)));
}

#[tokio::test]
async fn quotes_are_for_enterprises_and_links_for_all() {
    let quote = || {
        let mut draft = text("Well said");
        draft.quote = Some(Reference::Url(format!("https://x.com/bob/status/{STRANGER}")));
        draft
    };
    let stage = stage();
    let fault = stage.publish(&quote()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("client-forbidden")));
    stage.publish(&with(quote(), "quote_as", json!("link"))).await.unwrap();
    assert_eq!(stage.timeline()[0].text, format!("Well said\n\nhttps://x.com/bob/status/{STRANGER}"));
    let mut beside = quote();
    beside.posts[0].media.push(file(&stage, "a.png", 99, None));
    let rendered = stage.render(&beside);
    assert!(rendered.problems.is_empty() && rendered.changes.iter().any(|note| note.code == "quote_as_link"));
    let rich = stage_of(XTwin { enterprise: true, ..XTwin::default() });
    rich.publish(&quote()).await.unwrap();
    assert_eq!(rich.timeline()[0].extra["quote_tweet_id"], STRANGER);
}

#[tokio::test]
async fn a_post_is_changed_by_another_that_takes_its_place() {
    let stage = stage();
    let draft = |words: &str| content(vec![(Text::plain(words), vec![file(&stage, "a.png", 99, Some("a crab"))])]);
    let first = publish(&stage, &draft("before")).await.unwrap();
    let new = stage.posts(&draft("after")).remove(0);
    assert_eq!(Network.can(&stage.posts(&draft("before"))[0], &new), Ok(()));
    let changed = Edit::edit(&Network, &stage.cx(), &first, &new).await.unwrap();
    assert_ne!(changed.id, first.id);
    let seen = stage.timeline();
    assert_eq!((seen.len(), seen[0].text.as_str(), seen[0].media.len(), &seen[0].id), (1, "after", 1, &changed.id));
    // once more, as after a lost answer
    assert_eq!(Edit::edit(&Network, &stage.cx(), &first, &new).await.unwrap(), changed);
    // the id of another version means the same post
    Delete::delete(&Network, &stage.cx(), &first).await.unwrap();
    assert!(stage.timeline().is_empty());
    for (name, bytes, alt) in [("b.png", 98, "a crab"), ("a.png", 99, "another crab")] {
        let other = content(vec![(Text::plain("after"), vec![file(&stage, name, bytes, Some(alt))])]);
        assert!(Network.can(&new, &stage.posts(&other)[0]).is_err());
    }
    let mut poll = text("a");
    poll.poll = Some(Poll { question: None, options: vec!["a".into(), "b".into()], duration: None, multiple: false });
    assert!(Network.can(&stage.posts(&poll)[0], &stage.posts(&text("a"))[0]).unwrap_err().contains("poll"));
}

#[tokio::test]
async fn only_premium_accounts_change_posts() {
    let stage = stage_of(XTwin { premium: false, ..XTwin::default() });
    let first = stage.publish(&text("before")).await.unwrap().remove(0);
    let fault = Edit::edit(&Network, &stage.cx(), &first, &stage.posts(&text("after"))[0]).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
    assert!(fault.message.contains("Premium"), "{fault}");
    assert_eq!(stage.timeline()[0].text, "before");
}

#[tokio::test]
async fn a_post_known_by_its_address_alone_is_deleted_too() {
    let stage = stage();
    let receipt = stage.publish(&text("a")).await.unwrap().remove(0);
    let settled = Receipt { id: String::new(), ..receipt.clone() };
    Delete::delete(&Network, &stage.cx(), &settled).await.unwrap();
    assert!(stage.timeline().is_empty());
    Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap();
    let nothing = Delete::delete(&Network, &stage.cx(), &Receipt::default()).await.unwrap_err();
    assert_eq!(nothing.kind, Kind::Local);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_found_out_and_made_up_for() {
    let mut twin = XTwin::default();
    twin.logins.ahead = 600;
    let stage = stage_of(twin);
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("135")));
    assert!(fault.message.contains("min behind X's"), "{fault}");
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0");
    let right = self::stage();
    Network.whoami(&right.cx()).await.unwrap();
    assert!(!Network.refresh(&right.cx()).await.unwrap(), "keys do not end, and there is nothing to renew");
}

#[tokio::test]
async fn keys_that_are_not_whole_say_what_is_missing() {
    let mut stage = stage();
    stage.account.settings = json!({});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("`consumer key`"), "{fault}");
    assert!(paths(&stage).is_empty());
}

#[test]
fn answers_mean_what_they_mean() {
    let problem = |status: u16, detail: &str, kind: &str| {
        answer(
            status,
            &[("x-transaction-id", "abc")],
            &json!({"title": "Forbidden", "detail": detail, "type": kind, "status": status}).to_string(),
        )
    };
    let said = |answer: &Answer| {
        let fault = Network.explain(answer).unwrap();
        (fault.kind, fault.effect, fault.code.unwrap_or_default())
    };
    let blank = "about:blank";
    let none = |kind, code: &str| (kind, Effect::None, code.to_string());
    for (given, wanted) in [
        (problem(401, "Unauthorized", blank), none(Kind::Auth, "")),
        (
            problem(403, "You are not allowed to create a Tweet with duplicate content.", blank),
            (Kind::Rejected, Effect::Maybe, "duplicate".into()),
        ),
        (
            problem(403, "Reply to this conversation is not allowed because you have not been mentioned", blank),
            none(Kind::Forbidden, "reply_refused"),
        ),
        (problem(403, "You are not allowed to post a video longer than 2 minutes.", blank), none(Kind::Rejected, "")),
        (problem(403, "x", "https://api.x.com/2/problems/client-forbidden"), none(Kind::Forbidden, "client-forbidden")),
        (
            problem(429, "Usage cap exceeded: Monthly product cap", "https://api.twitter.com/2/problems/usage-capped"),
            none(Kind::Billing, "usage-capped"),
        ),
        (
            problem(402, "credits depleted", "https://api.x.com/2/problems/credits-depleted"),
            none(Kind::Billing, "credits-depleted"),
        ),
        (
            answer(403, &[], r#"{"errors":[{"code":187,"message":"Status is a duplicate."}]}"#),
            (Kind::Rejected, Effect::Maybe, "duplicate".into()),
        ),
        (
            answer(403, &[], r#"{"errors":[{"code":326,"message":"To protect our users, this account is locked."}]}"#),
            none(Kind::Forbidden, "326"),
        ),
        (
            answer(
                400,
                &[],
                r#"{"errors":[{"parameters":{"media.media_ids":["1"]},"message":"Your media IDs are invalid."}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}"#,
            ),
            none(Kind::Rejected, "invalid-request"),
        ),
        (
            answer(
                503,
                &[],
                r#"{"title":"Service Unavailable","detail":"Service Unavailable","type":"about:blank","status":503}"#,
            ),
            (Kind::Unavailable, Effect::Maybe, String::new()),
        ),
        (
            answer(
                200,
                &[],
                r#"{"errors":[{"detail":"Could not find tweet","title":"Not Found Error","type":"https://api.x.com/2/problems/resource-not-found"}]}"#,
            ),
            (Kind::Rejected, Effect::Maybe, "resource-not-found".into()),
        ),
    ] {
        assert_eq!(said(&given), wanted, "{}", String::from_utf8_lossy(&given.body));
        assert!(!Network.explain(&given).unwrap().message.ends_with('.'));
    }
    assert_eq!(Network.explain(&problem(401, "a", blank)).unwrap().request_id.as_deref(), Some("abc"));
    assert_eq!(Network.explain(&answer(200, &[], r#"{"data":{"id":"1"},"errors":[{"detail":"a field"}]}"#)), None);
    assert_eq!(Network.explain(&answer(201, &[], "<html>")), None);
    let gone = "You attempted to reply to a Tweet that is deleted or not visible to you.";
    assert_eq!(said(&problem(403, gone, blank)), none(Kind::Rejected, explain::GONE));
    let app = problem(
        403,
        "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.",
        blank,
    );
    assert!(Network.explain(&app).unwrap().message.contains("\"Read and write\""));
}

#[test]
fn the_longest_window_says_when_to_come_back() {
    let at = |seconds: i64| (answer(200, &[], "").at + TimeDelta::seconds(seconds)).timestamp().to_string();
    let (soon, late) = (at(60), at(7200));
    let mut headers = vec![("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", soon.as_str())];
    let wait = |headers: &[(&str, &str)]| {
        let given = answer(429, headers, r#"{"title":"Too Many Requests"}"#);
        let fault = Network.explain(&given).unwrap();
        (fault.kind, fault.retry_at.map(|retry| (retry - given.at).num_seconds()))
    };
    assert_eq!(wait(&headers), (Kind::Limited, Some(60)));
    headers.extend([("x-user-limit-24hour-remaining", "0"), ("x-user-limit-24hour-reset", late.as_str())]);
    assert_eq!(wait(&headers), (Kind::Limited, Some(7200)));
    headers[2] = ("x-user-limit-24hour-remaining", "5");
    assert_eq!(wait(&headers), (Kind::Limited, Some(60)));
    assert_eq!(wait(&[]), (Kind::Limited, None));
}

#[test]
fn the_twin_refuses_what_x_refuses() {
    let mut twin = XTwin::default();
    let mut post = |body: Value| {
        let request = crate::twin::Incoming {
            method: "POST".into(),
            host: "api.x.com".into(),
            path: "/2/tweets".into(),
            headers: vec![("authorization".into(), "Bearer x-twin-access-1".into())],
            body: body.to_string().into_bytes(),
            ..crate::twin::Incoming::default()
        };
        twin.answer(&request).status
    };
    for body in [
        json!({"text": " "}),
        json!({"text": "a".repeat(281)}),
        json!({"text": "a", "status": "b"}),
        json!({"text": "a", "poll": {"options": ["a"], "duration_minutes": 5}}),
        json!({"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 4}}),
        json!({"text": "a", "poll": {"options": ["a", "b".repeat(26)], "duration_minutes": 5}}),
        json!({"text": "a", "media": {"media_ids": ["7"]}}),
        json!({"text": "a", "media": {"media_ids": []}}),
        json!({"text": "a", "reply_settings": "everyone"}),
        json!({"text": "a", "quote_tweet_id": STRANGER, "card_uri": "card://1"}),
        json!({"text": "a", "reply": {}}),
    ] {
        assert_eq!(post(body.clone()), 400, "{body}");
    }
    assert_eq!(post(json!({"text": "a", "reply": {"in_reply_to_tweet_id": "7"}})), 403);
    assert_eq!(post(json!({"text": "$A and $B"})), 403);
    assert_eq!(post(json!({"text": "a"})), 201);
    assert_eq!(post(json!({"text": " a  "})), 403);
}
