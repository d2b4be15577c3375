//! Whether a media host does what networks need: a tiny file goes there, is fetched by its address, compared, and removed.

use std::time::Duration;

use chrono::Utc;
use url::Url;

use super::{MediaHost, Placed, Way, hide, name_for, on_loopback, ours, plain};
use crate::draft::sha256;
use crate::media::Media;
use crate::net::{Door, Fault, Kind, Request};
use crate::store::HostedRow;

const FETCH: Duration = Duration::from_secs(20);

/// How the check ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Anybody can fetch what is put there.
    Public,
    /// Only this machine can: its address is loopback.
    HereAlone,
}

impl MediaHost {
    /// Puts a tiny file there, fetches it by its public address without any secret of ours, compares and removes it.
    ///
    /// # Errors
    /// Where it went wrong. The file is removed if it can be.
    pub async fn check(&self, door: &Door) -> Result<Checked, Fault> {
        if door.mirrored() && !self.stays_here() {
            return Err(Fault::local(
                "`XPOST_MIRROR` is set, so that nothing leaves this machine: the media host is not checked",
            ));
        }
        let named = |fault: Fault| ours(fault, &self.redactor);
        let name = name_for("text/plain").map_err(named)?;
        let text = format!("xpost checks its media host: {name}\n");
        let path = std::env::temp_dir().join(format!("xpost-{name}"));
        let cannot = |error: std::io::Error| Fault::local(format!("`{}` cannot be written: {error}", path.display()));
        std::fs::write(&path, &text).map_err(cannot)?;
        let media = Media {
            path: path.clone(),
            name: name.clone(),
            mime: "text/plain".into(),
            bytes: text.len() as u64,
            sha256: sha256(text.as_bytes()),
            ..Media::default()
        };
        let placed = self.put(door, &media, &name).await;
        drop(std::fs::remove_file(&path));
        let Placed { url, at } = placed.map_err(named)?;
        // this row stands nowhere: what a check that is killed leaves is a line of text
        let url_text = url.as_ref().map(Url::to_string).unwrap_or_default();
        let row = HostedRow { id: -1, name, url: url_text, signed_at: at, until: Utc::now() };
        let fetched = self.fetch(door, &row, &text).await;
        let removed = self.remove(door, &row).await;
        let checked = fetched.map_err(named)?;
        removed.map_err(|fault| {
            named(Fault { message: format!("it takes files, but removes none: {}", fault.message), ..fault })
        })?;
        Ok(checked)
    }

    async fn fetch(&self, door: &Door, row: &HostedRow, text: &str) -> Result<Checked, Fault> {
        let address = match (&self.way, row.url.as_str()) {
            (Way::S3(s3), _) => s3.address(&row.name, row.signed_at).await?,
            (_, url) => Url::parse(url).map_err(|error| Fault::local(format!("it gave no address: {error}")))?,
        };
        hide(&address, &self.redactor);
        let shown = self.redactor.clean(&address[..url::Position::AfterPath]);
        let here = address.scheme() == "http" && on_loopback(&address);
        let secret = secrecy::SecretString::from(address.to_string());
        let answer = if here {
            door.send(Request::get(plain(&secret)).timeout(FETCH)).await?
        } else {
            door.fetch_public(plain(&secret), "*/*", text.len() + 1, FETCH).await?.answer
        };
        if !answer.success() {
            let why = format!(
                "what was put there cannot be fetched: {shown} answered {}; networks would get the same",
                answer.status
            );
            return Err(Fault::new(Kind::Local, why));
        }
        if answer.body != text.as_bytes() {
            return Err(Fault::new(Kind::Local, format!("{shown} gives something else than what was put there")));
        }
        Ok(if here { Checked::HereAlone } else { Checked::Public })
    }
}
