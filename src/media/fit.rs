//! What a picture must become to be taken: decided from what is known of it, without a look into the file.
//!
//! [`decide`] is pure. What it decides is done by [`super::made`] when the post is prepared, and gives no more bytes and pixels
//! than was decided.

use serde::{Deserialize, Serialize};

use super::Media;
use super::film::Film;

/// Pictures of more pixels are not decoded: they would not fit into memory on small machines.
pub const MOST_PIXELS: u64 = 80_000_000;
/// Files that are larger are not changed: they are held in memory while they are.
pub const MOST_BYTES: u64 = 200_000_000;
/// Bytes that a pixel of a photograph needs to look good as JPEG.
const PIXEL: f64 = 0.25;
/// Less than this many pixels on a side is no picture any more.
const LEAST_SIDE: u32 = 16;
/// A picture with see-through parts is rather made this much smaller than put on white.
const RATHER_SMALLER: f64 = 0.7;

/// What a network takes of one picture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish<'a> {
    /// Most bytes; 0: any.
    pub bytes: u64,
    /// Most pixels, width x height.
    pub pixels: Option<u64>,
    /// Longest side.
    pub side: Option<u32>,
    /// Types that are taken; none: any.
    pub mimes: &'a [String],
    /// The narrowest and the widest shape, each as width to height.
    pub shape: Option<Shape>,
    /// What has another shape gets white bars.
    pub pad: bool,
    /// `ffmpeg` may read what xpost cannot: said by the user, and there.
    pub ffmpeg: bool,
}

/// The narrowest and the widest shape, each as (width, height): `((4, 5), (191, 100))`.
pub type Shape = ((u32, u32), (u32, u32));

/// What is done to a picture before it is uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// What is neither picture nor sound is taken out of the file, or overwritten; these stay as they are, bit by bit.
    Clean,
    /// It is drawn anew.
    Remake(Remake),
    /// The film is made anew, by `ffmpeg`.
    Film(Film),
}

/// A picture that is drawn anew: upright, in sRGB, eight bits for each colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remake {
    pub kind: Kind,
    /// The picture, without bars; smaller if it would not fit into `bytes` otherwise.
    pub width: u32,
    pub height: u32,
    /// Most bytes; 0: any.
    pub bytes: u64,
    /// The whole with white bars around the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<(u32, u32)>,
    /// EXIF goes with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// A format that pictures are made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Jpeg,
    Png,
    /// Without loss: no other can be written here.
    Webp,
}

impl Kind {
    /// Media type and the end of a file's name.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::Jpeg => ("image/jpeg", "jpg"),
            Kind::Png => ("image/png", "png"),
            Kind::Webp => ("image/webp", "webp"),
        }
    }
}

/// Why a picture cannot stay as it is, or cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Type,
    Bytes,
    Pixels,
    Side,
    Shape,
}

/// What [`decide`] decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It goes as it is.
    AsIs,
    /// It is changed; what it is then, and why it is drawn anew (nothing where it is only cleaned).
    Change { media: Box<Media>, why: Vec<Why> },
    /// It cannot be used: what is against it, and why that cannot be mended.
    No { why: Vec<Why>, because: String },
}

