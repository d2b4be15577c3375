//! What to do about a failed try: one pure function, and nothing else in the tool decides about repeats.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::net::{Effect, Fault, Kind};
use crate::platform::Repeat;

/// A try that fails for a passing reason is repeated until there were this many.
pub const TRIES: u32 = 8;

/// A remembered key is trusted until this long before its window ends: clocks differ, and the repeat takes time itself.
const WINDOW_MARGIN: Duration = Duration::seconds(20);

/// Longest wait between two tries where the network names none.
const LONGEST_BACKOFF: Duration = Duration::minutes(5);

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Repeatable, seen by nobody: whatever happened, nothing was posted.
    Prepare,
    /// The one visible write.
    Publish,
    /// Reading back.
    Find,
}

/// All that the verdict depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub phase: Phase,
    pub fault: &'a Fault,
    pub repeat: Repeat,
    /// The network can be asked whether the part landed.
    pub can_find: bool,
    /// Failed tries before this one.
    pub tries: u32,
    /// A write before this one may have landed.
    pub dirty: bool,
    /// The login was renewed for this try already.
    pub refreshed: bool,
    /// Time since the first write that may have landed; `None` where the clock went backwards.
    pub since_first: Option<Duration>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another try, at the time the network named, else after a growing pause. For a write that may have landed this is only
    /// said where the network recognises the repeat.
    Again,
    /// Renew the login, then the same step at once.
    Refresh,
    /// Read back; nothing is written before that has told.
    Find,
    /// Certainly not posted, and no use in trying.
    Fail,
    /// Nobody can tell; a person decides.
    Unknown,
}

/// The verdict.
pub fn verdict(situation: &Situation) -> Verdict {
    let Situation { phase, fault, repeat, can_find, tries, dirty, refreshed, since_first } = *situation;
    let more = tries + 1 < TRIES;
    let look = if can_find { Verdict::Find } else { Verdict::Unknown };
    match phase {
        Phase::Prepare => match fault.kind {
            Kind::Auth if !refreshed => Verdict::Refresh,
            kind if more && (kind.transient() || fault.effect == Effect::Maybe) => Verdict::Again,
            _ => Verdict::Fail,
        },
        Phase::Find => match fault.kind {
            Kind::Auth if !refreshed => Verdict::Refresh,
            kind if more && (kind.transient() || kind == Kind::Protocol) => Verdict::Again,
            _ => Verdict::Unknown,
        },
        Phase::Publish => match (fault.effect, fault.kind) {
            (Effect::None, Kind::Auth) if !refreshed => Verdict::Refresh,
            (Effect::None, kind) if kind.transient() && more => Verdict::Again,
            // this write was refused, but one before it may have landed
            (Effect::None, _) if dirty => look,
            (Effect::None, _) => Verdict::Fail,
            // a refusal that leaves open whether the post is there ("this id is taken") will be the same the next time
            (Effect::Maybe, kind) if !kind.transient() && kind != Kind::Protocol && repeat != Repeat::Never => look,
            (Effect::Maybe, _) => match repeat {
                Repeat::SameId if more => Verdict::Again,
                Repeat::Key { window } if more => {
                    let window = Duration::from_std(window).unwrap_or_default() - WINDOW_MARGIN;
                    let inside = since_first.is_some_and(|since| since >= Duration::zero() && since < window);
                    // a 5xx in answer to a repeated key proves nothing: the first write may be there
                    let told_nothing = dirty && fault.status.is_some_and(|status| status >= 500);
                    if inside && !told_nothing { Verdict::Again } else { look }
                }
                Repeat::SameId | Repeat::Key { .. } | Repeat::Lookup | Repeat::Find => look,
                Repeat::Never => Verdict::Unknown,
            },
        },
    }
}

