//! Pixels to a file: turned upright, smaller, in sRGB, in the best quality that fits.

use std::io::Cursor;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::clean;
use super::decode::{Picture, to_srgb};
use crate::media::fit::{Kind, Remake};
use crate::media::probe::About;

/// JPEG qualities between which the best is searched: above, bytes buy nothing to see; below, a smaller picture looks better.
const BEST: u8 = 92;
const WORST: u8 = 60;
/// How often the picture is made smaller to get below its bytes before that is given up.
const TRIES: usize = 8;
/// Pixels of the sample on which qualities are tried.
const SAMPLE: usize = 1_000_000;

/// Encodes a picture as decided.
///
/// # Errors
/// It cannot be got below the bytes.
pub(super) fn encode(
    picture: &Picture,
    remake: &Remake,
    about: &About,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let turned = Orientation::from_exif(about.turned).unwrap_or(Orientation::NoTransforms);
    // the large one is turned only when it is small
    let across = about.turned >= 5;
    let sized = |width: u32, height: u32| if across { (height, width) } else { (width, height) };
    let (mut width, mut height) = (remake.width, remake.height);
    let (small_width, small_height) = sized(width, height);
    let mut pixels = resized(&picture.pixels, small_width, small_height)?;
    if let Some(profile) = &picture.profile {
        to_srgb(&mut pixels, profile);
    }
    if remake.kind == Kind::Jpeg && pixels.color().has_alpha() {
        pixels = on_white(&pixels);
    }
    pixels.apply_orientation(turned);
    let budget = usize::try_from(remake.bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(usize::MAX);
    let room = budget.saturating_sub(exif.map_or(0, |exif| exif.len() + 64));
    for _ in 0..TRIES {
        let framed = remake.canvas.map(|canvas| framed(&pixels, canvas, (width, height), remake));
        let whole = framed.as_ref().unwrap_or(&pixels);
        let size = match remake.kind {
            Kind::Jpeg => match jpeg(whole, room, about.lossless, exif)? {
                Ok(bytes) => return Ok(bytes),
                Err(size) => size,
            },
            Kind::Png | Kind::Webp => {
                let bytes = exact(whole, remake.kind)?;
                if bytes.len() <= room {
                    return Ok(match exif {
                        Some(exif) if remake.kind == Kind::Png => clean::png_with_exif(&bytes, exif),
                        _ => bytes,
                    });
                }
                bytes.len()
            }
        };
        let scale = ((room as f64 / size as f64).sqrt() * 0.95).clamp(0.4, 0.9);
        let side = |long: u32| ((f64::from(long) * scale) as u32).max(1);
        if width.max(height) == 1 {
            break;
        }
        (width, height) = (side(width), side(height));
        pixels = resized(&pixels, width, height)?;
    }
    Err(format!("it cannot be made as small as {budget} bytes"))
}

/// See-through parts become white.
fn on_white(pixels: &DynamicImage) -> DynamicImage {
    let DynamicImage::ImageRgba8(pixels) = pixels else { return DynamicImage::ImageRgb8(pixels.to_rgb8()) };
    let mut flat = RgbImage::new(pixels.width(), pixels.height());
    for (from, to) in pixels.as_raw().chunks_exact(4).zip(flat.chunks_exact_mut(3)) {
        let alpha = u16::from(from[3]);
        for (colour, into) in from.iter().zip(to) {
            *into = ((u16::from(*colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
    }
    DynamicImage::ImageRgb8(flat)
}

fn resized(pixels: &DynamicImage, width: u32, height: u32) -> Result<DynamicImage, String> {
    if (pixels.width(), pixels.height()) == (width, height) {
        return Ok(pixels.clone());
    }
    let fail = |error: &dyn std::fmt::Display| format!("it could not be made smaller: {error}");
    let kind = if pixels.color().has_alpha() { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(pixels.width(), pixels.height(), pixels.as_bytes(), kind).map_err(|error| fail(&error))?;
    let mut to = Image::new(width, height, kind);
    // the sharper filter shows where much is left out, and costs most where little is
    let filter = if width * 2 <= pixels.width() { FilterType::Lanczos3 } else { FilterType::CatmullRom };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| fail(&error))?;
    let raw = to.into_vec();
    let small = match kind {
        PixelType::U8x4 => image::RgbaImage::from_raw(width, height, raw).map(DynamicImage::ImageRgba8),
        _ => RgbImage::from_raw(width, height, raw).map(DynamicImage::ImageRgb8),
    };
    small.ok_or_else(|| fail(&"its size does not fit"))
}

/// In the middle of white bars. `now` is how large the picture is by now, which may be less than was decided.
fn framed(pixels: &DynamicImage, canvas: (u32, u32), now: (u32, u32), remake: &Remake) -> DynamicImage {
    let side = |canvas: u32, now: u32, decided: u32| {
        let small = u64::from(canvas) * u64::from(now) / u64::from(decided.max(1));
        u32::try_from(small).unwrap_or(canvas).max(now)
    };
    let (width, height) = (side(canvas.0, now.0, remake.width), side(canvas.1, now.1, remake.height));
    let mut whole = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let (left, top) = ((width - now.0) / 2, (height - now.1) / 2);
    let flat = on_white(pixels);
    image::imageops::replace(&mut whole, &flat.into_rgb8(), i64::from(left), i64::from(top));
    DynamicImage::ImageRgb8(whole)
}

/// Without loss.
fn exact(pixels: &DynamicImage, kind: Kind) -> Result<Vec<u8>, String> {
    let mut out = Cursor::new(Vec::new());
    let (raw, width, height, colour) = (pixels.as_bytes(), pixels.width(), pixels.height(), pixels.color().into());
    let written = match kind {
        Kind::Webp => WebPEncoder::new_lossless(&mut out).write_image(raw, width, height, colour),
        _ => PngEncoder::new_with_quality(&mut out, CompressionType::Default, PngFilter::Adaptive)
            .write_image(raw, width, height, colour),
    };
    written.map_err(|error| format!("it could not be written: {error}"))?;
    Ok(out.into_inner())
}

/// The best JPEG that fits, or how large the worst one would be.
fn jpeg(
    pixels: &DynamicImage,
    room: usize,
    drawn: bool,
    exif: Option<&[u8]>,
) -> Result<Result<Vec<u8>, usize>, String> {
    let raw = pixels.as_bytes();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let whole = |quality: u8| write_jpeg(raw, width, height, quality, drawn, exif);
    if room == usize::MAX {
        return whole(BEST).map(Ok);
    }
    // a sample tells which quality it will be; the whole is only written to make sure
    let (sample, rows) = sample(raw, width, height);
    let share = height as f64 / rows as f64;
    let guess = |quality: u8| -> Result<f64, String> {
        Ok(write_jpeg(&sample, width, rows, quality, drawn, None)?.len() as f64 * share)
    };
    let (mut good, mut bad) = if guess(BEST)? <= room as f64 { (BEST, BEST + 1) } else { (WORST, BEST) };
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if guess(middle)? <= room as f64 { good = middle } else { bad = middle }
    }
    let mut quality = good;
    let mut best: Option<Vec<u8>> = None;
    let mut least = usize::MAX;
    // the sample may have been wrong by a little: from there step by step, in one direction
    for _ in 0..4 {
        let bytes = whole(quality)?;
        let size = bytes.len();
        if size <= room {
            best = Some(bytes);
            if quality >= BEST || size * 100 >= room * 93 || least < usize::MAX {
                break;
            }
            quality = (quality + 2).min(BEST);
        } else {
            least = least.min(size);
            if best.is_some() || quality == WORST {
                break;
            }
            // the larger the miss, the larger the step
            let miss = size as f64 / room as f64;
            let step = ((miss - 1.0) * 40.0).ceil().clamp(1.0, 20.0) as u8;
            quality = quality.saturating_sub(step).max(WORST);
        }
    }
    Ok(best.ok_or(least))
}

/// Bands of sixteen rows from all over the picture.
fn sample(raw: &[u8], width: usize, height: usize) -> (Vec<u8>, usize) {
    let line = raw.len() / height.max(1);
    let bands = height / 16;
    let wanted = (SAMPLE / (width.max(1) * 16)).max(4);
    if bands <= wanted {
        return (raw.to_vec(), height);
    }
    let mut sample = Vec::with_capacity(wanted * 16 * line);
    for band in 0..wanted {
        let first = band * bands / wanted * 16;
        sample.extend_from_slice(&raw[first * line..(first + 16) * line]);
    }
    (sample, wanted * 16)
}

fn write_jpeg(
    raw: &[u8],
    width: usize,
    height: usize,
    quality: u8,
    drawn: bool,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let fail = |error: jpeg_encoder::EncodingError| format!("it could not be written: {error}");
    let side = |long: usize| u16::try_from(long).map_err(|_| "a JPEG has at most 65535 pixels on a side".to_string());
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    // coloured edges of a drawing need their colours in full
    encoder.set_sampling_factor(if drawn { SamplingFactor::F_1_1 } else { SamplingFactor::F_2_2 });
    // tables of its own would make the file smaller by a twentieth, but store the colours one after the other, and some readers
    // show such a picture green
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).map_err(fail)?;
    }
    encoder.encode(raw, side(width)?, side(height)?, ColorType::Rgb).map_err(fail)?;
    Ok(out)
}
