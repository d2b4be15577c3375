//! The names of the AT Protocol: handles, DIDs, record keys, AT-URIs, as <https://atproto.com/specs> has them (read 2026-08-20).

/// A handle: a host name of at least two labels, at most 253 characters, whose last label begins with a letter.
pub fn is_handle(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(label)
        && text.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// A DID: `did:method:rest`, at most 2048 characters.
pub fn is_did(text: &str) -> bool {
    let Some((method, rest)) = text.strip_prefix("did:").and_then(|text| text.split_once(':')) else { return false };
    text.len() <= 2048
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_lowercase())
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:%-".contains(&byte))
        && !rest.ends_with([':', '%'])
}

/// A record key: 1 to 512 characters, neither `.` nor `..`.
pub fn is_record_key(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_~.:-".contains(&byte))
}

/// A TID: 13 characters of base 32, the top bit 0.
#[cfg(test)]
pub fn is_tid(text: &str) -> bool {
    text.len() == 13
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
        && text.starts_with(|c: char| matches!(c, '2'..='7' | 'a'..='j'))
}

/// A collection's name: a reversed host name and a last part of letters and digits.
fn is_nsid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [authority @ .., name] = parts.as_slice() else { return false };
    let label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    authority.len() >= 2
        && text.len() <= 317
        && authority.iter().all(label)
        && authority[0].starts_with(|c: char| c.is_ascii_alphabetic())
        && (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The three parts of `at://REPO/COLLECTION/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtUri {
    /// DID or handle.
    pub repo: String,
    pub collection: String,
    pub key: String,
}

impl AtUri {
    /// Reads the address of one record; one that names no record is `None`.
    pub fn parse(text: &str) -> Option<AtUri> {
        let (repo, collection, key) = at_uri(text)?;
        Some(AtUri { repo: repo.to_string(), collection: collection?.to_string(), key: key?.to_string() })
    }

    /// Reads what a person would copy: an AT-URI or the web address of a post, `https://bsky.app/profile/NAME/post/KEY`.
    pub fn of_post(text: &str) -> Option<AtUri> {
        if text.starts_with("at://") {
            return AtUri::parse(text);
        }
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
        let path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let ["profile", repo, "post", key] = path.as_slice() else { return None };
        let valid = (is_handle(repo) || is_did(repo)) && is_record_key(key);
        valid.then(|| AtUri { repo: repo.to_string(), collection: super::POST.to_string(), key: key.to_string() })
    }
}

impl std::fmt::Display for AtUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at://{}/{}/{}", self.repo, self.collection, self.key)
    }
}

/// Splits an AT-URI; `None` if it is none.
fn at_uri(text: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    if text.len() > 8192 {
        return None;
    }
    let mut parts = text.strip_prefix("at://")?.split('/');
    let repo = parts.next().filter(|repo| is_did(repo) || is_handle(repo))?;
    let (collection, key) = (parts.next(), parts.next());
    let valid = collection.is_none_or(is_nsid) && key.is_none_or(is_record_key) && parts.next().is_none();
    valid.then_some((repo, collection, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a published list, comments left out; `None` where the lists are not on this machine.
    fn lines(name: &str) -> Option<Vec<String>> {
        let specs = std::env::var("XPOST_SPECS").unwrap_or_else(|_| "../shared/specs".to_string());
        let path = std::path::Path::new(&specs).join("bluesky/interop-tests/syntax").join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
                Some(lines.map(str::to_string).collect())
            }
            Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{}: {error}", path.display()),
            Err(_) => {
                eprintln!("skipped: no {} (set XPOST_SPECS)", path.display());
                None
            }
        }
    }

    fn judge(kind: &str, test: impl Fn(&str) -> bool) {
        for (side, wanted) in [("valid", true), ("invalid", false)] {
            let Some(lines) = lines(&format!("{kind}_syntax_{side}.txt")) else { return };
            // the list of valid TIDs has nothing but comments in it
            assert!(!lines.is_empty() || kind == "tid", "{kind} {side}");
            for line in lines {
                assert_eq!(test(&line), wanted, "{kind} `{line}`");
            }
        }
    }

    #[test]
    fn published_syntax() {
        judge("handle", is_handle);
        judge("did", is_did);
        judge("recordkey", is_record_key);
        judge("tid", is_tid);
        judge("nsid", is_nsid);
        judge("aturi", |text| at_uri(text).is_some());
        assert!(["3jzfcijpj2z2a", "7777777777777", "2222222222222"].iter().all(|text| is_tid(text)));
    }

    #[test]
    fn addresses_of_posts() {
        let uri = AtUri::of_post("https://bsky.app/profile/ann.example.org/post/3lxyz2abcde2k?ref=x").unwrap();
        assert_eq!(uri.to_string(), "at://ann.example.org/app.bsky.feed.post/3lxyz2abcde2k");
        let text = "at://did:plc:abc/app.bsky.feed.post/3lxyz2abcde2k";
        assert_eq!(AtUri::of_post(text).unwrap().to_string(), text);
        for wrong in ["https://bsky.app/profile/ann.example.org", "ftp://x/profile/a.b/post/1", "at://did:plc:abc", ""] {
            assert_eq!(AtUri::of_post(wrong), None, "{wrong}");
        }
    }
}
