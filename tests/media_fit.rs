//! Pictures that do not fit, made to fit: every format, every orientation, nothing left in them that tells of their owner.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use moxcms::{ColorProfile, Layout, TransformOptions};
use xpost::media::fit::{Kind, MOST_PIXELS};
use xpost::media::{Decision, Fit, Media, Wish, decide, inspect, make};
use xpost::platform::{self, Limits, judge};

/// Stands wherever a file can hold words; no output may hold it.
const MARK: &[u8] = b"Wallstrasse-77";

fn quadrants(width: u32, height: u32) -> RgbImage {
    // four colours, so that every turn and mirror shows
    RgbImage::from_fn(width, height, |x, y| match (x * 2 < width, y * 2 < height) {
        (true, true) => Rgb([230, 20, 20]),
        (false, true) => Rgb([20, 200, 20]),
        (true, false) => Rgb([20, 20, 220]),
        (false, false) => Rgb([240, 240, 30]),
    })
}

/// Something with much to see in it, the same at every run.
fn busy(width: u32, height: u32) -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 27) as u8;
        Rgb([(x * 255 / width) as u8 ^ noise, (y * 255 / height) as u8 ^ noise, ((x + y) % 200) as u8 ^ noise])
    })
}

/// EXIF with an orientation, a place, and the mark.
fn exif(turned: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x03".to_vec();
    tiff.extend(b"\x01\x0e\0\x02\0\0\0\x0e\0\0\0\x46");
    tiff.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0]);
    tiff.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x32\0\0\0\0");
    tiff.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0");
    tiff.resize(0x46, 0);
    tiff.extend(MARK);
    tiff
}

fn jpeg_of(pixels: &RgbImage, change: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    change(&mut encoder);
    encoder.encode(pixels, pixels.width() as u16, pixels.height() as u16, ColorType::Rgb).unwrap();
    out
}

