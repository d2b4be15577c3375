//! Films against the twin: by way of the film service, and without one.

use super::*;
use crate::platform::stage::{Stage, content};
use crate::platform::{Content, MediaUse};
use crate::twin::{Inject, What, When};

async fn stage() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.discover().await;
    stage.server.clear_log();
    stage
}

fn film(stage: &Stage) -> MediaUse {
    stage.file("clip.mp4", "video/mp4", 5000, Some("a crab waves"))
}

fn draft(film: MediaUse) -> Content {
    content(vec![(Text::plain("look"), vec![film])])
}

fn paths(stage: &Stage) -> Vec<String> {
    let log = stage.server.log();
    log.iter().map(|exchange| exchange.request.path.rsplit('.').next().unwrap().to_string()).collect()
}

/// Prepares as often as the network asks for it; gives how often that was.
async fn ready(stage: &Stage, post: &mut Post) -> Result<(Value, usize), Fault> {
    for times in 1..10 {
        match Network.prepare(&stage.cx(), post).await? {
            Ready::Now(ready) => return Ok((ready, times)),
            Ready::Later { state, at } => {
                assert!(at > Utc::now() && at < Utc::now() + TimeDelta::seconds(5));
                post.state = state;
            }
        }
    }
    panic!("the network is busy for ever")
}

#[tokio::test]
async fn a_film_goes_through_the_service() {
    let stage = stage().await;
    let mut post = stage.posts(&draft(film(&stage))).remove(0);
    let (ready, times) = ready(&stage, &mut post).await.unwrap();
    assert_eq!(times, 2, "the job was asked about once, and once more later");
    let want =
        ["getServiceAuth", "getUploadLimits", "getServiceAuth", "uploadVideo", "getJobStatus", "getJobStatus"];
    assert_eq!(paths(&stage), want);
    let log = stage.server.log();
    let upload = &log[3].request;
    assert_eq!((upload.host.as_str(), upload.header("content-type"), upload.body.len()), ("video.bsky.app", Some("video/mp4"), 5000));
    assert_eq!(upload.query("name"), Some(format!("{}.mp4", post.tid()).as_str()));
    // the session's own token goes to its server and to nobody else
    for exchange in log.iter().filter(|exchange| exchange.request.host == "video.bsky.app") {
        let token = exchange.request.bearer().unwrap_or_default();
        assert!(token.is_empty() || token.starts_with("service-token-"), "{token}");
    }
    assert!(!ready.to_string().contains("service-token"));
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    let seen = stage.timeline().remove(0);
    let embed = &seen.extra["record"]["embed"];
    assert_eq!(embed["$type"], "app.bsky.embed.video");
    assert_eq!((&embed["alt"], &embed["aspectRatio"]), (&json!("a crab waves"), &json!({"width": 64, "height": 48})));
    assert_eq!((seen.media[0].mime.as_str(), seen.media[0].bytes), ("video/mp4", 5000));
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_job() {
    for lost in ["getServiceAuth", "getUploadLimits", "uploadVideo", "getJobStatus"] {
        let stage = stage().await;
        let mut post = stage.posts(&draft(film(&stage))).remove(0);
        stage.server.inject(Inject::new(What::Drop).path(lost).when(When::After));
        let fault = ready(&stage, &mut post).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::None), "{lost}: {fault}");
        let (prepared, _) = ready(&stage, &mut post).await.unwrap();
        Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
        let log = stage.server.log();
        let answers = log.iter().filter(|exchange| exchange.request.path.ends_with("uploadVideo"));
        let statuses: Vec<u16> = answers.filter_map(|exchange| exchange.reply.as_ref().map(|reply| reply.status)).collect();
        // nothing was kept between the two (that is the engine's part): the service knows the film by its name
        let want: &[u16] = if lost == "uploadVideo" { &[409] } else if lost == "getJobStatus" { &[200, 409] } else { &[200] };
        assert_eq!(statuses, want, "{lost}");
    }
}

#[tokio::test]
async fn what_is_saved_is_not_sent_again() {
    let stage = stage().await;
    let mut post = stage.posts(&draft(film(&stage))).remove(0);
    let Ready::Later { state, .. } = Network.prepare(&stage.cx(), &post).await.unwrap() else { panic!("it takes its time") };
    post.state = state;
    stage.server.clear_log();
    ready(&stage, &mut post).await.unwrap();
    assert_eq!(paths(&stage), ["getJobStatus"]);
}

#[tokio::test]
async fn the_server_takes_the_film_where_the_service_does_not() {
    let stage = stage().await;
    let mut post = stage.posts(&draft(film(&stage))).remove(0);
    stage.server.inject(Inject::new(What::Status { status: 501 }).path("getUploadLimits"));
    let (prepared, times) = ready(&stage, &mut post).await.unwrap();
    assert_eq!(times, 1);
    assert_eq!(paths(&stage), ["getServiceAuth", "getUploadLimits", "uploadBlob"]);
    Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
    assert_eq!(stage.timeline()[0].media[0].mime, "video/mp4");
}

#[test]
fn a_server_without_the_service_has_its_own_limits() {
    let own = Network.limits(&json!({"pds": "https://pds.example.org", "blob_bytes": 5_000_000}));
    assert_eq!((own.video_bytes, own.video_mimes.as_slice()), (5_000_000, &["video/mp4".to_string()][..]));
    let hosted = Network.limits(&json!({"pds": "https://x", "blob_bytes": 5_000_000, "video": "https://video.bsky.app"}));
    assert_eq!((hosted.video_bytes, hosted.video_mimes.len()), (video::BYTES, 4));
    assert_eq!(Network.limits(&Value::Null).video_bytes, video::BYTES);
}

#[tokio::test]
async fn a_film_that_is_too_large_for_the_server_is_not_sent_there() {
    let stage = stage().await;
    let mut medium = film(&stage);
    medium.media.bytes = 6_000_000;
    std::fs::write(&medium.media.path, vec![7; 6_000_000]).unwrap();
    let mut post = stage.posts(&draft(medium)).remove(0);
    stage.server.inject(Inject::new(What::Status { status: 501 }).path("getUploadLimits"));
    let fault = ready(&stage, &mut post).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Unsupported);
    assert_eq!(paths(&stage), ["getServiceAuth", "getUploadLimits"]);
}
