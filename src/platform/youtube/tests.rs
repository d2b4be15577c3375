use chrono::TimeZone;

use super::api::{explain, quota_reset};
use super::twin::YoutubeTwin;
use super::*;
use crate::media::Media;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse, Rendered};
use crate::text::Text;
use crate::twin::{Inject, What, When};

/// Bytes that begin as a film does.
fn film(stage: &Stage, bytes: usize) -> MediaUse {
    let mut one = stage.file("crab.mp4", "video/mp4", bytes, None);
    let mut data = vec![7; bytes];
    data[..8].copy_from_slice(b"\0\0\0\x18ftyp");
    std::fs::write(&one.media.path, data).unwrap();
    (one.media.width, one.media.height, one.media.about.millis) = (Some(1920), Some(1080), Some(5000));
    one
}

fn picture(stage: &Stage) -> Media {
    let picture = stage.file("crab.png", "image/png", 100, None).media;
    std::fs::write(&picture.path, [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 92]].concat()).unwrap();
    picture
}

fn draft(stage: &Stage, text: &str) -> Content {
    Content { title: Some("A title".into()), ..content(vec![(Text::plain(text), vec![film(stage, 1000)])]) }
}

fn stage() -> Stage {
    Stage::new(&Network, 0)
}

fn staged(change: impl FnOnce(&mut YoutubeTwin)) -> Stage {
    let mut twin = YoutubeTwin::default();
    change(&mut twin);
    Stage::with_twin(&Network, 0, Box::new(twin))
}

fn codes(rendered: &Rendered) -> Vec<&str> {
    rendered.warnings.iter().map(|note| note.code.as_str()).collect()
}

fn problem(stage: &Stage, content: &Content) -> String {
    let rendered = stage.render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.problems);
    rendered.problems[0].message.clone()
}

/// `prepare` until the film is processed, with what was saved last.
async fn prepared(stage: &Stage, post: &mut Post) -> Result<Value, Fault> {
    for _ in 0..10 {
        match Network.prepare(&stage.cx(), post).await? {
            Ready::Now(ready) => return Ok(ready),
            Ready::Later { state, at } => {
                assert!(at > Utc::now() - chrono::TimeDelta::seconds(5));
                post.state = state;
            }
        }
    }
    panic!("the twin is never done");
}

async fn published(stage: &Stage, content: &Content) -> Result<Vec<Receipt>, Fault> {
    let mut receipts: Vec<Receipt> = Vec::new();
    for mut post in stage.posts(content) {
        post.root = receipts.first().cloned();
        let ready = prepared(stage, &mut post).await?;
        receipts.push(Network.publish(&stage.cx(), &post, &ready).await?);
    }
    Ok(receipts)
}

