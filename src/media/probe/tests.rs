use std::io::Cursor;

use image::ImageFormat;

use super::*;

fn look(bytes: &[u8]) -> Result<Probed, String> {
    probe(Cursor::new(bytes), bytes.len() as u64)
}

fn drawn(format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(7, 5).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// An EXIF block with this orientation and, if wanted, a place.
fn exif(turned: u8, place: bool) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    let entries: u16 = if place { 2 } else { 1 };
    tiff.extend(entries.to_be_bytes());
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0");
    tiff.extend([turned, 0, 0]);
    if place {
        tiff.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
        // a latitude's reference and nothing else
        tiff.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0");
    } else {
        tiff.extend([0; 4]);
    }
    tiff
}

fn with_exif(jpeg: &[u8], tiff: &[u8]) -> Vec<u8> {
    let length = (tiff.len() as u16 + 8).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, b"Exif\0\0", tiff, &jpeg[2..]].concat()
}

#[test]
fn pictures_are_known_by_content_and_a_cut_one_is_told() {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    for (format, mime) in [(Png, "image/png"), (Jpeg, "image/jpeg"), (Gif, "image/gif"), (WebP, "image/webp")] {
        let bytes = drawn(format);
        let found = look(&bytes).unwrap();
        assert_eq!((found.mime, found.pixels), (mime, Some((7, 5))));
        assert_eq!(found.about.hidden, Vec::<String>::new(), "{mime}");
        assert_eq!(look(&bytes[..bytes.len() - 3]).unwrap_err(), CUT_OFF, "{mime}");
        for cut in 0..bytes.len() {
            assert!(look(&bytes[..cut]).is_err() || cut > bytes.len() - 3, "{mime} cut at {cut}");
        }
    }
    for (format, mime) in [(Bmp, "image/bmp"), (Tiff, "image/tiff")] {
        let found = look(&drawn(format)).unwrap();
        assert_eq!((found.mime, found.pixels), (mime, Some((7, 5))));
    }
}

#[test]
fn the_orientation_of_a_jpeg_turns_its_pixels() {
    let jpeg = drawn(ImageFormat::Jpeg);
    for turned in 1..=9u8 {
        let found = look(&with_exif(&jpeg, &exif(turned, false))).unwrap();
        assert_eq!(found.pixels, Some(if (5..=8).contains(&turned) { (5, 7) } else { (7, 5) }), "{turned}");
        assert_eq!(found.about.turned, if (2..=8).contains(&turned) { turned } else { 0 });
        assert_eq!(found.about.hidden, Vec::<String>::new(), "an orientation alone hides nothing");
    }
    let found = look(&with_exif(&jpeg, &exif(6, true))).unwrap();
    assert_eq!((found.about.hidden, found.about.turned), (vec!["EXIF".to_string(), "GPS".to_string()], 6));
}

#[test]
fn what_moves_is_known() {
    let gif = |frames: usize| {
        let mut out = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
        let frame = || image::Frame::new(image::RgbaImage::new(4, 4));
        encoder.encode_frames((0..frames).map(|_| frame())).unwrap();
        drop(encoder);
        out
    };
    assert!(!look(&gif(1)).unwrap().about.animated);
    assert!(look(&gif(2)).unwrap().about.animated);
    let png = drawn(ImageFormat::Png);
    let chunk = [&[0, 0, 0, 8][..], b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0], &[0; 4]].concat();
    assert!(look(&[&png[..33], &chunk, &png[33..]].concat()).unwrap().about.animated);
}

