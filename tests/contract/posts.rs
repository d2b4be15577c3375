//! What is posted, and what a reader sees of it.

use chrono::Utc;
use serde_json::Value;
use xpost::draft::Overflow;
use xpost::platform::{AccountInfo, Ask, Found, Limits, Platform, Repeat};
use xpost::text::Text;

use crate::stage::Stage;
use crate::{Case, all, cases};

/// The cases of this module.
pub fn cases() -> Vec<Case> {
    cases![
        render_is_pure_and_fits: all,
        render_needs_no_account: all,
        text: all,
        long_text_becomes_a_thread: threads,
        posts_of_a_draft_become_a_thread: threads,
        too_long_is_refused: limited,
        picture_with_alt: pictures,
        all_pictures_that_one_post_takes: pictures,
        prepare_twice_is_one_post: all,
        a_repeat_is_the_same_post: repeats,
        find_tells_what_landed: finds,
        delete_twice: deletes,
        a_comment_stands_below_the_post: comments,
        edit_twice: edits,
        an_edit_keeps_the_pictures: edits_with_pictures,
        whoami: all,
        setup_says_how: all,
    ]
}

fn threads(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    (!platform.spec().threads).then_some("it has no threads")
}

fn limited(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.spec().text.max.is_none().then_some("its texts have no limit")
}

fn pictures(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.spec().media.image.is_none().then_some("it takes no images")
}

fn repeats(platform: &dyn Platform, n: usize) -> Option<&'static str> {
    let twin = platform.twin_account(n, std::path::Path::new("home"));
    let account = AccountInfo { settings: twin.settings, server: twin.server, ..AccountInfo::default() };
    let known = matches!(platform.repeat(&account), Repeat::SameId | Repeat::Key { .. });
    (!known).then_some("it does not recognise a repeat")
}

fn finds(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.find().is_none().then_some("it cannot be read back")
}

fn deletes(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.delete().is_none().then_some("it cannot delete")
}

fn comments(platform: &dyn Platform, n: usize) -> Option<&'static str> {
    let has = platform.spec().comments.is_some() || platform.spec().threads;
    (!has || n > 0).then_some("it has neither comments nor threads")
}

fn edits(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.edit().is_none().then_some("it cannot change a post")
}

fn edits_with_pictures(platform: &dyn Platform, n: usize) -> Option<&'static str> {
    edits(platform, n).or_else(|| pictures(platform, n))
}

/// Words and sentences of about so many characters, each sentence told by its number.
fn prose(characters: usize) -> String {
    let mut text = String::new();
    let mut n = 0;
    while text.chars().count() < characters {
        n += 1;
        text.push_str(&format!("Sentence number {n} goes on for a while, as sentences do. "));
        if n % 7 == 0 {
            text.truncate(text.trim_end().len());
            text.push_str("\n\n");
        }
    }
    text.trim_end().to_string()
}

async fn render_is_pure_and_fits(stage: &Stage) {
    let actor = stage.actor().await;
    let before = stage.server.log().len();
    let long = actor.limits().text.unwrap_or(20_000) * 3 / 2;
    let mut texts = vec![
        "short".to_string(),
        "Ünïcödé, 漢字, עברית, 👩‍👩‍👧‍👦 🇩🇪 e\u{301}, <b>&amp;</b> *_`[x](y)`_* \\ @nobody #tag https://example.org/a_(b)?c=d&e=f#g".to_string(),
    ];
    if stage.platform.spec().threads {
        texts.push(prose(long));
    }
    for text in texts {
        let content = stage.content(&text);
        let (one, two) = (actor.render(&content), actor.render(&content));
        assert_eq!(format!("{one:?}"), format!("{two:?}"), "the same draft, the same plan");
        assert!(one.problems.is_empty(), "{:?}", one.problems);
        assert!(!one.parts.is_empty());
        for part in &one.parts {
            assert!(part.limit.is_none_or(|limit| part.count <= limit), "{} of {:?}", part.count, part.limit);
            assert!(!part.text.is_empty() && !part.payload.is_null());
        }
    }
    assert_eq!(stage.server.log().len(), before, "render asks nobody");
}

