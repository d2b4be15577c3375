//! Pictures made by the tests, the same at every run.

use std::io::Cursor;
use std::path::Path;

use aws_lc_rs::digest;
use image::{ImageFormat, Rgb, RgbImage};
use xpost::media::Media;

/// 64 x 48 pixels in the format of the name's end (png, jpg, gif, webp); each name has its own colours.
pub fn bytes(name: &str) -> Vec<u8> {
    let hue = name.bytes().fold(0u8, u8::wrapping_add);
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([hue, (x * 4) as u8, (y * 5) as u8]));
    let mut out = Cursor::new(Vec::new());
    let format = ImageFormat::from_path(name).unwrap_or(ImageFormat::Png);
    image::DynamicImage::ImageRgb8(picture).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// The media type by the name's end.
pub fn mime(name: &str) -> String {
    ImageFormat::from_path(name).unwrap_or(ImageFormat::Png).to_mime_type().to_string()
}

/// Lower-case hex of the SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The picture as a file in this directory.
pub fn media(directory: &Path, name: &str) -> Media {
    let bytes = bytes(name);
    let path = directory.join(name);
    std::fs::write(&path, &bytes).unwrap();
    Media {
        path,
        name: name.to_string(),
        mime: mime(name),
        bytes: bytes.len() as u64,
        width: Some(64),
        height: Some(48),
        sha256: sha256(&bytes),
        ..Media::default()
    }
}
