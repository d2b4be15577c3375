//! What a page's edges mean by an answer, beyond what all of the Graph API has in common. Pure.

use crate::net::{Answer, Effect, Fault, Kind, one_line};
use crate::platform::explain_by_status;
use crate::platform::graph::{self, ANY, Meaning, meaning};

/// The numbers of pages, photos and films (the documentation of these edges, and what others met, 2026-11-22).
const OWN: &[Meaning] = &[
    // the picture stands in a post: in the one whose answer was lost, as like as not
    Meaning { code: ANY, subcode: Some(1_366_051), kind: Kind::Rejected, effect: Effect::Maybe, hint: "the picture was posted already" },
    Meaning { code: ANY, subcode: Some(1_363_047), kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    Meaning { code: ANY, subcode: Some(1_609_010), kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    meaning(ANY, Some(1_390_008), Kind::Limited, "too many posts too fast"),
    meaning(ANY, Some(1_346_003), Kind::Rejected, "Facebook takes it for abusive"),
    meaning(ANY, Some(1_404_102), Kind::Rejected, "Facebook takes it for spam"),
    meaning(
        ANY,
        Some(1_404_078),
        Kind::Forbidden,
        "the page needs Page Publishing Authorization; an administrator gives it in the page's settings on Facebook",
    ),
    meaning(ANY, Some(1_404_112), Kind::Forbidden, "Facebook has limited the account; look at it there"),
    meaning(ANY, Some(4_854_002), Kind::Forbidden, "a person must confirm his identity on Facebook first"),
    meaning(ANY, Some(1_366_046), Kind::Rejected, "pictures may have 4 MB; set `max_image_bytes` lower"),
    meaning(ANY, Some(1_609_008), Kind::Rejected, "no link may lead to Facebook itself"),
    meaning(ANY, Some(1_609_005), Kind::Rejected, "Facebook cannot read the page that is linked to"),
    meaning(1_609_005, None, Kind::Rejected, "Facebook cannot read the page that is linked to"),
    meaning(ANY, Some(2_061_006), Kind::Rejected, "look at the link"),
    meaning(100, Some(33), Kind::Rejected, "it is not there, or the token may not see it"),
    meaning(210, None, Kind::Forbidden, "the token is a person's, not the page's; choose the page with `xpost account targets NAME`"),
    meaning(
        200,
        None,
        Kind::Forbidden,
        "the token lacks `pages_manage_posts`, or is a person's and not the page's: `xpost account login NAME`, then `xpost account targets NAME`",
    ),
];

/// `None` if all is well.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    // the hosts that take bytes have a dialect of their own
    let debug = &value["debug_info"];
    if debug.is_object() {
        let mut fault = explain_by_status(answer).unwrap_or_else(|| Fault::new(Kind::Rejected, ""));
        if debug["retriable"] == true && fault.kind == Kind::Rejected {
            fault.kind = Kind::Unavailable;
        }
        fault.effect = Effect::None;
        fault.status = Some(answer.status);
        fault.code = debug["type"].as_str().map(|code| one_line(code, 60));
        fault.message = one_line(debug["message"].as_str().unwrap_or("the upload was refused, and Facebook did not say why"), 300);
        if fault.code.as_deref() == Some("NotAuthorizedError") {
            fault.kind = Kind::Auth;
        }
        return Some(fault);
    }
    graph::explain(answer, OWN)
}

/// Whether Facebook says that it knows no such thing.
pub(super) fn unknown(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("100/33") || fault.code.as_deref() == Some("803") || fault.status == Some(404)
}
