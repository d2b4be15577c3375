//! A photograph for six networks: `cargo bench --bench fit -- [DIRECTORY]`. Makes a JPEG of 24 megapixels and about 4 MB, has
//! it fitted for six networks of different limits at the same time, as a run does, and prints one JSON object: processor time
//! and the most memory that this took (0 where the system does not tell), what became of the picture, and how long a second
//! round takes, which must find everything in the cache.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde_json::json;
use xpost::media::{Decision, Media, Wish, decide, inspect, make};

type Failed = Box<dyn std::error::Error>;

/// Most bytes, longest side, most pixels: as networks have them that take less than this picture.
const NETWORKS: [(u64, Option<u32>, Option<u64>); 6] = [
    (2_000_000, None, None),
    (16_777_216, None, Some(16_777_216)),
    (5_242_880, Some(5000), None),
    (1_000_000, Some(2048), None),
    (2_000_000, Some(4096), None),
    (3_500_000, None, None),
];

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("xpost-bench-fit"), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let path = directory.join("photograph.jpg");
    if !path.exists() {
        std::fs::write(&path, photograph(6000, 4000)?)?;
        // what drawing it took is no memory of the fitting: measure in a process that found it there
        eprintln!("the photograph was made; run the bench again to measure");
        return Ok(());
    }
    let cache = directory.join("cache");
    drop(std::fs::remove_dir_all(&cache));
    let media = inspect(&path)?;
    let (before, began) = (processor(), Instant::now());
    let made = round(&media, &cache)?;
    let (cpu, wall) = (processor() - before, began.elapsed().as_secs_f64());
    let again = Instant::now();
    round(&media, &cache)?;
    let figures = json!({
        "bytes": media.bytes, "pixels": [media.width, media.height], "cpu_s": cpu, "wall_s": wall,
        "again_s": again.elapsed().as_secs_f64(), "peak_mb": peak(), "made": made,
    });
    println!("{figures:#}");
    Ok(())
}

fn round(media: &Media, cache: &Path) -> Result<Vec<serde_json::Value>, Failed> {
    let one = |(bytes, side, pixels)| -> Result<serde_json::Value, String> {
        let decided = match decide(media, &Wish { bytes, side, pixels, ..Wish::default() }) {
            Decision::Change { media, .. } => *media,
            Decision::AsIs => media.clone(),
            Decision::No { because, .. } => return Err(because),
        };
        let made = make(&decided, cache)?;
        Ok(json!({ "bytes": made.bytes, "width": made.width, "height": made.height }))
    };
    let one = &one;
    std::thread::scope(|scope| {
        let all: Vec<_> = NETWORKS.into_iter().map(|network| scope.spawn(move || one(network))).collect();
        all.into_iter().map(|made| made.join().map_err(|_| "a thread panicked")?.map_err(Failed::from)).collect()
    })
}

/// Soft forms and a little grain, as a camera gives them; the same at every run.
fn photograph(width: u16, height: u16) -> Result<Vec<u8>, Failed> {
    let (across, down) = (usize::from(width), usize::from(height));
    let mut pixels = Vec::with_capacity(across * down * 3);
    let mut state = 1u32;
    for y in 0..down {
        for x in 0..across {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (state >> 28) as f32 - 8.0;
            let (u, v) = (x as f32 / 97.0, y as f32 / 83.0);
            let light = 120.0 + 60.0 * (u.sin() * v.cos()) + 30.0 * (u * 0.31 + v * 0.17).sin();
            for shift in [0.0, 18.0, -22.0] {
                pixels.push((light + shift + grain).clamp(0.0, 255.0) as u8);
            }
        }
    }
    let mut quality = 92;
    loop {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&pixels, width, height, ColorType::Rgb)?;
        if out.len() <= 4_200_000 || quality <= 30 {
            return Ok(out);
        }
        quality -= 1;
    }
}

/// Processor seconds of this process so far.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The most memory that this process had, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes / 1024)
}