async fn render_needs_no_account(stage: &Stage) {
    let limits = Limits::of(stage.platform.spec());
    let content = stage.content("hello");
    let rendered = stage.platform.render(&Ask { content: &content, account: None, limits: &limits });
    assert!(rendered.problems.is_empty() && rendered.parts.len() == 1, "{rendered:?}");
    assert!(stage.server.log().is_empty());
}

async fn text(stage: &Stage) {
    let actor = stage.actor().await;
    let words = "Grüße, 世界 🦀: 1 < 2 & 3 > 2, \"quoted\" *starred* _under_ [bracket]";
    let published = stage.ok(actor.publish_all(&stage.content(words)).await);
    assert_eq!(published.len(), 1);
    let seen = stage.timeline();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].text.trim(), words, "what a reader sees is what was written");
    let receipt = &published[0].1;
    assert!(!receipt.id.is_empty());
    if let Some(url) = &receipt.url {
        assert!(url::Url::parse(url).is_ok(), "{url}");
    }
    // a second draft is a second post
    stage.ok(actor.publish_all(&stage.content("another one")).await);
    assert_eq!(stage.timeline().len(), 2);
}

async fn long_text_becomes_a_thread(stage: &Stage) {
    let actor = stage.actor().await;
    let text = prose(actor.limits().text.unwrap_or(1000) * 5 / 2);
    let mut content = stage.content(&text);
    content.overflow = Some(Overflow::Thread);
    let published = stage.ok(actor.publish_all(&content).await);
    assert!(published.len() >= 3, "{} parts", published.len());
    check_chain(stage, published.len());
    let all: String = stage.timeline().iter().map(|seen| seen.text.clone()).collect::<Vec<_>>().join(" ");
    let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    assert_eq!(words(&all), words(&text), "no word is lost, none twice");
}

async fn posts_of_a_draft_become_a_thread(stage: &Stage) {
    let actor = stage.actor().await;
    let mut content = stage.content("first");
    content.posts.extend(["second", "third"].into_iter().flat_map(|text| stage.content(text).posts));
    let published = stage.ok(actor.publish_all(&content).await);
    assert_eq!(published.len(), 3);
    check_chain(stage, 3);
    let texts: Vec<_> = stage.timeline().into_iter().map(|seen| seen.text).collect();
    assert_eq!(texts, ["first", "second", "third"]);
}

/// Every post but the first replies to the one before; an account of a lesser kind may only have them in order.
#[track_caller]
fn check_chain(stage: &Stage, posts: usize) {
    let seen = stage.timeline();
    assert_eq!(seen.len(), posts);
    assert_eq!(seen[0].reply_to, None);
    if stage.lesser && seen.iter().all(|seen| seen.reply_to.is_none()) {
        return;
    }
    for pair in seen.windows(2) {
        assert_eq!(pair[1].reply_to.as_ref(), Some(&pair[0].id));
    }
}

async fn too_long_is_refused(stage: &Stage) {
    let actor = stage.actor().await;
    let limit = actor.limits().text.expect("the skip says so");
    let mut content = stage.content(&prose(limit * 2));
    content.overflow = Some(Overflow::Refuse);
    assert!(!actor.render(&content).problems.is_empty(), "too long and `refuse`");
    // one word that no rule may cut
    let word = format!("https://example.org/{}", "x".repeat(limit * 2));
    let unbreakable = actor.render(&stage.content(&word));
    if stage.platform.spec().text.unit.count(&word) > limit {
        assert!(!unbreakable.problems.is_empty(), "an address is never cut");
    }
    assert!(stage.timeline().is_empty());
}

async fn picture_with_alt(stage: &Stage) {
    let actor = stage.actor().await;
    if stage.lesser && actor.limits().images == 0 {
        return;
    }
    let published = stage.ok(actor.publish_all(&stage.with_pictures("a picture", 1)).await);
    assert_eq!(published.len(), 1);
    let seen = stage.timeline();
    assert_eq!((seen.len(), seen[0].media.len()), (1, 1));
    assert!(seen[0].media[0].mime.starts_with("image/") && seen[0].media[0].bytes > 0, "{:?}", seen[0].media);
    if stage.platform.spec().media.alt.is_some() {
        assert_eq!(seen[0].media[0].alt, "crab 0 of a picture");
    }
}

