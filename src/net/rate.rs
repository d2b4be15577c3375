//! What networks say about their limits, in all the dialects that were seen.

use chrono::{DateTime, Duration, TimeZone, Utc};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

/// What is left of a budget, as one answer told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub remaining: u64,
    pub reset: DateTime<Utc>,
}

/// A wait that a network may ask for is believed up to this long.
const LONGEST: Duration = Duration::hours(24);

impl Rate {
    /// Reads `X-RateLimit-*`, `X-Rate-Limit-*` and `RateLimit-*`; the reset may be seconds from now, seconds of the epoch or ISO 8601.
    pub fn from_headers(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Rate> {
        let get = |suffix: &str| {
            ["x-ratelimit-", "x-rate-limit-", "ratelimit-"]
                .iter()
                .find_map(|prefix| headers.get(format!("{prefix}{suffix}"))?.to_str().ok())
        };
        let remaining = get("remaining")?.trim().parse::<f64>().ok().filter(|n| *n >= 0.0)? as u64;
        let reset = get("reset-after").or_else(|| get("reset")).and_then(|text| parse_retry_at(text, now))?;
        Some(Rate { remaining, reset })
    }
}

/// When to come back, from seconds (also with a fraction), seconds of the epoch, an HTTP date or ISO 8601. The answer lies between
/// `now` and a day later.
pub fn parse_retry_at(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let at = if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        // no network asks for a wait of ten years, so a number that large is a point in time
        if number > 315_360_000.0 {
            let seconds = if number > 1e12 { number / 1000.0 } else { number };
            Utc.timestamp_opt(seconds.min(1e11) as i64, 0).single()?
        } else {
            now + Duration::milliseconds((number * 1000.0).ceil() as i64)
        }
    } else if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        at.with_timezone(&Utc)
    } else {
        DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc)
    };
    Some(at.clamp(now, now + LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }

    #[test]
    fn every_dialect_of_come_back_later() {
        let after = |text: &str| parse_retry_at(text, now()).map(|at| (at - now()).num_milliseconds());
        assert_eq!(after("7"), Some(7_000));
        assert_eq!(after("0.65"), Some(650));
        assert_eq!(after(&(now().timestamp() + 90).to_string()), Some(90_000));
        assert_eq!(after(&((now().timestamp() + 90) * 1000).to_string()), Some(90_000));
        assert_eq!(after("2026-11-21T12:05:00.000Z"), Some(300_000));
        assert_eq!(after("Sat, 21 Nov 2026 12:00:30 GMT"), Some(30_000));
        assert_eq!(after("2020-01-01T00:00:00Z"), Some(0));
        assert_eq!(after("999999"), Some(86_400_000));
        assert_eq!(after("-1"), None);
        assert_eq!(after("soon"), None);
        assert_eq!(after("1e400"), None);
    }

    #[test]
    fn budget_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        headers.insert("x-ratelimit-reset", "2026-11-21T12:05:00Z".parse().unwrap());
        let rate = Rate::from_headers(&headers, now()).unwrap();
        assert_eq!((rate.remaining, (rate.reset - now()).num_seconds()), (0, 300));
        let mut headers = HeaderMap::new();
        headers.insert("x-rate-limit-remaining", "7".parse().unwrap());
        headers.insert("x-rate-limit-reset", (now().timestamp() + 60).to_string().parse().unwrap());
        let rate = Rate::from_headers(&headers, now()).unwrap();
        assert_eq!((rate.remaining, (rate.reset - now()).num_seconds()), (7, 60));
    }
}