fn encoded(pixels: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    pixels.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A JPEG with everything in it that cameras and programs leave there.
fn telling_jpeg(pixels: &RgbImage, turned: u8) -> Vec<u8> {
    let jpeg = jpeg_of(pixels, |encoder| {
        encoder.add_exif_metadata(&exif(turned)).unwrap();
        encoder.add_app_segment(1, [b"http://ns.adobe.com/xap/1.0/\0", MARK].concat()).unwrap();
        encoder.add_app_segment(13, [b"Photoshop 3.0\0", MARK].concat()).unwrap();
        encoder.add_app_segment(2, [b"MPF\0", MARK].concat()).unwrap();
        encoder.add_icc_profile(&ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    });
    let comment = [&[0xff, 0xfe, 0, MARK.len() as u8 + 2], MARK].concat();
    // and another picture behind the end
    [&jpeg[..2], &comment, &jpeg[2..], MARK, &[0xff, 0xd9]].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&kind[..], content].concat();
    [&(content.len() as u32).to_be_bytes()[..], &named, &crc(&named).to_be_bytes()].concat()
}

fn telling_png(pixels: &DynamicImage, turned: u8) -> Vec<u8> {
    let png = encoded(pixels, ImageFormat::Png);
    let words = [b"Comment\0", MARK].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", MARK].concat();
    let more = [
        chunk(b"eXIf", &exif(turned)),
        chunk(b"tEXt", &words),
        chunk(b"iTXt", &xmp),
        chunk(b"tIME", &[7, 233, 1, 1, 0, 0, 0]),
        chunk(b"caBX", MARK),
    ]
    .concat();
    [&png[..33], &more, &png[33..], MARK].concat()
}

fn telling_webp(pixels: &DynamicImage, turned: u8) -> Vec<u8> {
    let plain = encoded(pixels, ImageFormat::WebP);
    let put = |kind: &[u8; 4], content: &[u8]| {
        [&kind[..], &(content.len() as u32).to_le_bytes(), content, &[0][..content.len() % 2]].concat()
    };
    let side = |long: u32| (long - 1).to_le_bytes()[..3].to_vec();
    let alpha = if pixels.color().has_alpha() { 0x10 } else { 0 };
    let head = [vec![0x0c | alpha, 0, 0, 0], side(pixels.width()), side(pixels.height())].concat();
    let inner = [&put(b"VP8X", &head), &plain[12..], &put(b"EXIF", &exif(turned)), &put(b"XMP ", MARK)].concat();
    [&b"RIFF"[..], &(inner.len() as u32 + 4).to_le_bytes(), b"WEBP", &inner].concat()
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Media {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        inspect(&path).unwrap()
    }

    fn cache(&self) -> std::path::PathBuf {
        self.0.path().join("cache")
    }

    /// Decided and made.
    #[track_caller]
    fn fitted(&self, media: &Media, wish: &Wish) -> Media {
        match decide(media, wish) {
            Decision::Change { media, .. } => {
                let made = make(&media, &self.cache()).unwrap();
                assert!(wish.bytes == 0 || made.bytes <= wish.bytes, "{} of {}", made.bytes, wish.bytes);
                assert!(made.width <= media.width && made.height <= media.height);
                assert_eq!((&made.mime, &made.name), (&media.mime, &media.name));
                assert_eq!((made.fit.as_ref(), made.bytes), (None, std::fs::metadata(&made.path).unwrap().len()));
                made
            }
            other => panic!("nothing is to be done: {other:?}"),
        }
    }
}

fn bytes(media: &Media) -> Vec<u8> {
    std::fs::read(&media.path).unwrap()
}

#[track_caller]
fn tells_nothing(media: &Media) {
    assert_eq!(media.about.hidden, Vec::<String>::new());
    let bytes = bytes(media);
    for part in [MARK, b"xmp", b"Photoshop", b"MPF"] {
        assert!(!bytes.windows(part.len()).any(|window| window == part), "{}", String::from_utf8_lossy(part));
    }
}

fn near(one: [u8; 3], two: [u8; 3], most: u8) -> bool {
    one.iter().zip(two).all(|(a, b)| a.abs_diff(b) <= most)
}

/// The colours in the corners: top left, top right, bottom left, bottom right.
fn corners(pixels: &DynamicImage) -> [[u8; 3]; 4] {
    let (w, h) = (pixels.width() - 1, pixels.height() - 1);
    [(2, 2), (w - 2, 2), (2, h - 2), (w - 2, h - 2)].map(|(x, y)| {
        let Rgba([r, g, b, _]) = pixels.get_pixel(x, y);
        [r, g, b]
    })
}

/// Where the corners of a picture are shown that was stored in this orientation: by the EXIF standard's own words.
fn shown(turned: u8) -> [usize; 4] {
    match turned {
        2 => [1, 0, 3, 2],
        3 => [3, 2, 1, 0],
        4 => [2, 3, 0, 1],
        5 => [0, 2, 1, 3],
        6 => [2, 0, 3, 1],
        7 => [3, 1, 2, 0],
        8 => [1, 3, 0, 2],
        _ => [0, 1, 2, 3],
    }
}

const COLOURS: [[u8; 3]; 4] = [[230, 20, 20], [20, 200, 20], [20, 20, 220], [240, 240, 30]];

#[test]
fn metadata_goes_and_the_picture_stays_bit_by_bit() {
    let home = Home::new();
    let pixels = quadrants(64, 40);
    let image = DynamicImage::ImageRgb8(pixels.clone());
    let seen =
        DynamicImage::ImageRgba8(RgbaImage::from_fn(64, 40, |x, y| Rgba([x as u8 * 3, y as u8, 9, x as u8 * 4])));
    for turned in 1..=8u8 {
        for (name, file, plain) in [
            ("a.jpg", telling_jpeg(&pixels, turned), true),
            ("a.png", telling_png(&image, turned), true),
            ("s.png", telling_png(&seen, turned), false),
            ("a.webp", telling_webp(&image, turned), true),
            ("s.webp", telling_webp(&seen, turned), false),
        ] {
            let media = home.file(name, &file);
            assert_eq!(media.about.turned, if turned > 1 { turned } else { 0 }, "{name}");
            assert!(media.about.hidden.contains(&"GPS".to_string()), "{name}: {:?}", media.about.hidden);
            assert_eq!(media.about.alpha, !plain, "{name}");
            let size = if turned >= 5 { (40, 64) } else { (64, 40) };
            assert_eq!((media.width, media.height), (Some(size.0), Some(size.1)));
            let made = home.fitted(&media, &Wish::default());
            tells_nothing(&made);
            assert_eq!((made.about.turned, made.width, made.height), (media.about.turned, media.width, media.height));
            assert!(made.bytes < media.bytes && made.sha256 != media.sha256);
            let (before, after) =
                (image::load_from_memory(&file).unwrap(), image::load_from_memory(&bytes(&made)).unwrap());
            assert_eq!(before, after, "{name} {turned}");
            assert_eq!(decide(&made, &Wish::default()), Decision::AsIs, "{name}: once is enough");
        }
    }
    let jpeg = bytes(&home.fitted(&home.file("a.jpg", &telling_jpeg(&pixels, 6)), &Wish::default()));
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    assert!(jpeg.windows(profile.len()).any(|part| part == profile), "the colour profile stays");
}

#[test]
fn what_is_drawn_anew_stands_upright() {
    let home = Home::new();
    let pixels = quadrants(200, 120);
    let image = DynamicImage::ImageRgb8(pixels.clone());
    let plain = |turned: u8| jpeg_of(&pixels, |encoder| encoder.add_exif_metadata(&exif(turned)).unwrap());
    for turned in 1..=8u8 {
        for (name, file) in
            [("a.jpg", plain(turned)), ("a.png", telling_png(&image, turned)), ("a.webp", telling_webp(&image, turned))]
        {
            let made = home.fitted(&home.file(name, &file), &Wish { side: Some(100), ..Wish::default() });
            tells_nothing(&made);
            let (width, height) = if turned >= 5 { (60, 100) } else { (100, 60) };
            assert_eq!((made.width, made.height, made.about.turned), (Some(width), Some(height), 0), "{name}");
            let found = corners(&image::open(&made.path).unwrap());
            for (found, wanted) in found.iter().zip(shown(turned)) {
                assert!(near(*found, COLOURS[wanted], 12), "{name} {turned}: {found:?}");
            }
        }
    }
}

#[test]
fn bytes_are_kept_to_with_the_best_quality() {
    let home = Home::new();
    let media = home.file("busy.jpg", &jpeg_of(&busy(900, 600), |_| {}));
    for share in [90, 50, 25, 10, 3, 1] {
        let most = media.bytes * share / 100;
        let made = home.fitted(&media, &Wish { bytes: most, ..Wish::default() });
        assert!(made.bytes * 100 >= most * 70 || share > 50, "{share} %: {} of {most} bytes are used", made.bytes);
        let (width, height) = (made.width.unwrap(), made.height.unwrap());
        assert!((f64::from(width) / f64::from(height) - 1.5).abs() < 0.05, "{width} x {height}");
    }
    // drawings stay exact where there is room, and become photographs where there is none
    let drawing = home.file("drawing.png", &encoded(&DynamicImage::ImageRgb8(busy(300, 200)), ImageFormat::Png));
    let made = home.fitted(&drawing, &Wish { side: Some(150), ..Wish::default() });
    assert_eq!((made.mime.as_str(), made.name.as_str()), ("image/png", "drawing.png"));
    let made = home.fitted(&drawing, &Wish { bytes: drawing.bytes / 4, ..Wish::default() });
    assert_eq!((made.mime.as_str(), made.name.as_str()), ("image/jpeg", "drawing.jpg"));
    let mimes = ["image/png".to_string()];
    let made = home.fitted(&drawing, &Wish { bytes: drawing.bytes / 4, mimes: &mimes, ..Wish::default() });
    assert_eq!(made.mime, "image/png");
}

#[test]
fn what_is_see_through_stays_so_unless_it_must_be_jpeg() {
    let home = Home::new();
    let pixels = RgbaImage::from_fn(200, 100, |x, _| if x < 100 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) });
    let media = home.file("logo.png", &encoded(&DynamicImage::ImageRgba8(pixels), ImageFormat::Png));
    let made = home.fitted(&media, &Wish { side: Some(100), ..Wish::default() });
    let small = image::open(&made.path).unwrap();
    assert_eq!((small.get_pixel(10, 10).0, small.get_pixel(90, 10).0[3]), ([255, 0, 0, 255], 0));
    let mimes = ["image/jpeg".to_string()];
    let made = home.fitted(&media, &Wish { mimes: &mimes, ..Wish::default() });
    let flat = image::open(&made.path).unwrap().to_rgb8();
    assert!(near(flat.get_pixel(20, 20).0, [255, 0, 0], 6) && near(flat.get_pixel(180, 20).0, [255; 3], 6));
    let mimes = ["image/webp".to_string()];
    let made = home.fitted(&media, &Wish { mimes: &mimes, ..Wish::default() });
    assert_eq!(image::open(&made.path).unwrap().get_pixel(150, 50).0[3], 0);
}

