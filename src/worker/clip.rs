//! A seed that is kept: captured from the input, stored with the project, or read from a file.

use super::history::{Ear, History};
use crate::{control::ParamId, dsp::resample::Resampler};
use std::ops::RangeInclusive;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Maximum size in bytes of 16-bit samples: hosts ask for a project's state at every undo step.
pub const MAX_CLIP_BYTES: usize = 2 << 20;
/// Sample rates of sounds that may be seeds.
pub const CLIP_RATES_HZ: RangeInclusive<u32> = 8000..=384_000;
/// The largest magnitude of a stored sample.
const FULL_SCALE: f32 = 32_767.0;

/// A captured sound, quantised to 16 bits below its own peak, so that a stored and reloaded project gives the same bits
/// again. One or two channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    sample_rate_hz: u32,
    /// `[channel][sample]`
    channels: Vec<Vec<f32>>,
    /// Amplitude of the loudest sample.
    peak: f32,
}

impl Clip {
    /// The end of a sound (`[channel][sample]`, equally long, finite), as much as may be kept: at most the longest seed. Two
    /// channels that are equal become one. `None` if nothing is left, or only silence.
    pub fn new(sample_rate_hz: u32, channels: &[Vec<f32>]) -> Option<Self> {
        let mut channels = &channels[..channels.len().min(2)];
        if let [left, right] = channels
            && left == right
        {
            channels = &channels[..1];
        }
        let longest = (ParamId::SeedLength.spec().max * sample_rate_hz as f32) as usize;
        let most = (MAX_CLIP_BYTES / (2 * channels.len().max(1))).min(longest);
        let ends = channels.iter().map(|channel| &channel[channel.len().saturating_sub(most)..]);
        let peak = ends.clone().flatten().fold(0.0f32, |peak, x| peak.max(x.abs()));
        if !(peak.is_finite() && peak > 0.0) {
            return None;
        }
        let channels = ends.map(|end| end.iter().map(|x| (x / peak * FULL_SCALE).round() as i16));
        Some(Self::from_stored(sample_rate_hz, channels.map(Iterator::collect).collect(), peak))
    }

    /// The inverse of [`Self::stored`].
    pub fn from_stored(sample_rate_hz: u32, channels: Vec<Vec<i16>>, peak: f32) -> Self {
        let read = |samples: Vec<i16>| samples.into_iter().map(|x| f32::from(x) / FULL_SCALE * peak).collect();
        Self { sample_rate_hz, channels: channels.into_iter().map(read).collect(), peak }
    }

    /// As it is stored: `[channel][sample]` of 16 bits, and the amplitude that full scale stands for.
    pub fn stored(&self) -> (Vec<Vec<i16>>, f32) {
        let write = |channel: &Vec<f32>| channel.iter().map(|x| (x / self.peak * FULL_SCALE).round() as i16).collect();
        (self.channels.iter().map(write).collect(), self.peak)
    }

