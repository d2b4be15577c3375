//! Whose certificates are believed, and what is wrong with a server that is not.

use std::error::Error as _;
use std::path::Path;

use super::door::one_line;
use super::fault::Fault;

/// A file of certificates is never larger than this, in bytes; the system's own has a quarter of it.
const LARGEST: u64 = 1024 * 1024;

/// The certificates of a PEM file.
///
/// # Errors
/// A `local` fault: it cannot be read, or holds none.
pub fn read(path: &Path) -> Result<Vec<reqwest::Certificate>, Fault> {
    let wrong = |why: String| Fault::local(format!("the `ca_file` `{}` cannot be used: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > LARGEST {
        return Err(wrong("it is larger than 1 MB".into()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_| wrong("a certificate in it is broken".into()))?;
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate; PEM is expected, `-----BEGIN CERTIFICATE-----`".into()));
    }
    Ok(certificates)
}

/// Why there is no secure connection to a host, if that is what failed: it will fail the same way the next time, until somebody
/// does something about it. A connection that merely broke while it was made secure is not meant.
pub fn refused(error: &reqwest::Error, host: &str, ca_file: Option<&Path>) -> Option<String> {
    if !error.is_connect() {
        return None;
    }
    let mut source = error.source();
    let said = loop {
        let cause = source?;
        // this is how the TLS library hands its own verdict through a stream; what the socket says has other kinds
        match cause.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::InvalidData => break one_line(&io.to_string(), 200),
            _ => source = cause.source(),
        }
    };
    let said = said.trim_start_matches("invalid peer certificate: ").to_string();
    let named = ca_file.map(|path| path.display().to_string());
    let why = if said.contains("UnknownIssuer") {
        match &named {
            Some(path) => format!("its certificate was issued by nobody in the `ca_file` `{path}`"),
            None => "its certificate was issued by nobody that this machine trusts; if the server has an authority of its own, name \
                     its PEM file as the account's `ca_file`"
                .to_string(),
        }
    } else if said.contains("certificate expired") || said.contains("Expired") {
        format!("its certificate has expired, or the clock of this machine is wrong ({said})")
    } else if said.contains("not valid yet") || said.contains("NotValidYet") {
        format!("its certificate is not valid yet, or the clock of this machine is wrong ({said})")
    } else if said.contains("not valid for") || said.contains("NotValidForName") {
        format!("its certificate is for another name ({said})")
    } else {
        match &named {
            Some(path) => format!("{said}; the `ca_file` is `{path}`"),
            None => format!("{said}; an authority of the server's own is named by the account's `ca_file`"),
        }
    };
    Some(format!("no secure connection (TLS) to `{host}`: {why}; nothing was sent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ca.pem");
        for (text, says) in [
            (None, "cannot be used: "),
            (Some("hello"), "it holds no certificate; PEM is expected"),
            (Some("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"), "a certificate in it is broken"),
        ] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let fault = read(&path).unwrap_err();
            assert!(fault.message.contains(says) && fault.message.contains("ca.pem"), "{}", fault.message);
            assert_eq!(fault.kind, crate::net::Kind::Local);
        }
    }
}
