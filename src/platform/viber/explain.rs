//! What Viber means by an answer: the number in it decides, the status is 200 throughout. Pure.

use chrono::TimeDelta;

use crate::net::{Answer, Fault, Kind, by_status, one_line, parse_retry_at};

/// Viber names no time when it has too much to do.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// There is no webhook yet.
pub fn no_webhook(account: &str) -> Fault {
    let name = if account.is_empty() { "NAME" } else { account };
    let message = format!(
        "the channel has no webhook, and Viber takes no post before it has one; run `xpost account login {name} --with webhook`"
    );
    Fault::new(Kind::Forbidden, message).code("10")
}

/// `None` if all is well.
pub fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let said = value["status"].as_i64();
    let Some(status) = said.filter(|status| *status != 0) else { return by_status(answer) };
    let words = one_line(value["status_message"].as_str().unwrap_or_default(), 200);
    let words = words.trim_end_matches('.').to_string();
    let mut fault = match status {
        1 => Fault::new(
            Kind::Rejected,
            format!("{words}: Viber cannot use an address; media must be https, public, and end as the file does"),
        ),
        2 => Fault::new(
            Kind::Auth,
            "Viber does not know the token (any more); copy it from the channel's info, Developer Tools, and run `xpost account login`",
        ),
        7..=9 | 15 | 18 => Fault::new(
            Kind::Forbidden,
            format!(
                "{words}: the channel may not be posted to, or `from` is no super-admin of it; run `xpost account check`"
            ),
        ),
        10 => no_webhook(""),
        12 => Fault::new(Kind::Limited, words),
        13 | 14 | 21 => Fault::new(Kind::Unsupported, words),
        23 | 24 => Fault::new(Kind::Billing, words),
        3..=6 | 11 | 16 | 17 | 19 | 20 | 22 => Fault::new(Kind::Rejected, words),
        // "general error" says nothing of what was done
        _ => Fault::new(Kind::Rejected, format!("Viber had an error of its own: {words}")),
    };
    if !(1..=24).contains(&status) && answer.write {
        fault = fault.maybe();
    }
    if fault.kind == Kind::Limited {
        let named = answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at));
        fault.retry_at = named.or(Some(answer.at + PAUSE));
    }
    Some(answer.stamped(fault).code(status.to_string()))
}
