//! The drafts under `examples/` are good on every network that they are meant for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use xpost::draft::{Draft, Form, Vars, built_ins, parse};
use xpost::media::gather;
use xpost::plan::{Known, Plan, Settings, Target, plan};
use xpost::platform::ALL;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn drafts() -> Vec<(String, Draft)> {
    let moment = chrono::DateTime::parse_from_rfc3339("2026-12-01T09:00:00+01:00").unwrap();
    let mut vars: Vars = built_ins(&moment);
    for (name, value) in [("project", "ferris"), ("version", "2.0"), ("notes", "- both claws\n- eleven languages")] {
        vars.insert(name.into(), value.into());
    }
    let mut drafts: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "md" || kind == "txt"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).unwrap();
            let draft =
                parse(&name, &folder(), &bytes, Form::of(&path), &vars).unwrap_or_else(|error| panic!("{error}"));
            (name, draft)
        })
        .collect();
    drafts.sort_by(|a, b| a.0.cmp(&b.0));
    drafts
}

async fn plans(draft: &Draft) -> Vec<Plan> {
    let home = tempfile::tempdir().unwrap();
    let facts = gather(&draft.media(), &draft.base, None, &[], home.path()).await;
    let wanted = |name: &str| {
        let to = draft.fields.to.as_deref().unwrap_or_default();
        to.is_empty() || to.iter().any(|to| to == "all" || to == name)
    };
    // where a network demands a picture or a film, the draft must have one
    let has = |end: &str| draft.media().iter().any(|medium| medium.source.ends_with(end));
    let (pictures, films) = (has(".png"), has(".mp4"));
    ALL.iter()
        .filter(|platform| wanted(platform.spec().name))
        .filter(|platform| {
            let media = &platform.spec().media;
            !media.required || (pictures && media.image.is_some()) || (films && media.video.is_some())
        })
        .map(|platform| {
            let target = Target { name: platform.spec().name.into(), platform: *platform, account: None };
            plan(draft, &facts, &target, &Known::default(), &Settings::default())
        })
        .collect()
}

#[tokio::test]
async fn every_example_is_good_wherever_it_goes() {
    let drafts = drafts();
    assert!(drafts.len() >= 7);
    for (name, draft) in &drafts {
        let plans = plans(draft).await;
        assert!(!plans.is_empty(), "{name} goes nowhere");
        for plan in plans {
            assert_eq!(plan.problems, [], "{name} on {}", plan.target);
            for part in &plan.parts {
                assert!(part.limit.is_none_or(|limit| part.count <= limit), "{name} on {}: {part:?}", plan.target);
            }
        }
    }
}

#[tokio::test]
async fn the_release_is_a_thread_on_some_and_one_post_on_others() {
    let drafts = drafts();
    let (_, release) = drafts.iter().find(|(name, _)| name == "release.md").unwrap();
    let plans = plans(release).await;
    assert!(plans.iter().any(|plan| plan.parts.len() > 1), "nowhere a thread");
    assert!(plans.iter().any(|plan| plan.parts.len() == 1), "everywhere a thread");
    for plan in &plans {
        // with its words or after them
        let shown: Vec<_> = plan.parts.iter().flat_map(|part| &part.media).collect();
        assert_eq!(shown.len(), 1, "{}", plan.target);
        let rule = &xpost::platform::by_name(&plan.platform).unwrap().spec().media;
        let alt = shown[0].alt.as_deref();
        let kept = alt == Some("A small orange crab on a beach, both claws in the air");
        assert!(kept || (rule.alt.is_none() && alt.is_none()), "{}: {alt:?}", plan.target);
        let medium = &shown[0].media;
        let png = rule.image.is_some_and(|rule| rule.mimes.contains(&"image/png"));
        // as it is where it may be, else made anew
        assert_eq!((medium.mime == "image/png", medium.fit.is_none()), (png, png), "{}: {medium:?}", plan.target);
        assert!(medium.mime.starts_with("image/") && medium.width == Some(640), "{}: {medium:?}", plan.target);
    }
}
