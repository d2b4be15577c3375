//! What the wire files do not show: what may be said of a post, films in pieces, posts that take their time, refusals.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::twin::{Rules, TikTok};
use super::*;
use crate::draft::Visibility;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Extras, Found, MediaUse};
use crate::text::Text;
use crate::twin::{Incoming, Inject, What, When};

fn film_of(stage: &Stage, bytes: usize) -> MediaUse {
    let mut film = stage.file("crab.mp4", "video/mp4", bytes, None);
    let mut data = b"\0\0\0\x18ftypisom".to_vec();
    data.resize(bytes, 7);
    std::fs::write(&film.media.path, &data).unwrap();
    (film.media.width, film.media.height) = (Some(720), Some(1280));
    film.media.about.millis = Some(5000);
    film
}

fn picture(name: &str) -> MediaUse {
    let media = crate::media::Media {
        name: name.into(),
        mime: "image/jpeg".into(),
        bytes: 9,
        width: Some(64),
        height: Some(48),
        sha256: "00".into(),
        ..Default::default()
    };
    MediaUse { media, alt: None, extras: Extras::default() }
}

fn draft(film: MediaUse) -> Content {
    content(vec![(Text::plain("the crab"), vec![film])])
}

fn problems(stage: &Stage, content: &Content) -> String {
    stage.render(content).problems.into_iter().map(|note| note.message).collect::<Vec<_>>().join("; ")
}

async fn look(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    Find::find(&Network, cx, post, ready, since).await
}

async fn discovered(twin: TikTok) -> Stage {
    let mut stage = Stage::with_twin(&Network, 0, Box::new(twin));
    stage.discover().await;
    stage
}

#[tokio::test]
async fn who_may_see_it_must_be_said_and_offered() {
    let mut stage = discovered(TikTok::default()).await;
    let draft = draft(film_of(&stage, 1000));
    let level = |stage: &Stage, content: &Content| {
        stage.render(content).parts[0].payload["body"]["post_info"]["privacy_level"].clone()
    };
    assert_eq!(level(&stage, &draft), "PUBLIC_TO_EVERYONE", "the account's");
    assert_eq!(level(&stage, &with(draft.clone(), "privacy", json!("friends"))), "MUTUAL_FOLLOW_FRIENDS");
    assert_eq!(
        problems(&stage, &with(draft.clone(), "privacy", json!("followers"))),
        "TikTok does not let this account post as `followers`, only as `public`, `friends`, `self`"
    );
    let followers = Content { visibility: Some(Visibility::Followers), ..draft.clone() };
    assert!(problems(&stage, &followers).contains("`followers`"), "the draft's word goes before the account's");
    stage.account.settings = json!({});
    assert!(problems(&stage, &draft).starts_with("say who may see it: `privacy` in `[on.tiktok]`"));
    let own = with(with(draft, "privacy", json!("self")), "paid_partnership", json!(true));
    assert_eq!(problems(&stage, &own), "a paid partnership cannot be posted with `privacy = \"self\"`");
}