#[test]
fn colours_are_those_that_the_file_means() {
    let home = Home::new();
    let small = Wish { side: Some(40), ..Wish::default() };
    let colour = [200, 90, 60];
    let pixels = RgbImage::from_pixel(80, 60, Rgb(colour));
    let p3 = ColorProfile::new_display_p3();
    let mut wanted = [0; 3];
    p3.create_transform_8bit(Layout::Rgb, &ColorProfile::new_srgb(), Layout::Rgb, TransformOptions::default())
        .unwrap()
        .transform(&colour, &mut wanted)
        .unwrap();
    assert!(!near(colour, wanted, 5), "the profile makes a difference");
    let file = jpeg_of(&pixels, |encoder| encoder.add_icc_profile(&p3.encode().unwrap()).unwrap());
    let made = home.fitted(&home.file("p3.jpg", &file), &small);
    let found = image::open(&made.path).unwrap().to_rgb8().get_pixel(20, 20).0;
    assert!(near(found, wanted, 4), "{found:?} is not {wanted:?}");
    assert!(!bytes(&made).windows(11).any(|part| part == b"ICC_PROFILE"));
    // a profile that is none changes nothing
    let file = jpeg_of(&pixels, |encoder| encoder.add_icc_profile(b"this is no profile").unwrap());
    let made = home.fitted(&home.file("bad.jpg", &file), &small);
    assert!(near(image::open(&made.path).unwrap().to_rgb8().get_pixel(20, 20).0, colour, 4));

    // four inks: no cyan, half magenta, all yellow, no black
    for (kind, name) in [(ColorType::Cmyk, "cmyk.jpg"), (ColorType::CmykAsYcck, "ycck.jpg")] {
        let inks: Vec<u8> = [0u8, 128, 255, 0].repeat(80 * 60);
        let mut file = Vec::new();
        Encoder::new(&mut file, 95).encode(&inks, 80, 60, kind).unwrap();
        let made = home.fitted(&home.file(name, &file), &small);
        let found = image::open(&made.path).unwrap().to_rgb8().get_pixel(20, 20).0;
        assert!(near(found, [255, 127, 0], 8), "{name}: {found:?}");
    }

    // sixteen bits
    let deep = image::ImageBuffer::from_pixel(80, 60, Rgb([51_400u16, 23_130, 15_420]));
    let file = encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png);
    let media = home.file("deep.png", &file);
    assert!(media.about.deep);
    let made = home.fitted(&media, &small);
    assert!(!made.about.deep && near(image::open(&made.path).unwrap().to_rgb8().get_pixel(20, 20).0, colour, 2));

    // grey
    let grey = DynamicImage::ImageLuma8(image::GrayImage::from_pixel(80, 60, image::Luma([99])));
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let made = home.fitted(&home.file("grey", &encoded(&grey, format)), &small);
        assert!(near(image::open(&made.path).unwrap().to_rgb8().get_pixel(20, 20).0, [99; 3], 3));
    }
}