/// What the log holds, as method and path.
fn asked(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

#[test]
fn encode_is_pure_and_exact() {
    let stage = stage();
    let mut draft = with(draft(&stage, "Hello, see https://example.org"), "publish_at", json!("2036-12-01 09:00"));
    draft.zone = "Europe/Berlin".into();
    draft.lang = Some("de".into());
    draft.tags = vec!["#rust".into(), "open source".into()];
    for (key, value) in [
        ("category", json!(28)),
        ("made_for_kids", json!(false)),
        ("synthetic", json!(true)),
        ("embeddable", json!(false)),
        ("public_stats", json!(false)),
        ("license", json!("creative_commons")),
        ("notify", json!(false)),
        ("playlists", json!(["PLa", "https://www.youtube.com/playlist?list=PLb&si=x"])),
    ] {
        draft = with(draft, key, value);
    }
    let rendered = stage.render(&draft);
    assert_eq!((rendered.problems.len(), rendered.parts[0].payload.clone()), (0, stage.render(&draft).parts[0].payload.clone()));
    assert_eq!(
        rendered.parts[0].payload,
        json!({
            "snippet": {
                "title": "A title", "description": "Hello, see https://example.org", "tags": ["rust", "open source"], "categoryId": "28",
                "defaultLanguage": "de", "defaultAudioLanguage": "de"
            },
            "status": {
                "privacyStatus": "private", "publishAt": "2036-12-01T08:00:00Z", "selfDeclaredMadeForKids": false,
                "containsSyntheticMedia": true, "embeddable": false, "publicStatsViewable": false, "license": "creativeCommon"
            },
            "notify": false,
            "playlists": ["PLa", "PLb"]
        })
    );
    let hidden = encode::hidden(&rendered.parts[0].payload);
    assert_eq!((&hidden["status"]["privacyStatus"], hidden["status"].get("publishAt")), (&json!("private"), None));
}

#[test]
fn what_youtube_cannot_take_is_said_before() {
    let stage = stage();
    let plain = || draft(&stage, "Hello");
    let both = with(with(plain(), "publish_at", json!("2036-12-01 09:00")), "privacy", json!("unlisted"));
    assert!(problem(&stage, &both).contains("`privacy` says unlisted"));
    assert!(problem(&stage, &with(plain(), "category", json!(-1))).contains("no category -1"));
    assert!(problem(&stage, &with(plain(), "publish_at", json!("soon"))).starts_with("`publish_at`: "));
    let tags = Content { tags: vec!["long tag ".repeat(30), "x".repeat(240)], ..plain() };
    assert!(problem(&stage, &tags).contains("the tags have 512 characters, 500 are allowed"), "{}", problem(&stage, &tags));
    for (key, value, why) in [
        ("privacy", json!("private"), "is private"),
        ("publish_at", json!("2036-12-01 09:00"), "is private"),
        ("made_for_kids", json!(true), "is made for kids"),
    ] {
        let commented = Content { comment: Some(Text::plain("first")), ..with(plain(), key, value) };
        assert!(problem(&stage, &commented).contains(why));
    }
    let mut captioned = plain();
    captioned.posts[0].media[0].extras.subtitles = Some(stage.file("crab.vtt", "text/vtt", 9, None).media);
    assert!(problem(&stage, &captioned).contains("add `lang"));
    let untitled = Content { title: None, ..plain() };
    assert!(problem(&stage, &untitled).contains("needs a title"));
    let silent = Content { posts: content(vec![(Text::plain("x"), Vec::new())]).posts, ..plain() };
    assert!(problem(&stage, &silent).contains("without a picture or film"));
}

#[test]
fn what_deserves_a_look_is_noted() {
    let mut stage = stage();
    assert_eq!(codes(&stage.render(&draft(&stage, "Hello"))), Vec::<&str>::new());
    let mut short = draft(&stage, "Hello");
    let media = &mut short.posts[0].media[0].media;
    (media.width, media.height, media.about.millis) = (Some(1080), Some(1920), Some(180_000));
    assert_eq!(codes(&stage.render(&short)), ["short"]);
    short.posts[0].media[0].media.about.millis = Some(180_001);
    assert_eq!(codes(&stage.render(&short)), Vec::<&str>::new());
    let mut large = draft(&stage, "Hello");
    large.posts[0].media[0].extras.thumbnail = Some(Media { bytes: 2 * 1024 * 1024 + 1, ..picture(&stage) });
    assert_eq!(codes(&stage.render(&large)), ["thumbnail_large"]);
    large.posts[0].media[0].extras.thumbnail = Some(Media { mime: "image/webp".into(), ..picture(&stage) });
    assert!(problem(&stage, &large).contains("YouTube takes image/jpeg, image/png"));
    let tags = vec!["#crab"; 61].join(" ");
    assert_eq!(codes(&stage.render(&draft(&stage, &tags))), ["hashtags"]);
    stage.account.settings = json!({});
    assert_eq!(codes(&stage.render(&draft(&stage, "Hello"))), ["maybe_locked"]);
    assert_eq!(codes(&stage.render(&with(draft(&stage, "Hello"), "publish_at", json!("2036-12-01 09:00")))), ["maybe_locked"]);
    assert_eq!(codes(&stage.render(&with(draft(&stage, "Hello"), "privacy", json!("private")))), Vec::<&str>::new());
}

#[test]
fn the_length_of_films_is_what_the_channel_may() {
    for (word, seconds) in [("allowed", 43_200), ("eligible", 900), ("disallowed", 900), ("longUploadsUnspecified", 43_200)] {
        assert_eq!(Network.limits(&json!({ "long_uploads": word })).video_seconds, Some(seconds), "{word}");
    }
    assert_eq!(Network.limits(&Value::Null).video_seconds, Some(43_200));
}

#[test]
fn a_video_costs_units_of_the_day() {
    let stage = stage();
    let cost = |content: &Content| -> Vec<String> {
        stage.render(content).parts.iter().map(|part| encode::cost(part).unwrap().to_string()).collect()
    };
    assert_eq!(cost(&draft(&stage, "x")), ["55 quota units"]);
    let mut all = with(draft(&stage, "x"), "playlists", json!(["PLa", "PLb"]));
    all.lang = Some("en".into());
    all.comment = Some(Text::plain("first"));
    all.posts[0].media[0].extras.thumbnail = Some(picture(&stage));
    all.posts[0].media[0].extras.subtitles = Some(stage.file("crab.vtt", "text/vtt", 9, None).media);
    assert_eq!(cost(&all), ["607 quota units", "50 quota units"]);
}

#[test]
fn refusals_are_explained() {
    let body = |reason: &str, message: &str| json!({"error": {"code": 0, "message": message, "errors": [{"reason": reason}]}}).to_string();
    for (status, reason, kind) in [
        (403, "quotaExceeded", Kind::Limited),
        (403, "dailyLimitExceeded", Kind::Limited),
        (400, "uploadLimitExceeded", Kind::Limited),
        (403, "rateLimitExceeded", Kind::Limited),
        (403, "userRateLimitExceeded", Kind::Limited),
        (401, "youtubeSignupRequired", Kind::Forbidden),
        (401, "authError", Kind::Auth),
        (403, "insufficientPermissions", Kind::Forbidden),
        (403, "accessNotConfigured", Kind::Forbidden),
        (403, "commentsDisabled", Kind::Forbidden),
        (403, "forbidden", Kind::Forbidden),
        (400, "invalidPublishAt", Kind::Rejected),
        (400, "invalidTitle", Kind::Rejected),
        (404, "videoNotFound", Kind::Rejected),
    ] {
        let fault = explain(&answer(status, &[], &body(reason, "Said <b>so</b>."))).unwrap();
        assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (kind, Effect::None, Some(reason)));
        assert!(!fault.message.ends_with('.') && !fault.message.contains('<'), "{}", fault.message);
    }
    let trouble = explain(&answer(503, &[], &body("backendError", "Backend Error"))).unwrap();
    assert_eq!((trouble.kind, trouble.effect), (Kind::Unavailable, Effect::Maybe));
    assert_eq!(explain(&answer(200, &[], "{}")), None);
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let named = explain(&answer(403, &[], &body("quotaExceeded", "x"))).unwrap().retry_at;
    assert_eq!(named, Some(at("2026-11-22T08:00:00Z")), "the test's answers come on the 21st at noon");
    assert_eq!(quota_reset(at("2026-07-01T06:59:59Z")), Some(at("2026-07-01T07:00:00Z")), "in summer");
    assert_eq!(quota_reset(Utc.with_ymd_and_hms(2026, 7, 1, 7, 0, 0).unwrap()), Some(at("2026-07-02T07:00:00Z")));
}