#[tokio::test]
async fn what_the_creator_switched_off_stays_off() {
    let stage = discovered(TikTok::with(Rules { off: vec!["duet", "comment"], seconds: 60, ..Rules::default() })).await;
    let mut film = film_of(&stage, 1000);
    let wanted = with(draft(film.clone()), "duet", json!(true));
    let rendered = stage.render(&with(wanted, "stitch", json!(false)));
    let info = &rendered.parts[0].payload["body"]["post_info"];
    assert_eq!(
        (&info["disable_comment"], &info["disable_duet"], &info["disable_stitch"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert!(rendered.warnings.iter().any(|note| note.code == "interaction_off"), "{:?}", rendered.warnings);
    film.media.about.millis = Some(61_000);
    assert_eq!(problems(&stage, &draft(film.clone())), "`crab.mp4` is 61.0 s long, 60 s are allowed; make it shorter");
    (film.media.about.millis, film.media.width) = (Some(1000), Some(300));
    assert_eq!(
        problems(&stage, &draft(film)),
        "`crab.mp4` is 300 x 1280; TikTok takes films of 360 to 4096 pixels a side"
    );
}

#[tokio::test]
async fn photos_have_a_title_and_more_room() {
    let stage = discovered(TikTok::default()).await;
    let mut photos = content(vec![(Text::plain("x".repeat(3000)), vec![picture("a.jpg"), picture("b.jpg")])]);
    photos.title = Some("Crabs".into());
    let rendered = stage.render(&photos);
    assert_eq!(rendered.problems, []);
    assert_eq!(rendered.parts[0].limit, Some(4000));
    let body = &rendered.parts[0].payload["body"];
    assert_eq!((&body["post_info"]["title"], &body["source_info"]["photo_cover_index"]), (&json!("Crabs"), &json!(0)));
    // 46 characters that are two units each
    photos.title = Some("👍".repeat(46));
    assert_eq!(problems(&stage, &photos), "the title has 92 UTF-16 units, 90 are allowed");
    photos.title = None;
    assert_eq!(
        problems(&stage, &with(photos.clone(), "cover", json!(3))),
        "`cover` is the number of a picture, 1 to 2"
    );
    assert_eq!(
        problems(&stage, &with(photos.clone(), "cover", json!(0))),
        "`cover` is the number of a picture, 1 to 2"
    );
    let left_out = stage.render(&with(photos.clone(), "duet", json!(true))).warnings;
    assert!(left_out.iter().any(|note| note.message == "a photo post has no `duet` at TikTok; it is left out"));
    photos.posts[0].media.push(film_of(&stage, 1000));
    assert!(problems(&stage, &photos).contains("media of one kind"), "{}", problems(&stage, &photos));
    let long = content(vec![(Text::plain("x".repeat(3000)), vec![film_of(&stage, 1000)])]);
    assert!(problems(&stage, &long).contains("3000 UTF-16 units, 2200 are allowed"));
    assert!(problems(&stage, &content(vec![(Text::plain("x"), Vec::new())])).contains("without a picture or film"));
    let late = with(draft(film_of(&stage, 1000)), "cover", json!(7.5));
    assert_eq!(problems(&stage, &late), "`cover` is at 7.5 s, and `crab.mp4` is 5.0 s long");
}

#[test]
fn films_are_cut_as_tiktok_demands() {
    // the documentation's own example
    let of = encode::source(50_000_123);
    assert_eq!((&of["chunk_size"], &of["total_chunk_count"]), (&json!(10_000_000), &json!(5)));
    assert_eq!(CHUNK.spans(50_000_123).last().unwrap().range(50_000_123), "bytes 40000000-50000122/50000123");
    assert_eq!(encode::source(4_000_000)["chunk_size"], 4_000_000);
    for bytes in [1, 4_999_999, 5_000_000, 19_999_999, 20_000_000, 64_000_001, 4_000_000_000] {
        let (spans, of) = (CHUNK.spans(bytes), encode::source(bytes));
        let (chunk, count) = (of["chunk_size"].as_u64().unwrap(), of["total_chunk_count"].as_u64().unwrap());
        assert_eq!((count, spans.len() as u64), (bytes / chunk, count), "{bytes}");
        assert!(count <= 1000 && spans.iter().all(|span| span.length <= 64_000_000));
        assert!(bytes < 5_000_000 || spans.iter().all(|span| span.length >= 5_000_000));
    }
}

#[tokio::test]
async fn a_large_film_goes_in_pieces_and_is_waited_for() {
    let stage = discovered(TikTok::default()).await;
    let post = stage.posts(&draft(film_of(&stage, 25_000_123))).remove(0);
    let cx = stage.cx();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    let pieces = || stage.server.log().iter().filter(|one| one.request.method == "PUT").count();
    assert_eq!((pieces(), stage.timeline().len()), (1, 0), "the last piece is for `publish`");
    let since = post.created;
    assert_eq!(look(&cx, &post, &ready, since).await.unwrap(), Found::No);
    let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect, fault.code.as_deref()),
        (Kind::Unavailable, Effect::Maybe, Some("processing"))
    );
    assert!(fault.retry_at.unwrap() > Utc::now());
    assert_eq!((pieces(), stage.timeline().len()), (2, 1));
    // asked again until it is known
    let fault = look(&cx, &post, &ready, Utc::now() - TimeDelta::seconds(40)).await.unwrap_err();
    let pause = fault.retry_at.unwrap() - Utc::now();
    assert!((30..=41).contains(&pause.num_seconds()), "as long again as it has taken: {pause}");
    let Found::Yes(receipt) = look(&cx, &post, &ready, since).await.unwrap() else { panic!("it is there") };
    assert_eq!(receipt.url.unwrap(), format!("https://www.tiktok.com/@ann0/video/{}", receipt.id));
    assert_eq!(stage.timeline()[0].media[0].bytes, 25_000_123);
}

/// A run that was killed, or an answer that was lost, in the middle of a film.
#[tokio::test]
async fn a_film_goes_on_where_it_stopped() {
    let stage = discovered(TikTok::default()).await;
    let mut post = stage.posts(&draft(film_of(&stage, 35_000_000))).remove(0);
    let cx = stage.cx();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    stage.server.inject(Inject::new(What::Drop).method("PUT").when(When::Before));
    let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::Maybe));
    assert!(fault.message.starts_with("uploading `crab.mp4` stopped at 20.0 of 35.0 MB: "), "{}", fault.message);
    assert_eq!(look(&cx, &post, &ready, post.created).await.unwrap(), Found::No);
    post.state = json!(State { film: serde_json::from_value(ready["film"].clone()).unwrap(), ..State::default() });
    stage.server.clear_log();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    let paths: Vec<String> = stage.server.log().iter().map(|one| one.request.path.clone()).collect();
    assert_eq!(paths, ["/v2/post/publish/status/fetch/"], "no piece again, no second post");
    // all is there after all: nothing is sent any more
    stage.server.inject(Inject::new(What::Drop).method("PUT").when(When::After));
    Network.publish(&cx, &post, &ready).await.unwrap_err();
    stage.server.clear_log();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    let _ = Network.publish(&cx, &post, &ready).await;
    assert!(stage.server.log().iter().all(|one| one.request.method != "PUT"));
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn a_film_that_tiktok_refuses_is_not_posted() {
    for (reason, kind) in [("duration_check_failed", Kind::Rejected), ("internal", Kind::Unavailable)] {
        let stage = discovered(TikTok::with(Rules { fails: Some(reason), slow: 1, ..Rules::default() })).await;
        let mut post = stage.posts(&draft(film_of(&stage, 1000))).remove(0);
        let cx = stage.cx();
        let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
        let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
        assert_eq!(fault.effect, Effect::Maybe, "it is still at work on it");
        assert_eq!(look(&cx, &post, &ready, post.created).await.unwrap(), Found::No);
        // the engine prepares anew: what was refused is refused, what was TikTok's own trouble begins again
        post.state = json!({"film": ready["film"]});
        match Network.prepare(&cx, &post).await {
            Err(fault) => {
                assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (kind, Effect::None, Some(reason)))
            }
            Ok(Ready::Now(again)) => assert!(kind == Kind::Unavailable && again["publish_id"] != ready["publish_id"]),
            Ok(later) => panic!("{later:?}"),
        }
    }
    let stage = discovered(TikTok::default()).await;
    let mut film = film_of(&stage, 1000);
    std::fs::write(&film.media.path, vec![7; 1000]).unwrap();
    film.media.mime = "video/webm".into();
    let fault = stage.publish(&draft(film)).await.unwrap_err();
    assert_eq!((fault.effect, fault.message.as_str()), (Effect::None, "TikTok cannot read the file's format"));
}