/// Whether a picture can go as it is, and if not, what it must become.
pub fn decide(media: &Media, wish: &Wish) -> Decision {
    let taken = |mime: &str| wish.mimes.is_empty() || wish.mimes.iter().any(|one| one == mime);
    let cleaned = cleaned(media);
    let bytes = cleaned.as_ref().map_or(media.bytes, |cleaned| cleaned.bytes);
    let mut why = Vec::new();
    if !taken(&media.mime) {
        why.push(Why::Type);
    }
    if wish.bytes > 0 && bytes > wish.bytes {
        why.push(Why::Bytes);
    }
    if let Some((width, height)) = media.width.zip(media.height) {
        if wish.pixels.is_some_and(|most| u64::from(width) * u64::from(height) > most) {
            why.push(Why::Pixels);
        }
        if wish.side.is_some_and(|most| width.max(height) > most) {
            why.push(Why::Side);
        }
        if wish.shape.is_some_and(|shape| canvas((width, height), shape).is_some()) {
            why.push(Why::Shape);
        }
    }
    if why.is_empty() {
        return cleaned.map_or(Decision::AsIs, |media| Decision::Change { media: Box::new(media), why });
    }
    match remake(media, wish, &why) {
        Ok(remake) => {
            let (mime, end) = remake.kind.names();
            let (width, height) = remake.canvas.unwrap_or((remake.width, remake.height));
            let mut changed = Media {
                mime: mime.to_string(),
                bytes: if remake.bytes > 0 { remake.bytes } else { media.bytes },
                width: Some(width),
                height: Some(height),
                ..media.clone()
            };
            if mime != media.mime {
                let stem = media.name.rsplit_once('.').map_or(media.name.as_str(), |(stem, _)| stem);
                changed.name = format!("{stem}.{end}");
            }
            changed.fit = Some(Fit::Remake(remake));
            Decision::Change { media: Box::new(changed), why }
        }
        Err(because) => Decision::No { why, because },
    }
}

/// The medium without what is hidden in it; `None` where there is nothing, where it is to be kept or cannot be taken out.
pub fn cleaned(media: &Media) -> Option<Media> {
    let about = &media.about;
    if about.keep || about.hidden.is_empty() {
        return None;
    }
    // what is taken apart is held in memory
    let small = can_clean(&media.mime) && media.bytes <= MOST_BYTES;
    let bytes = media.bytes.saturating_sub(about.spare);
    (small || overwritten(&media.mime)).then(|| Media { bytes, fit: Some(Fit::Clean), ..media.clone() })
}

/// Whether what is hidden in such a file can be taken out of it.
pub(super) fn can_clean(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/webp")
}

/// Whether what is hidden in such a file is overwritten in a copy of it: addresses inside of ISO base media must stay true.
pub(super) fn overwritten(mime: &str) -> bool {
    matches!(mime, "image/avif" | "image/heic" | "video/mp4" | "video/quicktime" | "video/3gpp" | "audio/mp4")
}

/// The smallest canvas of a shape that is allowed around a picture of another one.
fn canvas((width, height): (u32, u32), (narrowest, widest): Shape) -> Option<(u32, u32)> {
    let (w, h) = (u64::from(width), u64::from(height));
    let less = |a: (u64, u64), b: (u32, u32)| a.0 * u64::from(b.1) < u64::from(b.0) * a.1;
    let more = |a: (u64, u64), b: (u32, u32)| a.0 * u64::from(b.1) > u64::from(b.0) * a.1;
    let side = |long: u64, shape: (u32, u32)| {
        u32::try_from((long * u64::from(shape.0)).div_ceil(u64::from(shape.1.max(1)))).unwrap_or(u32::MAX)
    };
    if less((w, h), narrowest) {
        Some((side(h, narrowest), height))
    } else if more((w, h), widest) {
        Some((width, side(w, (widest.1, widest.0))))
    } else {
        None
    }
}