/// When the next try is due: the time the network named, else 1, 2, 4 ... seconds (`base` times two to the number of failed
/// tries), up to five minutes, spread by the part's key so that many parts do not come at once.
pub fn next_try(fault: &Fault, tries: u32, key: Uuid, base: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
    if let Some(named) = fault.retry_at {
        return named.max(now);
    }
    let pause = (base * 2_i32.saturating_pow(tries.min(16))).min(LONGEST_BACKOFF);
    let spread = pause / 4;
    let share = (key.as_u128() % 1000) as i32;
    now + pause + spread * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: Kind, effect: Effect, status: Option<u16>) -> Fault {
        let mut fault = Fault::new(kind, "x");
        fault.effect = effect;
        fault.status = status;
        fault
    }

    const HOUR: Repeat = Repeat::Key { window: std::time::Duration::from_secs(3600) };
    const LOST: (Kind, Effect, Option<u16>) = (Kind::Network, Effect::Maybe, None);
    const BAD_GATEWAY: (Kind, Effect, Option<u16>) = (Kind::Unavailable, Effect::Maybe, Some(502));

    struct Row {
        phase: Phase,
        fault: (Kind, Effect, Option<u16>),
        repeat: Repeat,
        can_find: bool,
        tries: u32,
        dirty: bool,
        refreshed: bool,
        since: Option<i64>,
        want: Verdict,
    }

    /// The base row: a first write to a network with read-back; each case changes what it is about.
    fn row(fault: (Kind, Effect, Option<u16>), repeat: Repeat, want: Verdict) -> Row {
        Row {
            phase: Phase::Publish,
            fault,
            repeat,
            can_find: true,
            tries: 0,
            dirty: false,
            refreshed: false,
            since: Some(0),
            want,
        }
    }

    fn said(row: &Row) -> Verdict {
        let fault = fault(row.fault.0, row.fault.1, row.fault.2);
        verdict(&Situation {
            phase: row.phase,
            fault: &fault,
            repeat: row.repeat,
            can_find: row.can_find,
            tries: row.tries,
            dirty: row.dirty,
            refreshed: row.refreshed,
            since_first: row.since.map(Duration::seconds),
        })
    }

    #[test]
    fn the_table() {
        use Verdict::{Again, Fail, Find, Refresh, Unknown};
        let none = |kind| (kind, Effect::None, None);
        let rows = [
            // nothing was posted
            row(none(Kind::Rejected), Repeat::Find, Fail),
            row(none(Kind::Forbidden), Repeat::SameId, Fail),
            row(none(Kind::Billing), Repeat::SameId, Fail),
            row(none(Kind::Unsupported), Repeat::SameId, Fail),
            row(none(Kind::Protocol), Repeat::SameId, Fail),
            row(none(Kind::Local), Repeat::SameId, Fail),
            row(none(Kind::Limited), Repeat::Never, Again),
            row(none(Kind::Unavailable), Repeat::Never, Again),
            row(none(Kind::Network), Repeat::Never, Again),
            Row { tries: TRIES - 2, ..row(none(Kind::Network), Repeat::Never, Again) },
            Row { tries: TRIES - 1, ..row(none(Kind::Network), Repeat::Never, Fail) },
            row(none(Kind::Auth), Repeat::Never, Refresh),
            Row { refreshed: true, ..row(none(Kind::Auth), Repeat::Never, Fail) },
            // a refusal does not undo what an earlier write may have done
            Row { dirty: true, ..row(none(Kind::Rejected), Repeat::SameId, Find) },
            Row { dirty: true, can_find: false, ..row(none(Kind::Rejected), Repeat::SameId, Unknown) },
            Row { dirty: true, ..row(none(Kind::Network), HOUR, Again) },
            Row { dirty: true, tries: TRIES - 1, ..row(none(Kind::Network), HOUR, Find) },
            Row { dirty: true, refreshed: true, ..row(none(Kind::Auth), HOUR, Find) },
            // the answer was lost
            row(LOST, Repeat::SameId, Again),
            Row { tries: TRIES - 1, ..row(LOST, Repeat::SameId, Find) },
            Row { tries: TRIES - 1, can_find: false, ..row(LOST, Repeat::SameId, Unknown) },
            row(LOST, HOUR, Again),
            Row { since: Some(3579), ..row(LOST, HOUR, Again) },
            Row { since: Some(3580), ..row(LOST, HOUR, Find) },
            Row { since: Some(3580), can_find: false, ..row(LOST, HOUR, Unknown) },
            Row { since: Some(-1), ..row(LOST, HOUR, Find) },
            Row { since: None, ..row(LOST, HOUR, Find) },
            row(BAD_GATEWAY, HOUR, Again),
            Row { dirty: true, ..row(BAD_GATEWAY, HOUR, Find) },
            Row { dirty: true, ..row(LOST, HOUR, Again) },
            Row { tries: TRIES - 1, ..row(LOST, HOUR, Find) },
            row((Kind::Rejected, Effect::Maybe, Some(400)), Repeat::SameId, Find),
            row((Kind::Rejected, Effect::Maybe, Some(400)), HOUR, Find),
            row((Kind::Rejected, Effect::Maybe, Some(400)), Repeat::Never, Unknown),
            row((Kind::Protocol, Effect::Maybe, Some(200)), Repeat::SameId, Again),
            row(LOST, Repeat::Lookup, Find),
            row(LOST, Repeat::Find, Find),
            Row { can_find: false, ..row(LOST, Repeat::Find, Unknown) },
            row(LOST, Repeat::Never, Unknown),
            Row { can_find: false, ..row(LOST, Repeat::Never, Unknown) },
            // before the write
            Row { phase: Phase::Prepare, ..row(LOST, Repeat::Never, Again) },
            Row { phase: Phase::Prepare, ..row(none(Kind::Limited), Repeat::Never, Again) },
            Row { phase: Phase::Prepare, tries: TRIES - 1, ..row(LOST, Repeat::Never, Fail) },
            Row { phase: Phase::Prepare, ..row(none(Kind::Rejected), Repeat::Never, Fail) },
            Row { phase: Phase::Prepare, ..row(none(Kind::Auth), Repeat::Never, Refresh) },
            Row { phase: Phase::Prepare, refreshed: true, ..row(none(Kind::Auth), Repeat::Never, Fail) },
            // while reading back
            Row { phase: Phase::Find, ..row(LOST, Repeat::Find, Again) },
            Row { phase: Phase::Find, tries: TRIES - 1, ..row(LOST, Repeat::Find, Unknown) },
            Row { phase: Phase::Find, ..row(none(Kind::Auth), Repeat::Find, Refresh) },
            Row { phase: Phase::Find, refreshed: true, ..row(none(Kind::Auth), Repeat::Find, Unknown) },
            Row { phase: Phase::Find, ..row(none(Kind::Rejected), Repeat::Find, Unknown) },
        ];
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(said(row), row.want, "row {index}");
        }
    }

    #[test]
    fn a_write_that_may_have_landed_is_never_called_failed_and_never_repeated_blindly() {
        use Kind::{Auth, Billing, Forbidden, Limited, Local, Network, Protocol, Rejected, Unavailable, Unsupported};
        for kind in [Auth, Forbidden, Rejected, Limited, Unavailable, Network, Protocol, Unsupported, Billing, Local] {
            for repeat in [Repeat::SameId, HOUR, Repeat::Lookup, Repeat::Find, Repeat::Never] {
                for (tries, dirty, can_find, refreshed, status) in (0..2 * 2 * 2 * 2 * 9u32)
                    .map(|n| (n / 16, n & 1 == 0, n & 2 == 0, n & 4 == 0, if n & 8 == 0 { Some(500) } else { None }))
                {
                    for since in [Some(0), Some(4000), None] {
                        let row = Row {
                            phase: Phase::Publish,
                            fault: (kind, Effect::Maybe, status),
                            repeat,
                            can_find,
                            tries,
                            dirty,
                            refreshed,
                            since,
                            want: Verdict::Fail,
                        };
                        let said = said(&row);
                        assert!(said != Verdict::Fail && said != Verdict::Refresh);
                        if said == Verdict::Again {
                            assert!(matches!(repeat, Repeat::SameId | Repeat::Key { .. }));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_pause_grows_and_what_the_network_names_wins() {
        let now = DateTime::UNIX_EPOCH;
        let base = Duration::seconds(1);
        let plain = Fault::new(Kind::Network, "x");
        let at = |tries| (next_try(&plain, tries, Uuid::nil(), base, now) - now).num_seconds();
        assert_eq!([at(0), at(1), at(2), at(7), at(8), at(60)], [1, 2, 4, 128, 256, 300]);
        let mut named = plain.clone();
        named.retry_at = Some(now + Duration::seconds(77));
        assert_eq!(next_try(&named, 5, Uuid::nil(), base, now), now + Duration::seconds(77));
        named.retry_at = Some(now - Duration::seconds(77));
        assert_eq!(next_try(&named, 5, Uuid::nil(), base, now), now);
        let spread = next_try(&plain, 2, Uuid::from_u128(999), base, now) - now;
        assert!(spread > Duration::seconds(4) && spread <= Duration::seconds(5));
    }
}