/// An address that is not good any more may be one that has done its work.
#[tokio::test]
async fn an_address_that_has_run_out_is_asked_about() {
    let stage = discovered(TikTok::default()).await;
    let mut post = stage.posts(&draft(film_of(&stage, 1000))).remove(0);
    let cx = stage.cx();
    let Ready::Now(mut ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    let good = ready.clone();
    let url = ready["film"]["session"]["upload_url"].as_str().unwrap().replace("twin-", "another-");
    ready["film"]["session"]["upload_url"] = json!(url);
    let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Unavailable, Effect::Maybe, Some(403)));
    assert!(!fault.to_string().contains("upload_token"), "{fault}");
    assert_eq!(look(&cx, &post, &ready, post.created).await.unwrap(), Found::No);
    // once TikTok said that it has the last piece, its books may lag behind
    post.state = json!({"publish_id": ready["publish_id"], "film": ready["film"]});
    assert_eq!(look(&cx, &post, &ready, post.created).await.unwrap_err().code.as_deref(), Some("processing"));
    Network.publish(&cx, &post, &good).await.unwrap();
    assert!(matches!(look(&cx, &post, &good, post.created).await.unwrap(), Found::Yes(_)));
    // and the piece once more is refused, but leaves it open
    let fault = Network.publish(&cx, &post, &good).await.unwrap_err();
    assert_eq!((fault.effect, fault.status, stage.timeline().len()), (Effect::Maybe, Some(416), 1));
}