/// How it is drawn anew, or why it is not.
fn remake(media: &Media, wish: &Wish, why: &[Why]) -> Result<Remake, String> {
    let about = &media.about;
    match media.mime.as_str() {
        "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/bmp" | "image/tiff" => {}
        "image/heic" | "image/avif" if wish.ffmpeg => {}
        "image/heic" | "image/avif" => {
            let way = "export it as JPEG, or have ffmpeg read it by `ffmpeg = true` in `config.toml`";
            return Err(format!("xpost cannot read what is inside such a file; {way}"));
        }
        _ => return Err("xpost cannot read what is inside such a file".into()),
    }
    if about.animated {
        return Err("it moves, and would stand still if it were drawn anew; make it smaller yourself".into());
    }
    if about.scattered {
        return Err("its colours are stored one after the other, which xpost cannot read; save it again".into());
    }
    let (width, height) = media.width.zip(media.height).ok_or("its size is not known")?;
    let pixels = u64::from(width) * u64::from(height);
    let most = if about.deep { MOST_PIXELS / 2 } else { MOST_PIXELS };
    if pixels > most {
        return Err(format!(
            "it has {} megapixels, and xpost draws pictures of at most {} anew; make it smaller yourself",
            pixels / 1_000_000,
            most / 1_000_000
        ));
    }
    if media.bytes > MOST_BYTES {
        return Err(format!("xpost changes files of at most {} MB; make it smaller yourself", MOST_BYTES / 1_000_000));
    }
    if why.contains(&Why::Shape) && !wish.pad {
        return Err("crop it, or set `pad_images = true` to have white bars added".into());
    }
    let around = wish.shape.and_then(|shape| canvas((width, height), shape)).unwrap_or((width, height));
    // how much smaller the whole must be for its pixels
    let mut scale = 1f64;
    if let Some(most) = wish.pixels {
        scale = scale.min((most as f64 / (f64::from(around.0) * f64::from(around.1))).sqrt());
    }
    if let Some(most) = wish.side {
        scale = scale.min(f64::from(most) / f64::from(around.0.max(around.1)));
    }
    let (kind, scale) = kind(media, wish, pixels as f64, scale)?;
    let sized = |(width, height): (u32, u32)| {
        let side = |long: u32| ((f64::from(long) * scale) as u32).max(1);
        if scale < 1.0 { (side(width), side(height)) } else { (width, height) }
    };
    let (small, canvas) = (sized((width, height)), sized(around));
    if scale < 1.0 && (canvas.0.min(canvas.1) < LEAST_SIDE.min(width.min(height))) {
        return Err("nothing would be left to see; make it another shape".into());
    }
    let keep = about.keep && !about.hidden.is_empty();
    let canvas = (around != (width, height)).then_some(canvas);
    Ok(Remake { kind, width: small.0, height: small.1, bytes: wish.bytes, canvas, keep })
}

/// The format, and how small it must be in this format for its bytes.
fn kind(media: &Media, wish: &Wish, pixels: f64, scale: f64) -> Result<(Kind, f64), String> {
    let about = &media.about;
    let taken = |kind: Kind| wish.mimes.is_empty() || wish.mimes.iter().any(|mime| mime == kind.names().0);
    let budget = if wish.bytes > 0 { wish.bytes as f64 } else { f64::INFINITY };
    // what a pixel took until now says how much there is to see; bars cost next to nothing
    let now = media.bytes as f64 / pixels;
    let small = |each: f64| scale.min((budget / (pixels * each)).sqrt());
    let lossy = small(if about.lossless { PIXEL } else { now.clamp(0.05, PIXEL) });
    // drawn smaller, a drawing gets edges that were none; other writers press harder than this one
    let each = match media.mime.as_str() {
        "image/png" => now * 1.3,
        "image/webp" | "image/gif" => now * 2.0,
        _ => now.max(1.0),
    };
    let exact = if pixels * each * scale * scale <= budget { scale } else { small(each) * 0.95 };
    let lossless = [Kind::Png, Kind::Webp].into_iter().find(|kind| taken(*kind));
    match (lossless, taken(Kind::Jpeg)) {
        (Some(kind), false) => Ok((kind, exact)),
        (None, true) => Ok((Kind::Jpeg, lossy)),
        (Some(kind), true) if about.alpha => {
            Ok(if exact >= scale * RATHER_SMALLER { (kind, exact) } else { (Kind::Jpeg, lossy) })
        }
        (Some(kind), true) if about.lossless && exact >= scale => Ok((kind, exact)),
        (Some(_), true) => Ok((Kind::Jpeg, lossy)),
        (None, false) => Err(format!("xpost makes no {}; convert it yourself", wish.mimes.join(", "))),
    }
}
