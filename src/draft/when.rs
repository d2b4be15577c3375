//! Times as people write them: wall time in a zone, and how long.

use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::near::nearest;

/// A moment, and what deserves to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: DateTime<Utc>,
    /// The wall time happens twice (clocks are set back); the first was taken.
    pub note: Option<String>,
}

/// A time zone by its IANA name; `UTC` and `Europe/Berlin` are, `CET+1` is not.
///
/// # Errors
/// What is wrong with the name, with the nearest known one.
pub fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        let city = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()));
        let hint =
            city.map_or_else(|| "write one such as `Europe/Berlin`".into(), |city| format!("did you mean `{city}`?"));
        format!("`{name}` is not a time zone; {hint}")
    })
}

/// A wall time (`2026-12-01 09:00`, seconds if wanted, `T` instead of the space) in `zone`, or a moment with its own offset
/// (`2026-12-01T09:00:00+01:00`, `…Z`), for which the zone does not matter.
///
/// # Errors
/// The text is no time, or clocks skip it (the hour that is lost in spring).
pub fn moment(text: &str, zone: Tz) -> Result<Moment, String> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Ok(Moment { at: at.to_utc(), note: None });
    }
    let naive = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let Some(naive) = naive else {
        let hint = if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() { "the hour is missing; " } else { "" };
        return Err(format!("`{text}` is not a time; {hint}write it as `2026-12-01 09:00`"));
    };
    match zone.from_local_datetime(&naive) {
        LocalResult::Single(at) => Ok(Moment { at: at.to_utc(), note: None }),
        LocalResult::Ambiguous(first, second) => Ok(Moment {
            at: first.to_utc(),
            note: Some(format!(
                "`{text}` happens twice in {zone}, at {} and at {}; the first is taken",
                first.format("%H:%M %Z"),
                second.format("%H:%M %Z")
            )),
        }),
        LocalResult::None => {
            Err(format!("`{text}` does not exist in {zone}: clocks skip that hour; write another time"))
        }
    }
}

/// A length of time: `30m`, `24h`, `7d`, `2w`, `90s`, or several together: `1d12h`.
///
/// # Errors
/// The text is none, or it is zero or longer than ten years.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time; write it as `30m`, `24h` or `7d`");
    let mut seconds = 0u64;
    let mut number = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let many: u64 = number.parse().map_err(|_| wrong())?;
        seconds = many.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        number.clear();
    }
    if !number.is_empty() || seconds == 0 {
        return Err(wrong());
    }
    if seconds > 10 * 366 * 86_400 {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    #[test]
    fn wall_time_is_read_in_its_zone() {
        assert_eq!(moment("2026-12-01 09:00", BERLIN).unwrap().at.to_rfc3339(), "2026-12-01T08:00:00+00:00");
        assert_eq!(moment("2026-07-01T09:00:30", BERLIN).unwrap().at.to_rfc3339(), "2026-07-01T07:00:30+00:00");
        assert_eq!(moment("2026-12-01 09:00:00Z", BERLIN).unwrap().at.to_rfc3339(), "2026-12-01T09:00:00+00:00");
        assert_eq!(moment("2026-12-01T09:00:00-05:00", BERLIN).unwrap().at.to_rfc3339(), "2026-12-01T14:00:00+00:00");
    }

    #[test]
    fn the_hour_lost_in_spring_is_refused_and_the_double_one_taken_first() {
        assert!(moment("2026-03-29 02:30", BERLIN).unwrap_err().contains("clocks skip"));
        let twice = moment("2026-10-25 02:30", BERLIN).unwrap();
        assert_eq!(twice.at.to_rfc3339(), "2026-10-25T00:30:00+00:00");
        assert!(twice.note.unwrap().contains("CEST"));
    }

    #[test]
    fn what_is_no_time_is_said_so() {
        assert!(moment("2026-12-01", BERLIN).unwrap_err().contains("hour is missing"));
        assert!(moment("tomorrow", BERLIN).is_err());
        assert!(zone("Europe/Belrin").unwrap_err().contains("did you mean `Europe/Berlin`?"));
        assert!(zone("CET+1").is_err());
    }

    #[test]
    fn lengths() {
        assert_eq!(duration("30m").unwrap().as_secs(), 1800);
        assert_eq!(duration("1d12h").unwrap().as_secs(), 129_600);
        for wrong in ["", "7", "d", "0h", "5 days", "-3d", "99999999999999999999d", "9999w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