#[tokio::test]
async fn a_film_is_fetched_where_the_account_says_so() {
    let mut stage = discovered(TikTok::default()).await;
    stage.account.settings = json!({"privacy": "self", "source": "pull"});
    let receipts = stage.publish(&draft(film_of(&stage, 1000))).await.unwrap();
    assert!(receipts[0].id.starts_with("v_pub_url~"), "its creator alone sees it, so it has no number: {receipts:?}");
    assert_eq!(receipts[0].url.as_deref(), Some("https://www.tiktok.com/@ann0"));
    assert_eq!(stage.timeline()[0].extra["urls"], json!(["https://files.example/crab.mp4"]));
    assert!(stage.server.log().iter().all(|one| one.request.method != "PUT"));
}

/// What TikTok fetches is on its way with the first request; without its answer only the list of posts can tell.
#[tokio::test]
async fn photos_are_asked_about_by_their_id_or_looked_for() {
    let stage = discovered(TikTok::with(Rules { slow: 1, ..Rules::default() })).await;
    let photos = content(vec![(Text::plain("photos"), vec![picture("a.jpg")])]);
    let mut post = stage.posts(&photos).remove(0);
    let cx = stage.cx();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    let now = Utc::now();
    post.created = now;
    assert_eq!(look(&cx, &post, &ready, now).await.unwrap(), Found::Unsure, "it may be under moderation");
    assert_eq!(look(&cx, &post, &ready, now - TimeDelta::days(2)).await.unwrap(), Found::No);
    stage.server.inject(Inject::new(What::Drop).path("content/init").when(When::After));
    assert_eq!(Network.publish(&cx, &post, &ready).await.unwrap_err().effect, Effect::Maybe);
    let Found::Yes(listed) = look(&cx, &post, &ready, now).await.unwrap() else { panic!("it is listed") };
    assert_eq!(listed.url.unwrap(), format!("https://www.tiktok.com/@ann0/photo/{}", listed.id));
    // another one, whose answer came
    let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
    assert_eq!((fault.code.as_deref(), fault.effect), (Some("processing"), Effect::Maybe));
    post.state = json!({"publish_id": "p_pub_url~v2.7300000000000000002"});
    let Found::Yes(told) = look(&cx, &post, &ready, now).await.unwrap() else { panic!("TikTok tells") };
    assert_eq!(told.id, "7300000000000000002");
    // and a run that was killed after that opens no second one
    stage.server.clear_log();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("nothing to wait for") };
    Network.publish(&cx, &post, &ready).await.unwrap();
    assert!(stage.server.log().iter().all(|one| one.request.path.ends_with("/status/fetch/")));
}