async fn all_pictures_that_one_post_takes(stage: &Stage) {
    let actor = stage.actor().await;
    let limits = actor.limits();
    let most = limits.images.min(limits.media).min(10);
    stage.ok(actor.publish_all(&stage.with_pictures("many", most)).await);
    let seen = stage.timeline();
    let media: Vec<_> = seen.iter().flat_map(|seen| &seen.media).collect();
    assert_eq!(media.len(), most);
    if stage.platform.spec().media.alt.is_some() {
        for (n, medium) in media.iter().enumerate() {
            assert_eq!(medium.alt, format!("crab {n} of many"), "in the order of the draft");
        }
    }
}

async fn prepare_twice_is_one_post(stage: &Stage) {
    let actor = stage.actor().await;
    let content = match stage.platform.spec().media.image {
        Some(_) => stage.with_pictures("once", 1),
        None => stage.content("once"),
    };
    let mut post = actor.post(&content);
    stage.ok(actor.prepare(&mut post).await);
    assert!(stage.timeline().is_empty(), "prepare shows nothing to anybody");
    // as a run does that was killed: from the last checkpoint
    if let Some(saved) = actor.sink.saved.lock().unwrap().last() {
        post.state = saved.clone();
    }
    let ready = stage.ok(actor.prepare(&mut post).await);
    stage.ok(actor.publish(&post, &ready).await);
    assert_eq!(stage.timeline().len(), 1);
}

async fn a_repeat_is_the_same_post(stage: &Stage) {
    let actor = stage.actor().await;
    let account = stage.platform.repeat(&actor.account);
    assert!(matches!(account, Repeat::SameId | Repeat::Key { .. }), "asking the server changes nothing: {account:?}");
    let mut post = actor.post(&stage.content("again and again"));
    let ready = stage.ok(actor.prepare(&mut post).await);
    let first = stage.ok(actor.publish(&post, &ready).await);
    let second = stage.ok(actor.publish(&post, &ready).await);
    assert_eq!(first, second);
    assert_eq!(stage.timeline().len(), 1);
    // the same text with another key is another post
    let mut other = actor.post(&stage.content("again and again"));
    let ready = stage.ok(actor.prepare(&mut other).await);
    assert_ne!(stage.ok(actor.publish(&other, &ready).await).id, first.id);
    assert_eq!(stage.timeline().len(), 2);
}

async fn find_tells_what_landed(stage: &Stage) {
    let actor = stage.actor().await;
    let find = stage.platform.find().expect("the skip says so");
    let since = Utc::now();
    let mut landed = actor.post(&stage.content("this one landed"));
    let ready = stage.ok(actor.prepare(&mut landed).await);
    let mut lost = actor.post(&stage.content("this one was lost"));
    let lost_ready = stage.ok(actor.prepare(&mut lost).await);
    let before = stage.ok(find.find(&actor.cx(), &landed, &ready, since).await);
    if stage.lesser && before == Found::Unsure {
        return;
    }
    assert_eq!(before, Found::No, "before it was sent");
    let receipt = stage.ok(actor.publish(&landed, &ready).await);
    match stage.ok(find.find(&actor.cx(), &landed, &ready, since).await) {
        Found::Yes(found) => assert_eq!(found, receipt, "what was found is what `publish` gave"),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.ok(find.find(&actor.cx(), &lost, &lost_ready, since).await), Found::No);
}

async fn delete_twice(stage: &Stage) {
    let actor = stage.actor().await;
    let delete = stage.platform.delete().expect("the skip says so");
    let gone = stage.ok(actor.publish_all(&stage.content("to be deleted")).await);
    stage.ok(actor.publish_all(&stage.content("to stay")).await);
    let deleted = delete.delete(&actor.cx(), &gone[0].1).await;
    if stage.spared(&deleted) {
        return;
    }
    stage.ok(deleted);
    assert_eq!(stage.posts_with("to be deleted").len(), 0);
    stage.ok(delete.delete(&actor.cx(), &gone[0].1).await);
    assert_eq!(stage.timeline().len(), 1, "the other one stays");
}