#[tokio::test]
async fn all_that_goes_with_a_video_is_there_before_it_is_seen() {
    let mut stage = stage();
    stage.discover().await;
    let mut draft = with(draft(&stage, "Hello"), "playlists", json!(["PLcrabs"]));
    draft.lang = Some("en".into());
    let track = stage.file("crab.vtt", "text/vtt", 0, None).media;
    std::fs::write(&track.path, "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n").unwrap();
    draft.posts[0].media[0].extras.thumbnail = Some(picture(&stage));
    draft.posts[0].media[0].extras.subtitles = Some(track);
    draft.comment = Some(Text::plain("first"));
    let receipts = published(&stage, &draft).await.unwrap();
    let seen = stage.timeline();
    assert_eq!((seen.len(), seen[0].extra["playlists"].clone(), seen[0].extra["thumbnail"].clone()), (2, json!(["PLcrabs"]), json!("image/png")));
    assert_eq!(seen[0].extra["captions"], json!([["en", ""]]));
    assert_eq!((seen[1].text.as_str(), seen[1].reply_to.as_deref()), ("first", Some(receipts[0].id.as_str())));
    let asked = asked(&stage);
    let visible = asked.iter().position(|line| line == "PUT /youtube/v3/videos").unwrap();
    for before in ["POST /upload/youtube/v3/thumbnails/set", "POST /upload/youtube/v3/captions", "POST /youtube/v3/playlistItems"] {
        assert!(asked.iter().position(|line| line == before).unwrap() < visible, "{asked:?}");
    }
}

