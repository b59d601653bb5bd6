//! Sympathetic layers (Pfalz 2018, *Like two strings speaking in sympathy*): a filter bank follows the performer, and each band
//! opens its part of a prediction that has been looping in silence. Layer one is the performer; layer two the swell; layer
//! three the swell with a tremolo whose rate and depth grow with the envelope. All of it answers at once.

use super::{duck::gain, quantum::REGIONS};
use crate::{
    control::{ParamId, ParamValues},
    dsp::{
        filter_bank::{FilterBank, MAX_BANDS},
        follower::BankFollower,
        level::{Ramp, equal_power, samples},
        tuning::Tuning,
    },
};

const SMOOTHING_SECONDS: f32 = 0.010;
/// A band whose envelope lies here, at −26 dBFS, opens its loop as far as the layer's level says.
const FULL: f32 = 0.05;
/// No band opens further than this.
const WIDEST: f32 = 2.0;
/// Below this nothing of a band is heard.
const INAUDIBLE: f32 = 1e-6;

/// What the filter bank is tuned by.
const SHAPE: [ParamId; 5] = [ParamId::Bands, ParamId::LowHz, ParamId::HighHz, ParamId::BandQ, ParamId::Tuning];

/// Both layers.
///
/// # Realtime safety
/// No method allocates. 48 bands cost about 0.2 µs a sample; levels of −60 dB, or silence, next to nothing.
#[derive(Clone, Debug)]
pub(super) struct SympatheticLayers {
    sample_rate_hz: f32,
    /// Hears the performer, and the loops.
    ear: FilterBank,
    strings: FilterBank,
    envelopes: BankFollower,
    shape: [f32; SHAPE.len()],
    bands: usize,
    /// Gains of left and right of each band.
    places: [[f32; MAX_BANDS]; 2],
    spread: f32,
    swell: Ramp,
    shimmer: Ramp,
    rate_hz: f32,
    depth: f32,
    /// Of the tremolo of each band, 0…1.
    phases: [f32; MAX_BANDS],
    /// Something is heard, or may be.
    awake: bool,
    /// Nothing but zeros has been heard since the quantum began.
    quiet: bool,
}

/// sin(2π · phase) for a phase in 0…1, to 0.0011: a parabola, bent once more.
fn sine(phase: f32) -> f32 {
    let x = 2.0 * phase - 1.0;
    let y = -4.0 * x * (1.0 - x.abs());
    y + 0.225 * (y * y.abs() - y)
}

impl SympatheticLayers {
    /// At rest, with the parameters as they stand.
    pub fn new(sample_rate_hz: u32, values: &ParamValues) -> Self {
        let smoothing = samples(SMOOTHING_SECONDS, sample_rate_hz);
        let mut layers = Self {
            sample_rate_hz: sample_rate_hz as f32,
            ear: FilterBank::new(sample_rate_hz),
            strings: FilterBank::new(sample_rate_hz),
            envelopes: BankFollower::new(sample_rate_hz),
            shape: [f32::NAN; SHAPE.len()],
            bands: 0,
            places: [[1.0; MAX_BANDS]; 2],
            spread: f32::NAN,
            swell: Ramp::new(gain(values.get(ParamId::SwellLevel)), smoothing),
            shimmer: Ramp::new(gain(values.get(ParamId::ShimmerLevel)), smoothing),
            rate_hz: 0.0,
            depth: 0.0,
            phases: [0.0; MAX_BANDS],
            awake: false,
            quiet: true,
        };
        layers.begin_quantum(values);
        layers
    }

    /// A level takes a plain value; other parameters count from the next quantum on.
    pub fn set(&mut self, id: ParamId, value: f32) {
        match id {
            ParamId::SwellLevel => self.swell.set_target(gain(value)),
            ParamId::ShimmerLevel => self.shimmer.set_target(gain(value)),
            _ => {}
        }
    }

    /// Ends all movement and forgets what was heard.
    pub fn settle(&mut self, values: &ParamValues) {
        for ramp in [&mut self.swell, &mut self.shimmer] {
            ramp.jump(ramp.target());
        }
        self.ear.reset();
        self.strings.reset();
        self.envelopes.reset();
        self.phases = [0.0; MAX_BANDS];
        self.shape = [f32::NAN; SHAPE.len()];
        (self.awake, self.quiet) = (false, true);
        self.begin_quantum(values);
    }

    /// True while something is heard without further input.
    pub fn is_sounding(&self) -> bool {
        self.is_on() && self.awake
    }

    /// The envelopes of the bands, from low to high; none while both layers are off.
    pub fn envelopes(&self) -> &[f32] {
        if self.is_on() { &self.envelopes.values()[..self.bands] } else { &[] }
    }

    fn is_on(&self) -> bool {
        self.swell.target() > 0.0
            || self.shimmer.target() > 0.0
            || self.swell.value() > 0.0
            || self.shimmer.value() > 0.0
    }

