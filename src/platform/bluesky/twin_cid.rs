//! Content identifiers, as the stand-in makes them.

use aws_lc_rs::digest::{SHA256, digest};

/// A CID of version 1 over SHA-256 with this codec. That of a record is over its JSON, where the real one is over its CBOR.
pub fn cid(codec: u8, bytes: &[u8]) -> String {
    let mut all = vec![1, codec, 0x12, 0x20];
    all.extend_from_slice(digest(&SHA256, bytes).as_ref());
    format!("b{}", base32(&all))
}

pub fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let n = u64::from_be_bytes(block);
        for digit in 0..(chunk.len() * 8).div_ceil(5) {
            out.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(n >> (35 - 5 * digit)) as usize & 31]));
        }
    }
    out
}