#[test]
fn old_formats_become_new_ones() {
    let home = Home::new();
    let mimes = ["image/jpeg".to_string(), "image/png".to_string()];
    let pixels = DynamicImage::ImageRgb8(quadrants(64, 40));
    for (format, name) in [
        (ImageFormat::Tiff, "a.tiff"),
        (ImageFormat::Bmp, "a.bmp"),
        (ImageFormat::Gif, "a.gif"),
        (ImageFormat::WebP, "a.webp"),
    ] {
        let made = home.fitted(&home.file(name, &encoded(&pixels, format)), &Wish { mimes: &mimes, ..Wish::default() });
        assert_eq!((made.mime.as_str(), made.name.as_str()), ("image/png", "a.png"));
        assert!(near(corners(&image::open(&made.path).unwrap())[1], COLOURS[1], 3), "{name}");
    }
}

#[test]
fn what_moves_goes_as_it_is_or_not_at_all() {
    let home = Home::new();
    let mut gif = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    encoder
        .encode_frames((0..3).map(|n| image::Frame::new(RgbaImage::from_pixel(40, 40, Rgba([n * 80, 0, 0, 255])))))
        .unwrap();
    drop(encoder);
    let media = home.file("a.gif", &gif);
    assert_eq!(decide(&media, &Wish { bytes: media.bytes, ..Wish::default() }), Decision::AsIs);
    let Decision::No { because, .. } = decide(&media, &Wish { bytes: media.bytes - 1, ..Wish::default() }) else {
        panic!("it would stand still");
    };
    assert!(because.contains("moves"), "{because}");
}

