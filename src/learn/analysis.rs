//! From sound to frames of 8 bits a bin, as every trainer of listening models hears them.

use crate::{
    approach::{FrameAnalyser, REST},
    dsp::random::Random,
    model::ModelConfig,
};

/// The amplitude that the loudest thousandth of a recording's samples reaches after scaling.
const LOUD: f32 = 0.4;
const LOUD_QUANTILE: f64 = 0.999;
/// Silence that is longer is cut to this.
pub(crate) const CUT_SILENCE_S: f32 = 0.4;
/// Averages begin with the mean of as many frames.
pub(crate) const FIRST_FRAMES: usize = 20;
/// Deviation of the noise with which frames are heard in training, so that a prediction may hear what it made itself.
pub(crate) const INPUT_NOISE: f32 = 0.03;
/// How far back a moment recalls.
pub(crate) const RECALLED_FRAMES: usize = 432;

/// The amplitude that all but the loudest samples stay below.
pub(crate) fn loud(sound: &[f32]) -> f32 {
    let mut amplitudes: Vec<f32> = sound.iter().map(|x| x.abs()).collect();
    if amplitudes.is_empty() {
        return 0.0;
    }
    let at = (LOUD_QUANTILE * (amplitudes.len() - 1) as f64) as usize;
    *amplitudes.select_nth_unstable_by(at, f32::total_cmp).1
}

/// As loud as what models have learned from; silence stays.
pub(crate) fn make_loud(sound: &mut [f32]) {
    let loud = loud(sound);
    if loud > 0.0 {
        sound.iter_mut().for_each(|x| *x *= LOUD / loud);
    }
}

/// Levels in 255ths, of windows whose centres begin with the sound.
pub(crate) fn frames(sound: &[f32], model: &ModelConfig, analyser: &mut FrameAnalyser) -> Vec<u8> {
    let (window, hop) = (model.window_samples(), model.hop_samples());
    let mut padded = vec![0.0; window / 2];
    padded.extend_from_slice(sound);
    padded.resize(padded.len() + window / 2, 0.0);
    let mut frame = vec![0.0; model.frame_size()];
    let mut frames = Vec::new();
    for start in
        (0..padded.len() + 1 - window.min(padded.len())).step_by(hop).filter(|start| start + window <= padded.len())
    {
        analyser.frame(&padded[start..start + window], &mut frame);
        frames.extend(frame.iter().map(|level| (level * 255.0).round() as u8));
    }
    frames
}

/// Seconds of its material that a model's file holds, so that what learns from a player is reminded of it.
pub(crate) const REMINDER_SECONDS: f64 = 60.0;
/// Pieces that they are taken from, where there are as many.
#[cfg(feature = "train")]
pub(crate) const REMINDER_PIECES: usize = 12;

/// The middle of frames, at most `count` of them.
pub(crate) fn middle(frames: &[u8], bins: usize, count: usize) -> &[u8] {
    let all = frames.len() / bins;
    let count = count.min(all);
    &frames[(all - count) / 2 * bins..][..count * bins]
}

/// As in playing: by the loudest bin, for a flute's tone is few bins.
pub(crate) fn is_silent(frame: &[u8]) -> bool {
    frame.iter().all(|&level| f32::from(level) < REST * 255.0)
}

/// Frames without those silent ones that follow `longest` silent ones.
pub(crate) fn without_silence(frames: &[u8], bins: usize, longest: usize) -> Vec<u8> {
    let mut kept = Vec::with_capacity(frames.len());
    let mut silent = 0;
    for frame in frames.chunks_exact(bins) {
        silent = if is_silent(frame) { silent + 1 } else { 0 };
        if silent <= longest {
            kept.extend_from_slice(frame);
        }
    }
    kept
}

/// Adds noise of about normal distribution (the sum of four even ones) to levels that are not silent.
pub(crate) fn add_noise(frame: &mut [f32], deviation: f32, random: &mut Random) {
    if deviation == 0.0 {
        return;
    }
    // Four bytes: their mean and the deviation of their sum.
    let scale = deviation / (4.0f32 * (65_536.0 - 1.0) / 12.0).sqrt();
    for level in frame.iter_mut() {
        let sum: u32 = random.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
        let noisy = *level + scale * (sum as f32 - 510.0);
        *level = if *level > 0.0 { noisy.clamp(0.0, 1.0) } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_shortened_and_rests_stay() {
        // One loud bin among quiet ones is a tone, bins that are all quiet are a rest.
        let levels = [200, 0, 0, 200, 60, 60, 60, 60, 60, 200, 0];
        let frames: Vec<u8> = levels.iter().flat_map(|&level: &u8| [level.min(60), level, 0]).collect();
        let kept = without_silence(&frames, 3, 2);
        let kept: Vec<u8> = kept.chunks(3).map(|frame| frame[1]).collect();
        assert_eq!(kept, [200, 0, 0, 200, 60, 60, 200, 0]);
    }

    #[test]
    fn the_loudest_thousandth_does_not_count() {
        let mut sound = vec![0.1; 10_000];
        sound[..9].fill(-1.0);
        assert_eq!(loud(&sound), 0.1);
        sound[..20].fill(-1.0);
        assert_eq!(loud(&sound), 1.0);
        assert_eq!(loud(&[]), 0.0);
    }
}