#[tokio::test]
async fn what_changed_since_the_plan_stops_it() {
    let stage = discovered(TikTok::default()).await;
    let posts = stage.posts(&draft(film_of(&stage, 1000)));
    for (twin, said) in [
        (
            TikTok::with(Rules { privacy: vec!["FOLLOWER_OF_CREATOR", "SELF_ONLY"], ..Rules::default() }),
            "may not post as \"PUBLIC_TO_EVERYONE\" any more",
        ),
        (TikTok::with(Rules { off: vec!["stitch"], ..Rules::default() }), "has switched `stitch` off"),
        (TikTok::with(Rules { seconds: 3, ..Rules::default() }), "5.0 s long, 3 s are allowed"),
    ] {
        let other = Stage::with_twin(&Network, 0, Box::new(twin));
        let fault = other.publish_one(&posts[0]).await.unwrap_err();
        assert!(fault.kind == Kind::Rejected && fault.message.contains(said), "{fault}");
        assert_eq!(other.server.log().len(), 1, "no post was opened");
    }
}

#[tokio::test]
async fn an_app_that_is_not_audited_is_told_what_it_can_do() {
    let stage = discovered(TikTok::with(Rules { audited: false, ..Rules::default() })).await;
    let fault = stage.publish(&draft(film_of(&stage, 1000))).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
    assert!(fault.message.contains("`privacy = \"self\"`") && fault.message.contains("`draft = true`"), "{fault}");
    stage.publish(&with(draft(film_of(&stage, 1000)), "privacy", json!("self"))).await.unwrap();
    let inbox = with(draft(film_of(&stage, 1000)), "draft", json!(true));
    assert!(stage.render(&inbox).warnings.iter().any(|note| note.code == "draft_without_text"));
    let receipts = stage.publish(&inbox).await.unwrap();
    assert_eq!((receipts[0].url.as_ref(), &receipts[0].extra["pending"]), (None, &json!("inbox")));
    assert_eq!(stage.timeline()[1].extra["inbox"], true);
    let set = with(inbox, "duet", json!(false));
    assert_eq!(problems(&stage, &set), "a draft carries no `duet`: it is chosen in the TikTok app");
}

#[test]
fn refusals_mean_what_they_say() {
    let said = |status: u16, code: &str| {
        let body = json!({"data": {}, "error": {"code": code, "message": "Said so.", "log_id": "log1"}}).to_string();
        explain::explain(&answer(status, &[], &body))
    };
    assert_eq!(said(200, "ok"), None);
    for (status, code, kind) in [
        (401, "access_token_invalid", Kind::Auth),
        (401, "scope_not_authorized", Kind::Forbidden),
        (403, "url_ownership_unverified", Kind::Forbidden),
        (403, "privacy_level_option_mismatch", Kind::Rejected),
        (403, "spam_risk_user_banned_from_posting", Kind::Forbidden),
        (400, "invalid_params", Kind::Rejected),
        (200, "invalid_params", Kind::Rejected),
        (429, "rate_limit_exceeded", Kind::Limited),
        (403, "spam_risk_too_many_pending_share", Kind::Limited),
        (200, "reached_active_user_cap", Kind::Limited),
    ] {
        let fault = said(status, code).unwrap();
        assert_eq!((fault.kind, fault.effect), (kind, Effect::None), "{code}: {fault}");
        assert_eq!((fault.code.as_deref(), fault.request_id.as_deref()), (Some(code), Some("log1")), "{code}");
    }
    for status in [200, 500, 502] {
        let fault = said(status, "internal_error").unwrap();
        assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::Maybe), "{status}");
    }
    assert_eq!(said(400, "something_new").unwrap().message, "Said so");
    let day = said(403, "spam_risk_too_many_posts").unwrap();
    assert_eq!(day.retry_at.unwrap() - answer(200, &[], "").at, TimeDelta::hours(24));
    let flat = r#"{"error": "invalid_grant", "error_description": "no", "log_id": "log2"}"#;
    let flat = explain::explain(&answer(400, &[], flat)).unwrap();
    assert_eq!((flat.code.as_deref(), flat.request_id.as_deref()), (Some("invalid_grant"), Some("log2")));
    assert_eq!(explain::explain(&answer(201, &[], "")), None);
    assert_eq!(explain::explain(&answer(403, &[], "<html>")).unwrap().kind, Kind::Forbidden);
}