    /// At the first sample of a quantum of the grid.
    pub fn begin_quantum(&mut self, values: &ParamValues) {
        if !self.is_on() {
            return;
        }
        let loudest = self.envelopes.values().iter().fold(0.0f32, |loudest, &e| loudest.max(e));
        self.awake = !self.quiet || loudest > INAUDIBLE;
        self.quiet = true;
        self.envelopes.set_times(values.get(ParamId::SympathyAttack), values.get(ParamId::SympathyRelease));
        self.rate_hz = values.get(ParamId::TremoloRate);
        self.depth = values.get(ParamId::TremoloDepth) / 100.0;
        let shape = SHAPE.map(|id| values.get(id));
        if shape != self.shape {
            self.shape = shape;
            let [bands, low, high, q, _] = shape;
            let mut centres = [0.0; MAX_BANDS];
            // Upside down the range is the same.
            self.bands = Tuning::of(values).centres(low.min(high), high.max(low), bands as usize, &mut centres);
            self.ear.tune(&centres[..self.bands], q);
            self.strings.tune(&centres[..self.bands], q);
        }
        let spread = values.get(ParamId::Spread) / 100.0;
        if spread != self.spread {
            self.spread = spread;
            // Neighbours stand on opposite sides.
            for band in 0..MAX_BANDS {
                let side = if band % 2 == 0 { -spread } else { spread };
                let (left, right) = equal_power(0.5 * (side + 1.0));
                [self.places[0][band], self.places[1][band]] = [left, right].map(|g| std::f32::consts::SQRT_2 * g);
            }
        }
    }