    /// Samples a second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Samples of a channel.
    pub fn length_samples(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Amplitude of the loudest sample.
    pub(super) fn peak(&self) -> f32 {
        self.peak
    }

    /// How long it lasts.
    pub fn seconds(&self) -> f32 {
        self.length_samples() as f32 / self.sample_rate_hz as f32
    }

    /// The last `samples` of the input, or fewer down to `least`; `None` if even those have not been heard.
    pub(super) fn capture(history: &History, samples: i64, least: i64, sample_rate_hz: u32) -> Option<Self> {
        let heard = history.heard_samples();
        if heard < samples.min(least) {
            return None;
        }
        let start = history.end() - samples.min(heard);
        Self::new(sample_rate_hz, &[Ear::Left, Ear::Right].map(|ear| history.performance(ear, start)))
    }

    /// The same sound at another rate.
    pub(super) fn at_rate(self: Arc<Self>, sample_rate_hz: u32) -> Arc<Self> {
        if self.sample_rate_hz == sample_rate_hz {
            return self;
        }
        let resampler = Resampler::new(self.sample_rate_hz, sample_rate_hz);
        let channels = self.channels.iter().map(|channel| resampler.resample_all(channel)).collect();
        Arc::new(Self { sample_rate_hz, channels, peak: self.peak })
    }

    /// A sample of the channel selected by `ear`; silence before the beginning and after the end.
    pub(super) fn sample(&self, ear: Ear, at: i64) -> f32 {
        let of = |channel: &Vec<f32>| usize::try_from(at).ok().and_then(|at| channel.get(at).copied()).unwrap_or(0.0);
        match &self.channels[..] {
            [left, right] => ear.of(of(left), of(right)),
            [only] => of(only),
            _ => 0.0,
        }
    }

    /// Level of the last `samples`.
    pub(super) fn rms(&self, ear: Ear, samples: usize) -> f32 {
        let length = self.length_samples();
        let span = length.saturating_sub(samples)..length;
        let count = span.len().max(1) as f64;
        let square = |at: usize| f64::from(self.sample(ear, at as i64)).powi(2);
        (span.map(square).sum::<f64>() / count).sqrt() as f32
    }
}

/// Shared slot of the captured seed: the worker, the project's state and the display use it, never the audio thread.
#[derive(Debug, Default)]
pub struct ClipSlot {
    clip: Mutex<Option<Arc<Clip>>>,
    generation: AtomicU64,
}

impl ClipSlot {
    /// The current clip.
    pub fn get(&self) -> Option<Arc<Clip>> {
        self.lock().clone()
    }

    /// Replaces or clears the clip. Returns the new generation.
    pub fn put(&self, clip: Option<Arc<Clip>>) -> u64 {
        let mut held = self.lock();
        *held = clip;
        self.generation.fetch_add(1, Ordering::Release) + 1
    }

    /// Changes with every replacement.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Clip>>> {
        // The clip is replaced in one piece: a panic cannot have left half of one.
        self.clip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn noise(samples: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..samples).map(|_| 0.01 * random.normal()).collect()
    }

    #[test]
    fn what_is_stored_comes_back_bit_for_bit() {
        let clip = Clip::new(48_000, &[noise(4800, 1), noise(4800, 2)]).expect("sound");
        let (channels, peak) = clip.stored();
        assert_eq!(Clip::from_stored(48_000, channels, peak), clip);
        let loudest = noise(4800, 1).into_iter().chain(noise(4800, 2)).fold(0.0f32, |a, x| a.max(x.abs()));
        for (kept, original) in clip.channels[1].iter().zip(noise(4800, 2)) {
            assert!((kept - original).abs() <= 0.51 * loudest / FULL_SCALE, "{kept} for {original}");
        }
    }

    #[test]
    fn only_the_end_is_kept_equal_channels_become_one_and_silence_is_nothing() {
        let long = noise(600_000, 3);
        let clip = Clip::new(48_000, &[long.clone(), long.clone()]).expect("sound");
        assert_eq!((clip.channels.len(), clip.length_samples()), (1, 480_000), "the longest seed");
        let wide = Clip::new(192_000, &[long.clone(), noise(600_000, 4)]).expect("sound");
        assert_eq!(wide.length_samples(), MAX_CLIP_BYTES / 4);
        assert!((clip.sample(Ear::Middle, 479_999) - long[599_999]).abs() < 1e-5);
        assert_eq!((clip.sample(Ear::Left, -1), clip.sample(Ear::Right, 480_000)), (0.0, 0.0));
        for nothing in [vec![], vec![vec![]], vec![vec![0.0; 9]; 2], vec![vec![f32::NAN; 3]], vec![vec![f32::INFINITY]]]
        {
            assert_eq!(Clip::new(48_000, &nothing), None);
        }
    }

    #[test]
    fn another_rate_keeps_duration_and_level() {
        let tone = (0..44_100).map(|i| 0.2 * libm::sinf(0.05 * i as f32)).collect();
        let clip = Arc::new(Clip::new(44_100, &[tone]).expect("sound"));
        let other = Arc::clone(&clip).at_rate(48_000);
        assert!((other.seconds() - clip.seconds()).abs() < 1e-3);
        let levels = [&clip, &other].map(|clip| clip.rms(Ear::Middle, 20_000));
        assert!((levels[0] - levels[1]).abs() < 1e-3, "{levels:?}");
    }
}
