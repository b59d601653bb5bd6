//! From prediction to output: fades, gain, soft limit, mix, bypass. Everything here acts at once (the rendering stage).

use super::duck::Duck;
use crate::{
    control::{ParamId, ParamValues},
    dsp::{
        level::{Ramp, db_to_gain, equal_power, samples},
        limiter::soft_limit,
    },
};

const SMOOTHING_SECONDS: f32 = 0.010;
const STOP_SECONDS: f32 = 0.020;
/// Length of the fades at underruns and jumps, and of the lookahead: predictions must arrive this much early.
pub const LOOKAHEAD_SECONDS: f32 = 0.005;

/// Gains of the rendering stage, smoothed per sample.
///
/// # Realtime safety
/// No method allocates.
#[derive(Clone, Debug)]
pub struct Mixer {
    mix: Ramp,
    wet_gain: Ramp,
    bypass: Ramp,
    stop: Ramp,
    duck: Duck,
    /// (dry, wet) at the ramp's target, so that a resting mix costs nothing.
    resting: (f32, f32),
}

/// Gains of one sample.
#[derive(Clone, Copy, Debug)]
pub struct SampleGains {
    dry: f32,
    wet: f32,
    level: f32,
    bypass: f32,
}

impl Mixer {
    /// A mixer at rest on these plain values.
    /// *Stop* fades in 20 ms, or in `most_stop_samples` where that is less.
    pub fn new(sample_rate_hz: u32, values: &ParamValues, most_stop_samples: u32) -> Self {
        let smoothing = samples(SMOOTHING_SECONDS, sample_rate_hz);
        let mix = values.get(ParamId::Mix) / 100.0;
        Self {
            mix: Ramp::new(mix, smoothing),
            wet_gain: Ramp::new(db_to_gain(values.get(ParamId::WetGain)), smoothing),
            bypass: Ramp::new(values.get(ParamId::Bypass), smoothing),
            duck: Duck::new(sample_rate_hz, values),
            stop: Ramp::new(1.0, samples(STOP_SECONDS, sample_rate_hz).min(most_stop_samples)),
            resting: equal_power(mix),
        }
    }

    /// Starts the ramp of a rendering parameter towards a plain value.
    pub fn set(&mut self, id: ParamId, value: f32) {
        match id {
            ParamId::Mix => {
                self.mix.set_target(value / 100.0);
                self.resting = equal_power(value / 100.0);
            }
            ParamId::WetGain => self.wet_gain.set_target(db_to_gain(value)),
            ParamId::Bypass => self.bypass.set_target(value),
            id => self.duck.set(id, value),
        }
    }

    /// Fades the wet out, or back in.
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stop.set_target(f32::from(!stopped));
    }

    /// The current gain of *Stop*.
    pub fn stop_gain(&self) -> f32 {
        self.stop.value()
    }

    /// Ends all ramps at their targets.
    pub fn settle(&mut self) {
        for ramp in [&mut self.mix, &mut self.wet_gain, &mut self.bypass, &mut self.stop] {
            ramp.jump(ramp.target());
        }
        self.duck.settle();
    }

    /// Advances by one sample. `heard`: the models' input.
    pub fn advance(&mut self, heard: f32) -> SampleGains {
        let mix = self.mix.advance();
        let (dry, wet) = if self.mix.is_steady() { self.resting } else { equal_power(mix) };
        let (duck_wet, duck_dry) = self.duck.advance(heard);
        let level = self.wet_gain.advance() * self.stop.advance() * duck_wet;
        SampleGains { dry: dry * duck_dry, wet, level, bypass: self.bypass.advance() }
    }
}

impl SampleGains {
    /// The wet after gain and soft limit: finite, below the ceiling.
    pub fn limited(&self, wet: f32) -> f32 {
        soft_limit(wet * self.level)
    }

    /// Mixes dry and limited wet to the output sample. Dry passes bit for bit at 0 % wet and in bypass.
    pub fn output(&self, dry: f32, wet: f32) -> f32 {
        if self.wet == 0.0 || self.bypass == 1.0 {
            return dry;
        }
        let wet = wet * self.wet;
        let mixed = if self.dry == 0.0 { wet } else { dry * self.dry + wet };
        if self.bypass == 0.0 { mixed } else { mixed + (dry - mixed) * self.bypass }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(mixer: &mut Mixer, dry: f32, wet: f32) -> f32 {
        let gains = mixer.advance(0.0);
        gains.output(dry, gains.limited(wet))
    }

    fn mixer(mix: f32, wet_gain_db: f32) -> Mixer {
        let mut values = ParamValues::default();
        values.set(ParamId::Mix, mix);
        values.set(ParamId::WetGain, wet_gain_db);
        Mixer::new(48_000, &values, 2400)
    }

    #[test]
    fn dry_is_exact_at_zero_mix_and_in_bypass_and_wet_at_one() {
        let odd = f32::from_bits(0x3e99_999b);
        let mut mixer = mixer(0.0, 6.0);
        assert_eq!(output(&mut mixer, odd, 0.7).to_bits(), odd.to_bits());
        assert!(output(&mut mixer, f32::NAN, 0.7).is_nan(), "dry is copied, whatever it is");
        mixer.set(ParamId::Mix, 100.0);
        mixer.settle();
        assert_eq!(output(&mut mixer, f32::NAN, 0.125), 0.125 * db_to_gain(6.0), "no trace of dry");
        mixer.set(ParamId::Bypass, 1.0);
        let mut last = output(&mut mixer, 0.5, -0.125);
        for _ in 0..479 {
            let next = output(&mut mixer, 0.5, -0.125);
            assert!((next - last).abs() < 0.003, "bypass clicks: {last} to {next}");
            last = next;
        }
        assert_eq!(output(&mut mixer, odd, 0.1).to_bits(), odd.to_bits());
    }

    #[test]
    fn stop_is_silent_after_twenty_milliseconds() {
        let mut mixer = mixer(100.0, 0.0);
        mixer.set_stopped(true);
        let path: Vec<f32> = (0..960).map(|_| output(&mut mixer, 0.0, 0.4)).collect();
        assert!(path.windows(2).all(|pair| pair[0] >= pair[1]) && path[958] > 0.0);
        assert_eq!(path[959], 0.0);
    }

    #[test]
    fn whatever_comes_in_is_finite_and_below_the_ceiling() {
        let mut mixer = mixer(100.0, 12.0);
        for wet in [f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 5.0] {
            let out = output(&mut mixer, 0.0, wet);
            assert!(out.is_finite() && out.abs() <= crate::dsp::limiter::CEILING, "{wet} gave {out}");
        }
    }
}