#[tokio::test]
async fn the_least_that_a_video_needs() {
    let stage = stage();
    published(&stage, &draft(&stage, "Hello")).await.unwrap();
    let least = [
        "POST /upload/youtube/v3/videos",
        "PUT /upload/youtube/v3/videos",
        "GET /youtube/v3/videos",
        "GET /youtube/v3/videos",
        "PUT /youtube/v3/videos",
    ];
    assert_eq!(asked(&stage), least);
}

#[tokio::test]
async fn a_broken_upload_goes_on_where_it_was() {
    // YouTube keeps only a part of the piece, then all is gone on with
    let stage = staged(|twin| twin.keeps = Some(512 * 1024));
    let mut content = draft(&stage, "Hello");
    content.posts[0].media[0] = film(&stage, 700 * 1024);
    let mut post = stage.posts(&content).remove(0);
    let ready = prepared(&stage, &mut post).await.unwrap();
    let ranges: Vec<String> = stage
        .server
        .log()
        .iter()
        .filter_map(|exchange| exchange.request.header("content-range").map(str::to_string))
        .collect();
    assert_eq!(ranges, ["bytes 0-716799/716800", "bytes 524288-716799/716800"]);
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline()[0].media[0].bytes, 700 * 1024);
}

/// Keeps what `prepare` saves, as the journal does.
#[derive(Default)]
struct Journal(std::sync::Mutex<Value>);

#[async_trait]
impl crate::platform::Sink for Journal {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        state.clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
    async fn keep(&self, _: &crate::login::Secrets) -> Result<(), Fault> {
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

#[tokio::test]
async fn a_lost_last_answer_is_asked_for_and_makes_no_second_video() {
    let stage = stage();
    let journal = Journal::default();
    let mut post = stage.posts(&draft(&stage, "Hello")).remove(0);
    stage.server.inject(Inject::new(What::Drop).method("PUT").when(When::After));
    let fault = Network.prepare(&Cx { sink: &journal, ..stage.cx() }, &post).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Network);
    post.state = journal.0.lock().unwrap().clone();
    let ready = prepared(&stage, &mut post).await.unwrap();
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
    assert_eq!(ready["video"], "vid0000002", "the first and only one");
    let log = stage.server.log();
    let asked = log.iter().filter(|exchange| exchange.request.header("content-range") == Some("bytes */1000"));
    assert_eq!(asked.count(), 1);
    let opened = log.iter().filter(|exchange| exchange.request.header("x-upload-content-length").is_some());
    assert_eq!(opened.count(), 1);
}

#[tokio::test]
async fn a_film_that_is_refused_is_never_seen() {
    for (status, reason, words) in [
        ("rejected", "duplicate", "it is there already"),
        ("rejected", "copyright", "rights in it"),
        ("failed", "codec", "export it as MP4"),
        ("failed", "something new", "YouTube Studio may say more"),
    ] {
        let stage = staged(|twin| twin.bad = Some((status, reason)));
        let mut post = stage.posts(&draft(&stage, "Hello")).remove(0);
        let fault = prepared(&stage, &mut post).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::None, Some(reason)));
        assert!(fault.message.contains(words), "{fault}");
        assert_eq!(stage.timeline(), []);
    }
}

