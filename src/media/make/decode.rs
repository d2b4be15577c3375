//! Files to pixels: eight bits, RGB or RGBA, with the colour profile beside them.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::media::fit::MOST_PIXELS;
use crate::media::probe::Probed;

/// A picture as it was stored: not turned yet, in its own colours.
pub(super) struct Picture {
    /// `ImageRgb8` or `ImageRgba8`; RGBA only where something really is see-through.
    pub pixels: DynamicImage,
    /// ICC profile of these RGB values.
    pub profile: Option<Vec<u8>>,
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("the picture is damaged: {error}")
}

/// Decodes a file that a probe has looked at.
///
/// # Errors
/// It is damaged, or larger than it said.
pub(super) fn decode(bytes: &[u8], probed: &Probed) -> Result<Picture, String> {
    let pixels = probed.pixels.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    if pixels == 0 || pixels > MOST_PIXELS {
        return Err(format!(
            "it has {} megapixels, at most {} are decoded",
            pixels / 1_000_000,
            MOST_PIXELS / 1_000_000
        ));
    }
    if probed.mime == "image/jpeg" { jpeg(bytes) } else { other(bytes, probed.mime) }
}

fn other(bytes: &[u8], mime: &str) -> Result<Picture, String> {
    let format = ImageFormat::from_mime_type(mime).ok_or("this kind of file cannot be decoded")?;
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(damaged("it is larger than its header says"));
    }
    let profile = decoder.icc_profile().ok().flatten();
    let grey = !decoder.color_type().has_color();
    drop(decoder);
    // all at once: so it is compiled for speed, in the library, and within the library's own limit of memory (512 MB)
    let pixels = image::load_from_memory_with_format(bytes, format).map_err(damaged)?;
    let pixels = if pixels.color().has_alpha() {
        let pixels = pixels.into_rgba8();
        if pixels.as_raw().chunks_exact(4).all(|pixel| pixel[3] == 255) {
            DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(pixels).into_rgb8())
        } else {
            DynamicImage::ImageRgba8(pixels)
        }
    } else {
        DynamicImage::ImageRgb8(pixels.into_rgb8())
    };
    // a profile for grey says nothing of the three colours that became of it
    Ok(Picture { pixels, profile: profile.filter(|_| !grey) })
}

fn jpeg(bytes: &[u8]) -> Result<Picture, String> {
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or("the picture is damaged: it has no size")?;
    if (width as u64) * (height as u64) > MOST_PIXELS {
        return Err(damaged("it is larger than its header says"));
    }
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let profile = decoder.icc_profile();
    let inks = matches!(stored, ColorSpace::CMYK | ColorSpace::YCCK);
    if !inks {
        drop(decoder);
        let pixels = image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).map_err(damaged)?;
        return Ok(Picture { pixels: DynamicImage::ImageRgb8(pixels.into_rgb8()), profile });
    }
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    let raw = decoder.decode().map_err(damaged)?;
    let rgb = printed(raw, width, stored == ColorSpace::YCCK, adobe(bytes), profile.as_deref());
    let pixels: RgbImage = ImageBuffer::from_raw(width as u32, height as u32, rgb)
        .ok_or("the picture is damaged: there is less of it than its header says")?;
    Ok(Picture { pixels: DynamicImage::ImageRgb8(pixels), profile: None })
}

/// Whether Adobe's mark is there: its inks are stored the other way round.
fn adobe(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024 * 1024)];
    head.windows(9).any(|part| part[..2] == [0xff, 0xee] && part.ends_with(b"Adobe"))
}

/// Four inks to sRGB: by the profile where there is a usable one, else as if inks were pure.
fn printed(mut inks: Vec<u8>, width: usize, ycck: bool, inverted: bool, profile: Option<&[u8]>) -> Vec<u8> {
    for pixel in inks.chunks_exact_mut(4) {
        if ycck {
            let (y, cb, cr) = (f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0);
            // brightness and colour of what the inks leave of the light
            pixel[0] = 255 - (y + 1.402 * cr) as u8;
            pixel[1] = 255 - (y - 0.344_136 * cb - 0.714_136 * cr) as u8;
            pixel[2] = 255 - (y + 1.772 * cb) as u8;
        }
        if inverted {
            pixel.iter_mut().for_each(|ink| *ink = 255 - *ink);
        }
    }
    let mut rgb = vec![0; inks.len() / 4 * 3];
    if let Some(transform) = profile.and_then(|profile| {
        let profile = ColorProfile::new_from_slice(profile).ok().filter(|it| it.color_space == DataColorSpace::Cmyk)?;
        let options = TransformOptions::default();
        profile.create_transform_8bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgb, options).ok()
    }) {
        let rows = inks.chunks_exact(width * 4).zip(rgb.chunks_exact_mut(width * 3));
        if rows.into_iter().all(|(from, to)| transform.transform(from, to).is_ok()) {
            return rgb;
        }
    }
    for (from, to) in inks.chunks_exact(4).zip(rgb.chunks_exact_mut(3)) {
        for (ink, light) in from.iter().zip(to) {
            *light = (u16::from(255 - ink) * u16::from(255 - from[3]) / 255) as u8;
        }
    }
    rgb
}

/// Colours of a profile to sRGB, in place. A profile that cannot be read, or is not one of RGB, changes nothing.
pub(super) fn to_srgb(pixels: &mut DynamicImage, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else { return };
    if profile.color_space != DataColorSpace::Rgb {
        return;
    }
    let (layout, channels) = if pixels.color().has_alpha() { (Layout::Rgba, 4) } else { (Layout::Rgb, 3) };
    let options = TransformOptions::default();
    let Ok(transform) = profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, options) else {
        return;
    };
    let long = pixels.width() as usize * channels;
    let raw: &mut [u8] = match pixels {
        DynamicImage::ImageRgb8(pixels) => pixels,
        DynamicImage::ImageRgba8(pixels) => pixels,
        _ => return,
    };
    let mut line = vec![0; long];
    for row in raw.chunks_exact_mut(long) {
        if transform.transform(row, &mut line).is_ok() {
            row.copy_from_slice(&line);
        }
    }
}