#[test]
fn the_twin_is_as_strict_as_tiktok() {
    use crate::twin::Twin;
    let mut twin = TikTok::default();
    let mut call = |host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers: Vec<(String, String)> = headers.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        headers.push(("authorization".into(), format!("Bearer {}", twin::token(0))));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let request = Incoming {
            method: method.into(),
            host: host.into(),
            path: path.into(),
            raw: path.into(),
            query,
            headers,
            body: body.to_vec(),
        };
        let reply = twin.answer(&request);
        (reply.status, serde_json::from_slice::<Value>(&reply.body).unwrap_or_default())
    };
    let mut init = |source: Value, change: Value| {
        let mut info = json!({"title": "x", "privacy_level": "SELF_ONLY"});
        info.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let body = json!({"post_info": info, "source_info": source}).to_string();
        call("open.tiktokapis.com", "POST", "/v2/post/publish/video/init/", &[], body.as_bytes())
    };
    let file = |size: u64, chunk: u64, count: u64| json!({"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count});
    for wrong in [
        file(0, 0, 1),
        file(4_000_000, 2_000_000, 2),
        file(50_000_000, 4_000_000, 12),
        file(50_000_123, 10_000_000, 6),
        file(70_000_000, 70_000_000, 1),
    ] {
        assert_eq!(init(wrong.clone(), json!({})).1["error"]["code"], "invalid_params", "{wrong}");
    }
    assert_eq!(
        init(file(9, 9, 1), json!({"privacy_level": "FOLLOWER_OF_CREATOR"})).1["error"]["code"],
        "privacy_level_option_mismatch"
    );
    assert_eq!(init(file(9, 9, 1), json!({"title": "x".repeat(2201)})).0, 400);
    let pull = json!({"source": "PULL_FROM_URL", "video_url": "https://unverified.example/a.mp4"});
    assert_eq!(init(pull, json!({})).1["error"]["code"], "url_ownership_unverified");
    let opened = init(file(12_000_000, 6_000_000, 2), json!({})).1;
    for _ in 0..5 {
        assert_eq!(init(file(9, 9, 1), json!({})).0, 200);
    }
    assert_eq!(init(file(9, 9, 1), json!({})).1["error"]["code"], "rate_limit_exceeded", "six in a minute");
    let url = opened["data"]["upload_url"].as_str().unwrap().replace("https://open-upload.tiktokapis.com", "");
    let mut put = |range: &str, bytes: usize| {
        let headers = [("content-type", "video/mp4"), ("content-range", range)];
        call("open-upload.tiktokapis.com", "PUT", &url, &headers, &vec![0; bytes]).0
    };
    assert_eq!(put("bytes 6000000-11999999/12000000", 6_000_000), 416, "out of order");
    assert_eq!(put("bytes 0-4999999/12000000", 5_000_000), 416, "not the announced size");
    assert_eq!(put("bytes 0-5999999/12000000", 6_000_000), 206);
    assert_eq!(put("bytes 0-5999999/12000000", 6_000_000), 416, "twice");
    assert_eq!(put("bytes 6000000-11999999/12000000", 6_000_000), 201);
}

#[tokio::test]
async fn a_day_has_fifteen_posts() {
    let stage = discovered(TikTok::default()).await;
    let film = film_of(&stage, 1000);
    let mut twin = TikTok::default();
    twin.fill(0, 15);
    let full = Stage::with_twin(&Network, 0, Box::new(twin));
    let post = stage.posts(&draft(film)).remove(0);
    let fault = full.publish_one(&post).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect, fault.code.as_deref()),
        (Kind::Limited, Effect::None, Some("spam_risk_too_many_posts"))
    );
    let wait = fault.retry_at.unwrap() - Utc::now();
    assert!((1430..=1440).contains(&wait.num_minutes()), "{wait}");
}