#[test]
fn bars_are_added_where_that_is_wanted() {
    let home = Home::new();
    let media = home.file("wide.jpg", &jpeg_of(&quadrants(400, 100), |_| {}));
    let shape = Some(((4, 5), (2, 1)));
    assert!(matches!(decide(&media, &Wish { shape, ..Wish::default() }), Decision::No { .. }));
    let made = home.fitted(&media, &Wish { shape, pad: true, side: Some(200), ..Wish::default() });
    assert_eq!((made.width, made.height), (Some(200), Some(100)));
    let pixels = image::open(&made.path).unwrap().to_rgb8();
    assert!(near(pixels.get_pixel(100, 5).0, [255; 3], 4) && near(pixels.get_pixel(20, 35).0, COLOURS[0], 12));
    let tall = home.file("tall.png", &encoded(&DynamicImage::ImageRgb8(quadrants(100, 400)), ImageFormat::Png));
    let made = home.fitted(&tall, &Wish { shape, pad: true, ..Wish::default() });
    assert_eq!((made.width, made.height), (Some(320), Some(400)));
    // colours one after the other, in several sizes: its decoder would give other ones, and does not get to see it
    let apart = jpeg_of(&quadrants(400, 100), |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.set_optimized_huffman_tables(true);
    });
    let apart = home.file("apart.jpg", &apart);
    let Decision::No { because, .. } = decide(&apart, &Wish { side: Some(200), ..Wish::default() }) else {
        panic!("it would be green");
    };
    assert!(because.contains("save it again"), "{because}");
    let square = home.file("square.jpg", &jpeg_of(&quadrants(100, 100), |_| {}));
    assert_eq!(decide(&square, &Wish { shape, ..Wish::default() }), Decision::AsIs);
}

#[test]
fn metadata_stays_where_that_is_wanted() {
    let home = Home::new();
    let file = jpeg_of(&quadrants(200, 120), |encoder| encoder.add_exif_metadata(&exif(6)).unwrap());
    for (name, file) in [("a.jpg", file), ("a.png", telling_png(&DynamicImage::ImageRgb8(quadrants(200, 120)), 6))] {
        let mut media = home.file(name, &file);
        media.about.keep = true;
        assert_eq!(decide(&media, &Wish::default()), Decision::AsIs);
        let made = home.fitted(&media, &Wish { side: Some(100), ..Wish::default() });
        assert!(made.about.hidden.contains(&"GPS".to_string()));
        assert_eq!(
            (made.about.turned, made.width, made.height),
            (0, Some(60), Some(100)),
            "{name}: upright, and says so"
        );
        assert!(bytes(&made).windows(MARK.len()).any(|part| part == MARK));
        assert!(near(corners(&image::open(&made.path).unwrap())[1], COLOURS[0], 12));
    }
}