    /// Hears a sample of what the model hears, and one of every region's loop. Both layers together, left and right.
    pub fn advance(&mut self, heard: f32, regions: [f32; REGIONS]) -> [f32; 2] {
        self.quiet &= heard == 0.0;
        if !self.is_on() || !(self.awake || heard != 0.0) {
            return [0.0; 2];
        }
        self.awake = true;
        let (swell, shimmer) = (self.swell.advance(), self.shimmer.advance());
        let mut bands = [0.0; MAX_BANDS];
        self.ear.run(heard, &mut bands);
        let envelopes = self.envelopes.advance(&bands);
        let mut inputs = [0.0; MAX_BANDS];
        for (band, input) in inputs.iter_mut().enumerate().take(self.bands) {
            *input = regions[band * REGIONS / self.bands];
        }
        self.strings.run_each(&inputs, &mut bands);
        let full = 1.0 / FULL;
        let step = self.rate_hz / self.sample_rate_hz;
        let mut sums = [0.0f32; 2];
        for band in 0..MAX_BANDS {
            let open = (full * envelopes[band]).min(WIDEST);
            let part = open.min(1.0);
            let phase = self.phases[band] + step * part;
            self.phases[band] = phase - phase.floor();
            let tremolo = 1.0 - self.depth * part * (0.5 + 0.5 * sine(self.phases[band]));
            let sound = bands[band] * open * (swell + shimmer * tremolo);
            sums[0] += self.places[0][band] * sound;
            sums[1] += self.places[1][band] * sound;
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{level::rms, random::Random};

    const RATE: u32 = 48_000;
    /// E2 and B3 are played, E4 in between never; all are notes of the tuning.
    const E2: f32 = 82.407;
    const B3: f32 = 246.94;
    const G4: f32 = 392.0;

    fn values(changes: &[(ParamId, f32)]) -> ParamValues {
        let mut values = ParamValues::default();
        for &(id, value) in
            [(ParamId::SwellLevel, 0.0), (ParamId::Tuning, 2.0), (ParamId::Bands, 48.0), (ParamId::Spread, 0.0)]
                .iter()
                .chain(changes)
        {
            values.set(id, value);
        }
        values
    }

    fn sound(
        values: &ParamValues,
        seconds: f32,
        heard: impl Fn(f32) -> f32,
        mut loops: impl FnMut(f32) -> f32,
    ) -> Vec<f32> {
        let mut layers = SympatheticLayers::new(RATE, values);
        let count = (seconds * RATE as f32) as usize;
        let sample = |i: usize| {
            let time = i as f32 / RATE as f32;
            if i.is_multiple_of(64) {
                layers.begin_quantum(values);
            }
            let [left, right] = layers.advance(heard(time), [loops(time); REGIONS]);
            assert_eq!(left, right);
            left
        };
        (0..count).map(sample).collect()
    }

    fn tone(hz: f32, time: f32) -> f32 {
        libm::sin(std::f64::consts::TAU * f64::from(hz) * f64::from(time)) as f32
    }

    /// Levels of a band in spans of 20 ms, by a filter of its own; a wide one is fast, a narrow one hears nothing else.
    fn levels(sound: &[f32], hz: f32, q: f32) -> Vec<f32> {
        let mut bank = FilterBank::new(RATE);
        bank.tune(&[hz], q);
        let mut out = [0.0; MAX_BANDS];
        let band: Vec<f32> = sound
            .iter()
            .map(|&x| {
                bank.run(x, &mut out);
                out[0]
            })
            .collect();
        band.chunks(RATE as usize / 50).map(rms).collect()
    }

    fn correlation(a: &[f32], b: &[f32]) -> f32 {
        let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
        let (ma, mb) = (mean(a), mean(b));
        let sum = |f: &dyn Fn(f32, f32) -> f32| a.iter().zip(b).map(|(&x, &y)| f(x - ma, y - mb)).sum::<f32>();
        sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
    }

    #[test]
    fn each_band_opens_its_loop_by_its_envelope_and_no_other_is_heard() {
        let settings = values(&[(ParamId::SympathyAttack, 0.02), (ParamId::SympathyRelease, 0.3)]);
        let pluck = |time: f32, every: f32, from: f32| 0.1 * libm::expf(-3.0 * ((time - from).max(0.0) % every));
        let played = |time: f32| {
            pluck(time, 1.0, 0.0) * tone(E2, time)
                + if time > 0.5 { pluck(time, 0.7, 0.5) * tone(B3, time) } else { 0.0 }
        };
        // A loop in which every note sounds alike.
        let heard = sound(&settings, 8.0, played, |time| {
            0.1 * [E2, B3, G4].map(|hz| tone(hz * 1.001, time)).iter().sum::<f32>()
        });
        let input: Vec<f32> = (0..heard.len()).map(|i| played(i as f32 / RATE as f32)).collect();
        let mut follower = crate::dsp::follower::Follower::new(RATE);
        follower.set_times(0.02, 0.3);
        for hz in [E2, B3] {
            // What the envelope of the band is, by a filter and a follower of its own.
            let mut bank = FilterBank::new(RATE);
            bank.tune(&[hz], 30.0);
            let mut out = [0.0; MAX_BANDS];
            follower.reset();
            let envelope: Vec<f32> = input
                .iter()
                .map(|&x| {
                    bank.run(x, &mut out);
                    follower.advance(out[0])
                })
                .collect();
            let envelope: Vec<f32> = envelope.chunks(RATE as usize / 50).map(|span| span[span.len() - 1]).collect();
            let r = correlation(&envelope, &levels(&heard, hz, 6.0));
            assert!(r > 0.8, "{hz} Hz: envelope and loop correlate by {r}");
        }
        let level = |hz: f32| rms(&levels(&heard, hz, 60.0)[50..]);
        let unplayed = 20.0 * libm::log10f(level(G4) / level(B3).min(level(E2)));
        assert!(unplayed < -30.0, "a note that is not played sounds at {unplayed} dB");
    }

    #[test]
    fn the_tremolo_quickens_and_deepens_with_the_envelope() {
        let changes = [
            (ParamId::SwellLevel, -60.0),
            (ParamId::ShimmerLevel, 0.0),
            (ParamId::TremoloRate, 8.0),
            (ParamId::SympathyAttack, 0.005),
            (ParamId::SympathyRelease, 0.05),
        ];
        let settings = values(&changes);
        let mut last = (0.0, 0.0);
        // A quarter, half, all of the way open.
        for part in [0.25, 0.5, 1.0] {
            let out = sound(&settings, 4.0, |time| part * FULL * tone(B3, time), |time| 0.1 * tone(B3, time));
            let levels: Vec<f32> = out[RATE as usize..].chunks(RATE as usize / 100).map(rms).collect();
            let [low, high] = [f32::min, f32::max].map(|pick| levels.iter().copied().reduce(pick).expect("a level"));
            let middle = 0.5 * (low + high);
            let turns = levels.windows(2).filter(|pair| pair[0] < middle && pair[1] >= middle).count() as f32 / 3.0;
            let depth = 1.0 - low / high;
            assert!((turns - 8.0 * part).abs() < 0.15 * 8.0 * part + 0.35, "{part} open: {turns} Hz");
            assert!((depth - part).abs() < 0.15, "{part} open: {depth} deep");
            assert!(turns > last.0 && depth > last.1);
            last = (turns, depth);
        }
    }

    #[test]
    fn off_or_in_silence_nothing_is_heard_and_it_falls_asleep() {
        let off = values(&[(ParamId::SwellLevel, -60.0)]);
        assert!(sound(&off, 0.2, |time| tone(E2, time), |time| tone(E2, time)).iter().all(|&x| x == 0.0));
        let on = values(&[(ParamId::SympathyRelease, 0.05)]);
        let mut layers = SympatheticLayers::new(RATE, &on);
        let mut random = Random::new(1);
        for i in 0..6 * RATE as usize {
            if i.is_multiple_of(64) {
                layers.begin_quantum(&on);
            }
            let heard = if i < 9600 { tone(E2, i as f32 / RATE as f32) } else { 0.0 };
            layers.advance(heard, [random.normal(); REGIONS]);
            assert!(layers.is_sounding() || i == 0 || i > 9600 + 19_200, "asleep after {i} samples");
        }
        assert!(!layers.is_sounding(), "awake for good");
        assert_eq!(layers.advance(0.0, [1.0; REGIONS]), [0.0; 2]);
    }

    #[test]
    fn a_sine_is_one() {
        for i in 0..=1000 {
            let phase = i as f32 / 1000.0;
            let exact = libm::sinf(std::f32::consts::TAU * phase);
            assert!((sine(phase) - exact).abs() < 0.0012, "{phase}: {} for {exact}", sine(phase));
        }
    }
}