#[tokio::test]
async fn a_video_that_stays_private_is_no_success() {
    let stage = staged(|twin| twin.unaudited = true);
    let fault = published(&stage, &draft(&stage, "Hello")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
    assert!(fault.message.contains("not audited"), "{fault}");
    // who wants it private has what he wants
    let stage = staged(|twin| twin.unaudited = true);
    published(&stage, &with(draft(&stage, "Hello"), "privacy", json!("private"))).await.unwrap();
}

#[tokio::test]
async fn a_time_at_youtube_is_read_back_and_one_that_has_come_is_now() {
    let mut stage = stage();
    stage.discover().await;
    let draft = |at: &str| with(draft(&stage, "Hello"), "publish_at", json!(at));
    let mut post = stage.posts(&draft("2036-12-01 09:00")).remove(0);
    let ready = prepared(&stage, &mut post).await.unwrap();
    let find = async || Find::find(&Network, &stage.cx(), &post, &ready, Utc::now()).await.unwrap();
    assert_eq!(find().await, Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(find().await, Found::Yes(receipt));
    published(&stage, &draft("2020-01-01 09:00")).await.unwrap();
    assert_eq!(stage.timeline()[1].extra["status"]["privacyStatus"], "public");
}

#[tokio::test]
async fn the_same_post_of_another_machine_is_found() {
    let mut stage = stage();
    stage.discover().await;
    let since = Utc::now();
    let first = published(&stage, &draft(&stage, "Hello")).await.unwrap();
    let mut second = stage.posts(&draft(&stage, "Hello")).remove(0);
    let ready = prepared(&stage, &mut second).await.unwrap();
    let find = async |post: &Post, since| Find::find(&Network, &stage.cx(), post, &ready, since).await.unwrap();
    assert_eq!(find(&second, since).await, Found::Yes(first[0].clone()));
    assert_eq!(find(&second, since + chrono::TimeDelta::days(1)).await, Found::No, "that was before");
    let other = stage.posts(&draft(&stage, "Another")).remove(0);
    assert_eq!(find(&other, since).await, Found::No);
}

#[tokio::test]
async fn an_edit_keeps_what_the_draft_does_not_speak_of() {
    let stage = stage();
    let mut old = with(with(draft(&stage, "old"), "category", json!(28)), "made_for_kids", json!(false));
    old.tags = vec!["rust".into()];
    let receipt = published(&stage, &old).await.unwrap().remove(0);
    let mut new = draft(&stage, "new");
    new.title = Some("Another title".into());
    let (old, new) = (stage.posts(&old).remove(0), stage.posts(&new).remove(0));
    let edit = Platform::edit(&Network).unwrap();
    assert_eq!(edit.can(&old, &new), Ok(()));
    edit.edit(&stage.cx(), &receipt, &new).await.unwrap();
    let seen = stage.timeline();
    let (snippet, status) = (&seen[0].extra["snippet"], &seen[0].extra["status"]);
    assert_eq!((seen[0].text.as_str(), seen[0].title.as_deref()), ("new", Some("Another title")));
    assert_eq!((&snippet["categoryId"], snippet.get("tags")), (&json!("28"), None), "tags are the draft's");
    assert_eq!(status, &json!({"selfDeclaredMadeForKids": false, "privacyStatus": "public"}));
    let mut other = new.clone();
    other.media[0].media.sha256 = "other".into();
    assert!(edit.can(&old, &other).unwrap_err().contains("film"));
}

#[tokio::test]
async fn a_comment_is_found_changed_and_taken_back() {
    let mut stage = stage();
    stage.account.remote_id = Network.whoami(&stage.cx()).await.unwrap().id;
    let since = Utc::now();
    let draft = Content { comment: Some(Text::plain("1 < 2 & more")), ..draft(&stage, "Hello") };
    let receipts = published(&stage, &draft).await.unwrap();
    assert!(receipts[1].url.as_ref().unwrap().contains("&lc="));
    let mut post = stage.posts(&draft).remove(1);
    post.root = Some(receipts[0].clone());
    let find = async |post: &Post| Find::find(&Network, &stage.cx(), post, &Value::Null, since).await.unwrap();
    assert_eq!(find(&post).await, Found::Yes(receipts[1].clone()));
    post.payload = json!({"comment": "another"});
    assert_eq!(find(&post).await, Found::No);
    Platform::edit(&Network).unwrap().edit(&stage.cx(), &receipts[1], &post).await.unwrap();
    assert_eq!(stage.timeline()[1].text, "another");
    for _ in 0..2 {
        Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipts[1]).await.unwrap();
    }
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn an_account_without_a_channel_is_told_so() {
    let stage = staged(|twin| twin.no_channel = true);
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Forbidden && fault.message.contains("create_channel"), "{fault}");
}

#[tokio::test]
async fn the_twin_refuses_what_youtube_refuses() {
    let stage = stage();
    let ask = async |method: Method, path: &str, headers: &[(&str, &str)], body: Value| {
        let mut request = crate::net::Request::new(method, format!("https://www.googleapis.com{path}")).bearer(&stage.cx().secret("token").unwrap());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = stage.cx().answer(request.json(body)).await.unwrap();
        let reason = answer.value()["error"]["errors"][0]["reason"].as_str().unwrap_or_default().to_string();
        (answer.status, reason)
    };
    let open = "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status";
    let film = [("x-upload-content-length", "1000"), ("x-upload-content-type", "video/mp4")];
    let video = |snippet: Value, status: Value| json!({"snippet": snippet, "status": status});
    let public = || json!({"privacyStatus": "public"});
    for (path, headers, body, status, reason) in [
        (open, &film[..], video(json!({"title": "a < b"}), public()), 400, "invalidTitle"),
        (open, &film[..], video(json!({"title": ""}), public()), 400, "invalidTitle"),
        (open, &film[..], video(json!({"title": "x".repeat(101)}), public()), 400, "invalidTitle"),
        (open, &film[..], video(json!({"title": "x", "description": "é".repeat(2501)}), public()), 400, "invalidDescription"),
        (open, &film[..], video(json!({"title": "x", "tags": ["y".repeat(501)]}), public()), 400, "invalidTags"),
        (open, &film[..], video(json!({"title": "x", "categoryId": "99"}), public()), 400, "invalidCategoryId"),
        (open, &film[..], video(json!({"title": "x"}), json!({"privacyStatus": "public", "publishAt": "2036-01-01T00:00:00Z"})), 400, "invalidPublishAt"),
        (open, &film[1..], video(json!({"title": "x"}), public()), 400, "mediaBodyRequired"),
        ("/upload/youtube/v3/videos?uploadType=resumable&part=snippet", &film[..], video(json!({"title": "x"}), public()), 400, "unexpectedPart"),
        ("/youtube/v3/commentThreads?part=snippet", &[], json!({"snippet": {"videoId": "no", "topLevelComment": {"snippet": {"textOriginal": "x"}}}}), 404, "videoNotFound"),
    ] {
        assert_eq!(ask(Method::POST, path, headers, body).await, (status, reason.to_string()));
    }
    let made = published(&stage, &draft(&stage, "Hello")).await.unwrap();
    let again = json!({"id": made[0].id, "status": {"privacyStatus": "private", "publishAt": "2036-01-01T00:00:00Z"}});
    assert_eq!(ask(Method::PUT, "/youtube/v3/videos?part=status", &[], again).await, (400, "invalidPublishAt".into()), "it was public");
    let other = Stage::new(&Network, 1);
    assert_eq!(other.timeline(), []);
}