#[test]
fn a_header_that_lies_costs_no_memory_and_says_so() {
    let home = Home::new();
    let png = encoded(&DynamicImage::ImageRgb8(quadrants(64, 40)), ImageFormat::Png);
    let sized = |width: u32, height: u32| {
        let ihdr = [&width.to_be_bytes()[..], &height.to_be_bytes(), &png[24..29]].concat();
        [&png[..8], &chunk(b"IHDR", &ihdr), &png[33..]].concat()
    };
    let hundred = home.file("hundred.png", &sized(10_000, 10_000));
    let Decision::No { because, .. } = decide(&hundred, &Wish { side: Some(100), ..Wish::default() }) else {
        panic!("{MOST_PIXELS} pixels are the most");
    };
    assert!(because.contains("100 megapixels") && because.contains("at most 80"), "{because}");
    let wish = Wish { side: Some(40), ..Wish::default() };
    let lying = home.file("lying.png", &sized(640, 400));
    let cut = {
        let jpeg = jpeg_of(&busy(300, 200), |_| {});
        let half = [&jpeg[..200], &[0xff, 0xd9]].concat();
        std::fs::write(home.0.path().join("cut.jpg"), half).unwrap();
        inspect(&home.0.path().join("cut.jpg"))
    };
    if let Ok(cut) = cut
        && let Decision::Change { media, .. } = decide(&cut, &wish)
    {
        assert!(make(&media, &home.cache()).unwrap_err().contains("damaged"));
    }
    let Decision::Change { media, .. } = decide(&lying, &wish) else { panic!("it is too large") };
    let why = make(&media, &home.cache()).unwrap_err();
    assert!(why.contains("damaged"), "{why}");
    // what is no picture all through, but begins like one
    for name in ["x.jpg", "x.png", "x.webp"] {
        let whole = match name {
            "x.jpg" => jpeg_of(&busy(60, 40), |_| {}),
            "x.png" => encoded(&DynamicImage::ImageRgb8(busy(60, 40)), ImageFormat::Png),
            _ => encoded(&DynamicImage::ImageRgb8(busy(60, 40)), ImageFormat::WebP),
        };
        for at in (20..whole.len() - 20).step_by(whole.len() / 40) {
            let mut broken = whole.clone();
            broken[at..at + 8].fill(0xa5);
            let path = home.0.path().join(name);
            std::fs::write(&path, &broken).unwrap();
            let Ok(media) = inspect(&path) else { continue };
            if let Decision::Change { media, .. } = decide(&media, &wish) {
                // made or refused, never a panic
                drop(make(&media, &home.cache()));
            }
        }
    }
}

#[test]
fn each_is_made_once_and_kept() {
    let home = Home::new();
    let media = home.file("a.jpg", &jpeg_of(&busy(300, 200), |_| {}));
    let Decision::Change { media: decided, .. } = decide(&media, &Wish { side: Some(100), ..Wish::default() }) else {
        panic!("it is too large");
    };
    let cache = home.cache();
    let made: Vec<Media> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| make(&decided, &cache).unwrap())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(made.windows(2).all(|two| two[0] == two[1]));
    let kept = || std::fs::read_dir(cache.join("fitted")).unwrap().count();
    assert_eq!(kept(), 1);
    // without its source, it is still there
    std::fs::remove_file(&media.path).unwrap();
    assert_eq!(make(&decided, &cache).unwrap(), made[0]);
    std::fs::write(&made[0].path, b"somebody wrote over it").unwrap();
    assert!(make(&decided, &cache).unwrap_err().contains("no such file"));
    std::fs::write(&media.path, b"another picture by now").unwrap();
    assert!(make(&decided, &cache).unwrap_err().contains("changed since"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&made[0].path).unwrap().permissions().mode() & 0o077, 0);
    }
    // another wish, another picture
    std::fs::write(&media.path, jpeg_of(&busy(300, 200), |_| {})).unwrap();
    home.fitted(&media, &Wish { side: Some(90), ..Wish::default() });
    assert_eq!(kept(), 2);
}

/// A medium as it would be if it had this type, these bytes and pixels.
fn imagined(mime: &str, bytes: u64, width: u32, height: u32) -> Media {
    Media {
        name: "a".into(),
        mime: mime.into(),
        bytes,
        width: Some(width),
        height: Some(height),
        path: Path::new("/a").into(),
        ..Media::default()
    }
}

