//! What a PDS answers, as far as we read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A reference to one version of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrongRef {
    pub uri: String,
    pub cid: String,
}

/// `createSession` and `refreshSession`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    pub access_jwt: String,
    pub refresh_jwt: String,
    pub did: String,
    pub handle: String,
    #[serde(default)]
    pub did_doc: Value,
}

/// `uploadBlob`.
#[derive(Debug, Deserialize)]
pub struct BlobAnswer {
    pub blob: Value,
}

/// `getRecord`.
#[derive(Debug, Deserialize)]
pub struct RecordAnswer {
    pub uri: String,
    pub cid: String,
    pub value: Value,
}