#[test]
fn a_header_that_lies_is_told_and_believed_by_nobody() {
    let png = drawn(ImageFormat::Png);
    // a chunk that says it is two gigabytes long
    let chunk = [&[0x7f, 0xff, 0xff, 0xff][..], b"IDAT"].concat();
    assert_eq!(look(&[&png[..33], &chunk, &[0; 100]].concat()).unwrap_err(), CUT_OFF);
    let mut depth = png.clone();
    depth[24] = 3;
    assert!(look(&depth).unwrap_err().contains("damaged"));
    let mut none = png.clone();
    none[16..20].fill(0);
    assert!(look(&none).unwrap_err().contains("no pixels"));
    // a hundred megapixels in a few bytes are looked at, and never made
    let mut large = png.clone();
    large[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
    assert_eq!(look(&large).unwrap().pixels, Some((10_000, 10_000)));
    let webp = drawn(ImageFormat::WebP);
    let mut frame = webp.clone();
    let extended = [&b"VP8X\x0a\0\0\0"[..], &[0, 0, 0, 0], &[99, 0, 0], &[99, 0, 0]].concat();
    frame.splice(12..12, extended);
    let size = (frame.len() as u32 - 8).to_le_bytes();
    frame[4..8].copy_from_slice(&size);
    assert!(look(&frame).unwrap_err().contains("contradicts"), "canvas and picture are of two sizes");
    let tiff = [&b"II\x2a\0\x08\0\0\0"[..], &[0xff, 0xff], &[0; 40]].concat();
    assert!(look(&tiff).is_err());
    let bytes = [b"RIFF\xff\xff\xff\xffWEBPVP8 ".as_slice(), &[0xff; 40]].concat();
    assert_eq!(look(&bytes).unwrap_err(), CUT_OFF);
}

fn boxed(kind: &[u8; 4], inner: &[u8]) -> Vec<u8> {
    [&(inner.len() as u32 + 8).to_be_bytes()[..], kind, inner].concat()
}

fn handled(handler: &[u8; 4], codec: &[u8; 4], tkhd: &[u8]) -> Vec<u8> {
    let hdlr = boxed(b"hdlr", &[&[0u8; 8][..], handler, &[0; 13]].concat());
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(codec, &[0; 70])].concat());
    let minf = boxed(b"minf", &boxed(b"stbl", &stsd));
    boxed(b"trak", &[boxed(b"tkhd", tkhd), boxed(b"mdia", &[hdlr, minf].concat())].concat())
}

/// A film of 640 x 360, two seconds long; `turned`: held upright.
fn film(brand: &[u8; 4], turned: bool) -> Vec<u8> {
    let mut tkhd = vec![0u8; 84];
    let across = if turned { [0u8; 4] } else { [0, 1, 0, 0] };
    tkhd[40..44].copy_from_slice(&across);
    tkhd[44..48].copy_from_slice(if turned { &[0, 1, 0, 0] } else { &[0; 4] });
    tkhd[76..84].copy_from_slice(&[0x02, 0x80, 0, 0, 0x01, 0x68, 0, 0]);
    let mut mvhd = vec![0u8; 100];
    mvhd[12..20].copy_from_slice(&[0, 0, 2, 0x58, 0, 0, 4, 0xb0]);
    let place = boxed(b"udta", &boxed(b"\xa9xyz", b"+48.2+016.4/"));
    let tracks = [handled(b"soun", b"mp4a", &[0; 84]), handled(b"vide", b"avc1", &tkhd)].concat();
    let moov = boxed(b"moov", &[boxed(b"mvhd", &mvhd), tracks, place].concat());
    [boxed(b"ftyp", &[&brand[..], &[0u8; 8]].concat()), boxed(b"mdat", &[1u8; 300]), moov].concat()
}