async fn a_comment_stands_below_the_post(stage: &Stage) {
    let actor = stage.actor().await;
    let mut content = stage.content("what it is about");
    content.comment = Some(Text::plain("what else there is to say"));
    let rendered = actor.render(&content);
    assert_eq!(rendered.parts.last().map(|part| part.comment), Some(stage.platform.spec().comments.is_some()));
    let published = stage.ok(actor.publish_all(&content).await);
    assert_eq!(published.len(), 2);
    let (post, comment) = (stage.posts_with("what it is about"), stage.posts_with("what else there is to say"));
    assert_eq!((post.len(), comment.len()), (1, 1));
    assert_eq!(post[0].reply_to, None);
    assert_eq!(comment[0].reply_to.as_ref(), Some(&post[0].id), "it stands below the post");
    if let Some(delete) = stage.platform.delete() {
        stage.ok(delete.delete(&actor.cx(), &published[1].1).await);
        assert_eq!(stage.posts_with("what else there is to say").len(), 0);
        assert_eq!(stage.posts_with("what it is about").len(), 1, "the post stays");
    }
}

async fn edit_twice(stage: &Stage) {
    let actor = stage.actor().await;
    let edit = stage.platform.edit().expect("the skip says so");
    let published = stage.ok(actor.publish_all(&stage.content("before the edit")).await);
    let (post, receipt) = &published[0];
    let new = actor.post(&stage.content("after the edit"));
    stage.ok(edit.can(post, &new));
    for _ in 0..2 {
        let changed = edit.edit(&actor.cx(), receipt, &new).await;
        if stage.spared(&changed) {
            return;
        }
        let changed = stage.ok(changed);
        assert_eq!(changed.id, receipt.id, "it is the same post");
        assert_eq!(stage.posts_with("after the edit").len(), 1);
        assert_eq!(stage.timeline().len(), 1);
    }
}

async fn an_edit_keeps_the_pictures(stage: &Stage) {
    let actor = stage.actor().await;
    if stage.lesser && actor.limits().images == 0 {
        return;
    }
    let edit = stage.platform.edit().expect("the skip says so");
    let published = stage.ok(actor.publish_all(&stage.with_pictures("before the edit", 1)).await);
    let (post, receipt) = &published[0];
    let new = actor.post(&stage.with_pictures("after the edit", 1));
    // the alt text, which is another one, may be something that cannot be changed
    if edit.can(post, &new).is_ok() {
        stage.ok(edit.edit(&actor.cx(), receipt, &new).await);
        let seen = stage.timeline();
        assert_eq!((seen.len(), seen[0].media.len()), (1, 1));
        assert!(seen[0].text.contains("after the edit"), "{}", seen[0].text);
    }
    assert!(edit.can(post, &actor.post(&stage.content("bare"))).is_err() || stage.platform.spec().media.required);
}

async fn whoami(stage: &Stage) {
    let actor = stage.stranger(std::time::Duration::from_secs(20));
    let profile = stage.ok(actor.mended(async |cx| stage.platform.whoami(cx).await).await);
    assert!(!profile.id.is_empty() && !profile.handle.is_empty(), "{profile:?}");
    let again = stage.ok(actor.mended(async |cx| stage.platform.whoami(cx).await).await);
    assert_eq!(profile, again);
    let about: Value = stage.ok(actor.mended(async |cx| stage.platform.discover(cx).await).await);
    assert!(about.is_null() || about.is_object(), "{about}");
    assert!(stage.timeline().is_empty());
}

async fn setup_says_how(stage: &Stage) {
    let (spec, setup) = (stage.platform.spec(), stage.platform.setup());
    assert!(setup.starts_with("# ") && setup.contains("xpost account add"), "setup.md says how to begin");
    assert!(!spec.about.is_empty() && !spec.sources.is_empty());
    assert!(chrono::NaiveDate::parse_from_str(spec.checked, "%Y-%m-%d").is_ok(), "{}", spec.checked);
    assert_eq!(spec.name, spec.name.to_lowercase());
}
