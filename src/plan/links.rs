//! Parameters for one's own pages, for one target.

use url::Url;

use super::{Notes, Target};
use crate::draft::{Edit, Fields, replace, with_parameters};
use crate::text::{Kind, Text};

/// Which addresses of a draft are one's own, and what is added to them.
pub(super) struct OwnLinks<'a> {
    fields: &'a Fields,
    pairs: Vec<(String, String)>,
}

impl OwnLinks<'_> {
    /// For one target.
    pub fn of<'a>(fields: &'a Fields, target: &Target, notes: &mut Notes) -> OwnLinks<'a> {
        let pairs = fields.links.pairs(target.platform.spec().name, &target.name).unwrap_or_else(|why| {
            notes.problem("links", why);
            Vec::new()
        });
        let hosts = fields.links.hosts.iter().flatten().count();
        if !pairs.is_empty() && fields.links.all == Some(true) && hosts == 0 {
            let message =
                "`links` is to reach the links of the text, and no host is named; add `hosts = [\"example.org\"]`";
            notes.warn("links_without_hosts", message);
        }
        OwnLinks { fields, pairs }
    }

    /// The address as it goes out; said in `changes` where it is another one.
    pub fn address(&self, url: &str, notes: &mut Notes) -> String {
        let Some(new) = with_parameters(url, &self.pairs).filter(|_| self.own(url)) else { return url.to_string() };
        let message = format!("`{url}` goes out as `{new}`");
        if notes.changes.iter().all(|note| note.message != message) {
            notes.change("link_parameters", message);
        }
        new
    }

    /// The draft's `link`, unless hosts are named and its is none of them; on request whatever is on one of these hosts.
    fn own(&self, url: &str) -> bool {
        let links = &self.fields.links;
        let page = |url: &str| Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(page_) = page(url) else { return false };
        let hosted = links.hosted(url);
        let is_link = self.fields.link.as_deref().and_then(page) == Some(page_);
        let unnamed = links.hosts.as_ref().is_none_or(Vec::is_empty);
        (is_link && (hosted || unnamed)) || (links.all == Some(true) && hosted)
    }

    /// The same for every link of a text. An address that stands there bare changes as it is read, too.
    pub fn write(&self, text: &mut Text, notes: &mut Notes) {
        if self.pairs.is_empty() {
            return;
        }
        let mut edits = Vec::new();
        for at in 0..text.marks.len() {
            let mark = &text.marks[at];
            let Kind::Link { url } = &mark.kind else { continue };
            let (url, range) = (url.clone(), mark.start..mark.end);
            let new = self.address(&url, notes);
            if new == url {
                continue;
            }
            let seen = &text.text[range.clone()];
            let scheme = url.find("://").map_or(0, |end| end + 3);
            let with = match seen {
                seen if seen == url => Some(new.clone()),
                seen if seen == &url[scheme..] => Some(new[scheme..].to_string()),
                _ => None,
            };
            match with {
                Some(with) => edits.push(Edit { range, with, kind: Some(Kind::Link { url: new }) }),
                None => text.marks[at].kind = Kind::Link { url: new },
            }
        }
        replace(text, edits);
    }
}
