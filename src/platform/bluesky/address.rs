//! The addresses of records.

use super::syntax;

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
        if !syntax::at_uri(text) {
            return None;
        }
        let mut parts = text.strip_prefix("at://")?.split('/').map(str::to_string);
        Some(AtUri { repo: parts.next()?, collection: parts.next()?, key: parts.next()? })
    }

    /// Reads what a person would copy: an AT-URI or the web address of a post, `https://bsky.app/profile/NAME/post/KEY`.
    pub fn of_post(text: &str) -> Option<AtUri> {
        if text.starts_with("at://") {
            return AtUri::parse(text);
        }
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
        let path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let ["profile", repo, "post", key] = path.as_slice() else { return None };
        let valid = (syntax::identifier(repo)) && syntax::record_key(key);
        valid.then(|| AtUri { repo: repo.to_string(), collection: super::POST.to_string(), key: key.to_string() })
    }
}

impl std::fmt::Display for AtUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at://{}/{}/{}", self.repo, self.collection, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
