//! Whether a string is what the AT Protocol calls a handle, a DID, a record key and so on.
//!
//! Sources: atproto.com/specs (handle, did, nsid, at-uri-scheme, record-key, tid, lexicon), 2026-11. Syntax only: nothing is
//! looked up. All functions take the string without white space around it.

/// `ann.example.org`: labels of 1 to 63 ASCII letters, digits and inner hyphens, at least two, the last beginning with a
/// letter; at most 253 bytes.
pub fn handle(s: &str) -> bool {
    s.len() <= 253
        && s.contains('.')
        && s.split('.').all(label)
        && s.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn label(s: &str) -> bool {
    (1..=63).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-')
}

/// `did:method:identifier`; at most 2048 bytes.
pub fn did(s: &str) -> bool {
    let Some((method, id)) = s.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else { return false };
    s.len() <= 2048
        && !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:%-".contains(&b))
        && !id.is_empty()
        && !id.ends_with([':', '%'])
}

/// A handle or a DID.
pub fn identifier(s: &str) -> bool {
    if s.starts_with("did:") { did(s) } else { handle(s) }
}

/// `app.bsky.feed.post`: a reversed domain and a name of ASCII letters and digits; at most 317 bytes.
pub fn nsid(s: &str) -> bool {
    let Some((authority, name)) = s.rsplit_once('.') else { return false };
    let letter = |s: &str| s.starts_with(|c: char| c.is_ascii_alphabetic());
    s.len() <= 317
        && authority.contains('.')
        && letter(authority)
        && authority.split('.').all(label)
        && letter(name)
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// 13 characters of the sortable base 32, the highest bit not set.
pub fn tid(s: &str) -> bool {
    let digit = |b: u8| matches!(b, b'2'..=b'7' | b'a'..=b'z');
    s.len() == 13 && s.bytes().all(digit) && s.as_bytes()[0] <= b'j'
}

/// The last part of a record's address: 1 to 512 of `A-Z a-z 0-9 . _ : ~ -`, not `.` nor `..`.
pub fn record_key(s: &str) -> bool {
    (1..=512).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:~-".contains(&b))
        && !matches!(s, "." | "..")
}

/// `at://AUTHORITY[/COLLECTION[/RKEY]]`, without query and fragment; at most 8192 bytes.
pub fn at_uri(s: &str) -> bool {
    let Some(rest) = s.strip_prefix("at://") else { return false };
    let mut parts = rest.split('/');
    s.len() <= 8192
        && parts.next().is_some_and(identifier)
        && parts.next().is_none_or(nsid)
        && parts.next().is_none_or(record_key)
        && parts.next().is_none()
}

/// A language tag of BCP 47 with its subtags in their order, none twice; the language itself in small letters.
pub fn language(s: &str) -> bool {
    let alpha = |s: &str| s.bytes().all(|b| b.is_ascii_alphabetic());
    let tags: Vec<&str> = s.split('-').collect();
    if tags.iter().any(|tag| !(1..=8).contains(&tag.len()) || !tag.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return false;
    }
    let private = |tag: &str| tag.eq_ignore_ascii_case("x");
    if private(tags[0]) || tags[0] == "i" {
        return tags.len() > 1;
    }
    if !(2..=3).contains(&tags[0].len()) || !tags[0].bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let mut rest = tags[1..].iter().copied().peekable();
    for _ in 0..3 {
        let _ = rest.next_if(|tag| tag.len() == 3 && alpha(tag));
    }
    let _ = rest.next_if(|tag| tag.len() == 4 && alpha(tag));
    let region = |tag: &str| tag.len() == 2 && alpha(tag) || tag.len() == 3 && tag.bytes().all(|b| b.is_ascii_digit());
    let _ = rest.next_if(|tag| region(tag));
    let mut seen: Vec<String> = Vec::new();
    let mut once = |tag: &str| {
        let tag = tag.to_ascii_lowercase();
        let new = !seen.contains(&tag);
        seen.push(tag);
        new
    };
    let variant = |tag: &str| tag.len() >= 5 || tag.len() == 4 && tag.as_bytes()[0].is_ascii_digit();
    while let Some(tag) = rest.next_if(|tag| variant(tag)) {
        if !once(tag) {
            return false;
        }
    }
    while let Some(tag) = rest.next() {
        if tag.len() != 1 || rest.peek().is_none() {
            return false;
        }
        if private(tag) {
            return true;
        }
        if !once(tag) || rest.next_if(|tag| tag.len() > 1).is_none() {
            return false;
        }
        while rest.next_if(|tag| tag.len() > 1).is_some() {}
    }
    true
}

/// RFC 3339 as ISO 8601 also reads it: capital `T` and `Z`, seconds, a zone that is not `-00:00`, a day that exists, not
/// before the year 1; at most 64 bytes.
pub fn datetime(s: &str) -> bool {
    let bytes = s.as_bytes();
    let shape = |pattern: &[u8], part: &[u8]| {
        pattern.len() == part.len()
            && pattern.iter().zip(part).all(|(p, b)| if *p == b'0' { b.is_ascii_digit() } else { p == b })
    };
    if s.len() > 64 || bytes.len() < 20 || !shape(b"0000-00-00T00:00:00", &bytes[..19]) {
        return false;
    }
    let mut rest = &s[19..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let zone =
        rest == "Z" || (rest != "-00:00" && (shape(b"+00:00", rest.as_bytes()) || shape(b"-00:00", rest.as_bytes())));
    // A minute of 61 seconds is no leap second, and a zone may carry the first day of the year 1 into the year 0.
    zone && &s[17..19] != "60"
        && chrono::DateTime::parse_from_rfc3339(s)
            .is_ok_and(|time| chrono::Datelike::year(&time.naive_utc()) >= 0 && !s.starts_with("0000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert!(handle(&format!("{}.test", "a".repeat(63))) && !handle(&format!("{}.test", "a".repeat(64))));
        assert!(!handle(&format!("{}test", "a.".repeat(130))));
        assert!(record_key(&"o".repeat(512)) && !record_key(&"o".repeat(513)) && !record_key(""));
        assert!(!did(&format!("did:plc:{}", "a".repeat(2048))));
        assert!(!at_uri(&format!("at://did:plc:a/a.b.c/{}", "o".repeat(513))));
    }

    #[test]
    fn tids() {
        assert!(tid("3jzfcijpj2z2a") && tid("7777777777777") && tid("2222222222222"));
        for bad in ["3jzfcijpj2z21", "3JZFCIJPJ2Z2A", "3jzfcijpj2z2aa", "3jzfcijpj2z2", "kjzfcijpj2z2a", ""] {
            assert!(!tid(bad), "{bad}");
        }
    }

    #[test]
    fn dates_that_are_none() {
        assert!(datetime("2026-11-21T09:00:00.000Z") && datetime("2024-02-29T00:00:00+05:30"));
        for bad in ["2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "0000-01-01T00:00:00Z", "2026-11-21T09:00:00.Z", ""]
        {
            assert!(!datetime(bad), "{bad}");
        }
    }
}
