//! Pictures and films made by the tests, the same at every run.

use std::io::Cursor;
use std::path::Path;

use aws_lc_rs::digest;
use image::{ImageFormat, Rgb, RgbImage};
use xpost::media::Media;

/// Bytes that begin as a film does; each name has its own. No player would show it.
fn film(name: &str) -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isommp42\0\x01\0\x08mdat".to_vec();
    bytes.extend(name.bytes().cycle().take(65_536));
    bytes
}

/// 64 x 48 pixels in the format of the name's end (png, jpg, gif, webp); each name has its own colours.
pub fn bytes(name: &str) -> Vec<u8> {
    if name.ends_with(".mp4") {
        return film(name);
    }
    if name.ends_with(".pdf") {
        return format!("%PDF-1.7\n% {name}\n%%EOF\n").into_bytes();
    }
    let hue = name.bytes().fold(0u8, u8::wrapping_add);
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([hue, (x * 4) as u8, (y * 5) as u8]));
    let mut out = Cursor::new(Vec::new());
    let format = ImageFormat::from_path(name).unwrap_or(ImageFormat::Png);
    image::DynamicImage::ImageRgb8(picture).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// The media type by the name's end.
pub fn mime(name: &str) -> String {
    match name.rsplit('.').next() {
        Some("mp4") => return "video/mp4".to_string(),
        Some("pdf") => return "application/pdf".to_string(),
        _ => {}
    }
    ImageFormat::from_path(name).unwrap_or(ImageFormat::Png).to_mime_type().to_string()
}

/// Lower-case hex of the SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The picture, film (`.mp4`: five seconds of 640 x 360, `-upright.mp4`: of 1080 x 1920) or document (`.pdf`) as a file in this directory.
pub fn media(directory: &Path, name: &str) -> Media {
    let bytes = bytes(name);
    let path = directory.join(name);
    std::fs::write(&path, &bytes).unwrap();
    let mut media = Media {
        path,
        name: name.to_string(),
        mime: mime(name),
        bytes: bytes.len() as u64,
        width: Some(64),
        height: Some(48),
        sha256: sha256(&bytes),
        ..Media::default()
    };
    match media.class() {
        "image" => {}
        "video" => {
            let upright = name.ends_with("-upright.mp4");
            (media.width, media.height) = if upright { (Some(1080), Some(1920)) } else { (Some(640), Some(360)) };
            media.about.millis = Some(5000);
            (media.about.video, media.about.audio) = (Some("h264".into()), Some("aac".into()));
        }
        _ => (media.width, media.height) = (None, None),
    }
    media
}