#[test]
fn every_network_takes_what_is_at_its_limit_and_gets_less_of_what_is_above() {
    for network in platform::ALL {
        let spec = network.spec();
        let limits = network.limits(&serde_json::Value::Null);
        if limits.images == 0 || limits.described {
            continue;
        }
        let most = limits.image_bytes;
        let at = |media: &Media| judge(spec, &limits, media);
        if most > 0 && most < 200_000_000 {
            for bytes in [most - 1, most] {
                let judged = at(&imagined("image/jpeg", bytes, 100, 100));
                assert!(judged.problems.is_empty() && judged.media.fit.is_none(), "{}: {bytes}", spec.name);
            }
            let judged = at(&imagined("image/jpeg", most + 1, 1000, 1000));
            assert!(judged.problems.is_empty(), "{}: {:?}", spec.name, judged.problems);
            assert_eq!(judged.changes[0].code, "media_fitted");
            assert_eq!(judged.media.bytes, most, "{}", spec.name);
            // one that cannot be changed is refused from there on
            let mut moving = imagined("image/gif", most + 1, 100, 100);
            moving.about.animated = true;
            if limits.image_mimes.is_empty() || limits.image_mimes.iter().any(|mime| mime == "image/gif") {
                moving.bytes = limits.animated_bytes.unwrap_or(most) + 1;
                assert_eq!(at(&moving).problems[0].code, "media_too_large", "{}", spec.name);
            } else {
                assert_eq!(at(&moving).problems[0].code, "media_type", "{}", spec.name);
            }
        }
        if let Some(side) = limits.image_side {
            for (long, fits) in [(side - 1, true), (side, true), (side + 1, false)] {
                let judged = at(&imagined("image/jpeg", 1000, long, 50));
                assert_eq!(judged.media.fit.is_none(), fits, "{}: {long}", spec.name);
                assert!(judged.media.width <= Some(side) && judged.problems.is_empty());
            }
        }
        if let Some(pixels) = limits.image_pixels {
            // where the sides are bounded, too, the other one must fit
            let width =
                limits.image_side.map_or(1000, |side| u32::try_from(pixels / u64::from(side)).unwrap().max(1000));
            let height = u32::try_from(pixels / u64::from(width)).unwrap();
            for (height, fits) in [(height - 1, true), (height, true), (height + 1, false)] {
                let judged = at(&imagined("image/jpeg", 1000, width, height));
                assert_eq!(judged.media.fit.is_none(), fits, "{}: {height}", spec.name);
                let (w, h) = (judged.media.width.unwrap(), judged.media.height.unwrap());
                assert!(u64::from(w) * u64::from(h) <= pixels && judged.problems.is_empty(), "{}", spec.name);
            }
        }
        // whatever a network takes, an ordinary photograph of a telephone can be sent there
        let judged = at(&imagined("image/jpeg", 9_000_000, 6000, 4000));
        assert!(judged.problems.is_empty(), "{}: {:?}", spec.name, judged.problems);
    }
}

#[test]
fn the_limits_hold_for_what_is_really_made() {
    let home = Home::new();
    let bluesky = platform::by_name("bluesky").unwrap();
    let file = encoded(&DynamicImage::ImageRgb8(busy(500, 400)), ImageFormat::Png);
    let media = home.file("a.png", &file);
    for (most, fits) in
        [(media.bytes + 1, true), (media.bytes, true), (media.bytes - 1, false), (media.bytes / 9, false)]
    {
        let limits = Limits { image_bytes: most, ..Limits::of(bluesky.spec()) };
        let judged = judge(bluesky.spec(), &limits, &media);
        assert_eq!((judged.media.fit.is_none(), judged.problems.len()), (fits, 0), "{most}");
        let made = make(&judged.media, &home.cache()).unwrap();
        assert!(made.bytes <= most && image::open(&made.path).is_ok());
    }
    let said = judge(
        bluesky.spec(),
        &Limits { image_bytes: 30_000, image_side: Some(250), ..Limits::of(bluesky.spec()) },
        &media,
    );
    let message = &said.changes[0].message;
    assert!(message.contains("-> at most 30.0 kB, 500x400 -> 250x200, image/png -> image/jpeg"), "{message}");
    assert!(matches!(&said.media.fit, Some(Fit::Remake(remake)) if remake.kind == Kind::Jpeg));
}