#[test]
fn films_are_known_by_their_boxes() {
    let bytes = film(b"isom", false);
    let found = look(&bytes).unwrap();
    assert_eq!((found.mime, found.pixels), ("video/mp4", Some((640, 360))));
    let about = found.about;
    assert_eq!((about.video.as_deref(), about.audio.as_deref(), about.millis), (Some("h264"), Some("aac"), Some(2000)));
    assert_eq!((about.bitrate, about.hidden), (Some(bytes.len() as u64 * 4), vec!["GPS".to_string()]));
    assert_eq!(look(&film(b"isom", true)).unwrap().pixels, Some((360, 640)));
    assert_eq!(look(&film(b"qt  ", false)).unwrap().mime, "video/quicktime");
    for cut in 0..bytes.len() {
        assert!(look(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

/// A file of two gigabytes that is never made: its film is at the end, after the sound and pictures.
struct Long {
    head: Vec<u8>,
    moov: Vec<u8>,
    at: u64,
    bytes: u64,
}

impl Read for Long {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let end = self.bytes - self.moov.len() as u64;
        for (index, byte) in out.iter_mut().enumerate() {
            let at = self.at + index as u64;
            *byte = match at {
                at if at < self.head.len() as u64 => self.head[at as usize],
                at if at >= end => self.moov[(at - end) as usize],
                _ => 7,
            };
        }
        self.at += out.len() as u64;
        Ok(out.len())
    }
}

impl std::io::Seek for Long {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let std::io::SeekFrom::Start(at) = to else { unreachable!("probes know where they go") };
        self.at = at;
        Ok(at)
    }
}

#[test]
fn of_a_film_of_two_gigabytes_little_is_read() {
    let whole = film(b"isom", false);
    let split = whole.windows(4).position(|four| four == b"moov").unwrap() - 4;
    let mut head = whole[..20].to_vec();
    let bytes = 2_000_000_000u64;
    let data = bytes - 20 - (whole.len() - split) as u64;
    head.extend((data as u32).to_be_bytes());
    head.extend(b"mdat");
    let mut window = Window::new(Long { head, moov: whole[split..].to_vec(), at: 0, bytes }, bytes);
    let began = std::time::Instant::now();
    let found = super::look(&mut window).unwrap();
    assert_eq!((found.pixels, found.about.millis), (Some((640, 360)), Some(2000)));
    assert!(window.read() < 100_000 && MOST_READ <= 5_000_000, "{} bytes", window.read());
    assert!(began.elapsed().as_millis() < 50, "{:?}", began.elapsed());
}

#[test]
fn webm_and_matroska_tell_length_and_codecs() {
    let element = |id: &[u8], inner: &[u8]| [id, &[0x40 | (inner.len() >> 8) as u8, inner.len() as u8], inner].concat();
    let made = |kind: &[u8]| {
        let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], kind));
        let scale = element(&[0x2a, 0xd7, 0xb1], &1_000_000u32.to_be_bytes());
        let info =
            element(&[0x15, 0x49, 0xa9, 0x66], &[scale, element(&[0x44, 0x89], &1500f64.to_be_bytes())].concat());
        let video = element(&[0xe0], &[element(&[0xb0], &[2, 0x80]), element(&[0xba], &[1, 0x68])].concat());
        let one = element(&[0xae], &[element(&[0x83], &[1]), element(&[0x86], b"V_VP9"), video].concat());
        let two = element(&[0xae], &[element(&[0x83], &[2]), element(&[0x86], b"A_OPUS")].concat());
        let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &[one, two].concat());
        let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &[0; 50]);
        [head, element(&[0x18, 0x53, 0x80, 0x67], &[info, tracks, cluster].concat())].concat()
    };
    let bytes = made(b"webm");
    let found = look(&bytes).unwrap();
    assert_eq!((found.mime, found.pixels), ("video/webm", Some((640, 360))));
    let about = found.about;
    assert_eq!((about.video.as_deref(), about.audio.as_deref(), about.millis), (Some("vp9"), Some("opus"), Some(1500)));
    assert_eq!(look(&made(b"matroska")).unwrap().mime, "video/x-matroska");
    for cut in 0..bytes.len() {
        assert!(look(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn sounds_tell_how_long_they_are() {
    let wav = [
        &b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0"[..],
        &8000u32.to_le_bytes(),
        &8000u32.to_le_bytes(),
        &[1, 0, 8, 0],
        b"data",
        &4000u32.to_le_bytes(),
        &[128; 4000],
    ]
    .concat();
    let found = look(&wav).unwrap();
    assert_eq!((found.mime, found.about.millis), ("audio/wav", Some(500)));
    assert_eq!(look(&wav[..1000]).unwrap_err(), CUT_OFF);
    let rate = 48_000u64 << 44 | 96_000;
    let flac = [&b"fLaC\0\0\0\x22"[..], &[0; 10], &rate.to_be_bytes(), &[0; 16]].concat();
    assert_eq!(look(&flac).unwrap().about.millis, Some(2000));
    // 128 kbit/s, 44.1 kHz, and a count of frames
    let mut mp3 = vec![0xff, 0xfb, 0x90, 0x00];
    mp3.extend([0; 32]);
    mp3.extend(b"Xing\0\0\0\x01\0\0\x03\xe8");
    mp3.extend([0; 400]);
    let found = look(&mp3).unwrap();
    assert_eq!((found.mime, found.about.millis), ("audio/mpeg", Some(26_122)));
    let tagged = [&b"ID3\x03\0\0\0\0\0\x05hello"[..], &mp3].concat();
    assert_eq!(look(&tagged).unwrap().about.millis, Some(26_122));
    let page = |granule: u64, content: &[u8]| [&b"OggS\0\0"[..], &granule.to_le_bytes(), &[0; 13], content].concat();
    let opus = [page(0, b"OpusHead\x01\x02"), page(144_000, b"")].concat();
    let found = look(&opus).unwrap();
    assert_eq!((found.mime, found.about.audio.as_deref(), found.about.millis), ("audio/ogg", Some("opus"), Some(3000)));
    assert_eq!(look(&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc, 0, 0]).unwrap().mime, "audio/aac");
}

#[test]
fn a_heic_tells_its_size_and_what_it_hides() {
    let ispe = |w: u32, h: u32| boxed(b"ispe", &[&[0u8; 4][..], &w.to_be_bytes(), &h.to_be_bytes()].concat());
    let ipco = boxed(b"ipco", &[ispe(512, 512), ispe(4032, 3024), boxed(b"irot", &[3])].concat());
    let infe = boxed(b"infe", b"\x02\0\0\0\0\x05\0\0Exif\0");
    let iinf = boxed(b"iinf", &[&[0u8, 0, 0, 0, 0, 1][..], &infe].concat());
    let meta = boxed(b"meta", &[&[0u8; 4][..], &iinf, &boxed(b"iprp", &ipco)].concat());
    let heic = [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), meta, boxed(b"mdat", &[0; 64])].concat();
    let found = look(&heic).unwrap();
    assert_eq!((found.mime, found.pixels), ("image/heic", Some((3024, 4032))));
    assert_eq!(found.about.hidden, ["EXIF"]);
    for cut in 0..heic.len() {
        assert!(look(&heic[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn what_no_network_takes_is_said_so() {
    assert!(look(b"<svg xmlns='x'>").unwrap_err().contains("PNG"));
    assert!(look(b"hello there").unwrap_err().contains("68 65 6c"));
    assert!(look(b"").is_err());
    assert_eq!(look(b"%PDF-1.7\n%%EOF\n").unwrap().mime, "application/pdf");
    assert_eq!(look(b"%PDF-1.7\n").unwrap_err(), CUT_OFF);
}

#[test]
fn bytes_turned_over_anywhere_never_break_a_probe() {
    let seeds = [
        drawn(ImageFormat::Png),
        with_exif(&drawn(ImageFormat::Jpeg), &exif(6, true)),
        drawn(ImageFormat::Gif),
        drawn(ImageFormat::WebP),
        drawn(ImageFormat::Tiff),
        drawn(ImageFormat::Bmp),
        film(b"isom", false),
    ];
    for seed in seeds {
        for at in 0..seed.len() {
            for value in [0x00, 0x7f, 0xff] {
                let mut bytes = seed.clone();
                bytes[at] = value;
                // whatever it says, it says it without a panic and without reading more than there is
                drop(look(&bytes));
            }
        }
    }
}
