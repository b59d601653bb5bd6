//! The file of a lesson that is not finished: all that is needed to begin it.

use super::MAX_TAKE_SECONDS;
use crate::learn::{
    LearnError, Plan,
    bytes::{In, Out},
};

const MARK: [u8; 8] = *b"SYMLESSN";
const VERSION: u32 = 1;
/// Rates at which takes are recorded.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8000..=384_000;
/// No file is larger: the largest model, and the longest take at the highest rate.
pub(super) const MAX_BYTES: u64 = crate::model::MAX_FILE_BYTES
    + (MAX_TAKE_SECONDS as u64 + 1) * *RATES_HZ.end() as u64 * size_of::<f32>() as u64
    + (1 << 16);
/// Plans beyond are no plans of ours: a step allocates for its frames.
const MAX_STEPS: u32 = 1 << 20;
const MAX_FRAMES: u32 = 4096;

/// A lesson before its first step, as the file of an unfinished one has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Name of the model that it makes.
    pub name: String,
    /// Short name of the model that it begins with.
    pub base: String,
    /// What the take is called.
    pub take: String,
    /// Seconds of the take that are silence because they were lost.
    pub lost_seconds: f32,
    /// How it learns.
    pub plan: Plan,
    /// Of the take, 8000 to 384 000.
    pub sample_rate_hz: u32,
    /// The file of the model that it begins with: that in the folder may be another one day.
    pub model: Vec<u8>,
    /// The take, `[sample]`, of two minutes at most.
    pub mono: Vec<f32>,
}

impl Draft {
    /// The file's bytes: a mark, a version, the fields in their order with lengths before texts and lists, all little-endian, and a checksum
    /// of 64 bits (FNV-1a).
    pub fn to_bytes(&self) -> Vec<u8> {
        let Plan { steps, frames, maker_parts, rates, noise, random_seed } = &self.plan;
        let mut out = Out::new(MARK, VERSION);
        [&self.name, &self.base, &self.take].into_iter().for_each(|text| out.text(text));
        [*steps, *frames as u32, *maker_parts as u32, self.sample_rate_hz]
            .into_iter()
            .for_each(|number| out.u32(number));
        [rates[0].to_bits(), rates[1].to_bits(), *random_seed].into_iter().for_each(|number| out.u64(number));
        out.floats(&[*noise, self.lost_seconds]);
        out.bytes(&self.model);
        out.u64(self.mono.len() as u64);
        out.floats(&self.mono);
        out.finish()
    }

    /// Reads such bytes.
    ///
    /// # Errors
    /// If the bytes are anything else. The model's are checked when it is made of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        let damaged = |expected, found: String| LearnError::Damaged { expected, found };
        let mut read = In::open(bytes, MARK, VERSION)?;
        let (name, base, take) = (read.text()?, read.text()?, read.text()?);
        let (steps, frames, maker_parts, sample_rate_hz) = (read.u32()?, read.u32()?, read.u32()?, read.u32()?);
        let rates = [f64::from_bits(read.u64()?), f64::from_bits(read.u64()?)];
        let random_seed = read.u64()?;
        let numbers = read.floats(2)?;
        let (noise, lost_seconds) = (numbers[0], numbers[1]);
        let is_plan = (1..=MAX_STEPS).contains(&steps)
            && (1..=MAX_FRAMES).contains(&frames)
            && maker_parts <= 16
            && rates.iter().all(|rate| (0.0..=1.0).contains(rate))
            && (0.0..=1.0).contains(&noise);
        if !is_plan {
            return Err(damaged("the plan of a lesson", format!("{steps} steps of {frames} frames at {rates:?}")));
        }
        if !RATES_HZ.contains(&sample_rate_hz) {
            return Err(damaged("a take of 8000 to 384000 samples a second", format!("one of {sample_rate_hz}")));
        }
        let model = read.bytes()?.to_vec();
        let (count, most) = (read.u64()?, (MAX_TAKE_SECONDS * f64::from(sample_rate_hz)) as u64);
        if count > most {
            return Err(damaged("a take of two minutes at most", format!("{count} samples")));
        }
        let mono = read.floats(count as usize)?;
        read.end()?;
        let plan =
            Plan { steps, frames: frames as usize, maker_parts: maker_parts as usize, rates, noise, random_seed };
        Ok(Self { name, base, take, lost_seconds, plan, sample_rate_hz, model, mono })
    }
}

/// A name that a file may have on any system, and no path.
pub(super) fn plain_name(name: &str) -> String {
    const MAX_CHARACTERS: usize = 60;
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,'()&+".contains(c);
    let plain: String = name.chars().take(MAX_CHARACTERS).map(|c| if is_plain(c) { c } else { '-' }).collect();
    match plain.trim_matches(['.', ' ']) {
        "" => "model".into(),
        plain => plain.into(),
    }
}
