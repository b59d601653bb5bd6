//! A bank of band-passes, equally wide on a logarithmic scale or tuned to notes: the ears of a vocoder, the strings of a
//! resonator.

/// The most bands of a [`FilterBank`].
pub const MAX_BANDS: usize = 48;
/// Bands that are computed side by side: two vectors of the smallest instruction set, one of the next.
const LANES: usize = 8;
const BLOCKS: usize = MAX_BANDS / LANES;
/// New centres and a new Q are reached on a straight line over this many samples.
const GLIDE_SAMPLES: u32 = 64;
/// The highest centre as a part of the sampling rate.
const HIGHEST: f32 = 0.45;
const MIN_HZ: f32 = 1.0;
/// Q of one of two equal sections in series ÷ Q of both: √(√2 − 1), as each is down by 1.5 dB where both are by 3 dB.
const SECTION: f32 = 0.643_594_25;

type Row = [f32; LANES];
const ZERO: Row = [0.0; LANES];

/// Band-passes with a gain of 1 and a phase of 0 at their centres and a slope of 12 dB/oct on each side. A band is two
/// equal topology-preserving state-variable filters in series (Zavalishin, *The Art of VA Filter Design*, 2018, 4.4), so
/// its response is that of the analogue prototype (k s / (s² + k s + 1))² under the bilinear transform that leaves the
/// centre in its place.
///
/// A section's states lose 4 g k v₁² of their sum of squares in a sample, where g > 0 is the centre's warped frequency,
/// k > 0 the damping and v₁ the output: it stays stable however the parameters move (Wishnick,
/// *Time-Varying Filters for Musical Applications*, DAFx-14).
///
/// # Realtime safety
/// No method allocates. A sample costs in proportion to the bands, rounded up to a multiple of 8. Input is finite.
#[derive(Clone, Debug)]
pub struct FilterBank {
    sample_rate_hz: f32,
    /// Bands of the last tuning.
    bands: usize,
    /// Blocks in which a band sounds or fades out.
    blocks: usize,
    fresh: bool,
    glide_left: u32,
    now: [Shape; BLOCKS],
    target: [Shape; BLOCKS],
    step: [Shape; BLOCKS],
    /// 1 / (1 + g (g + k)).
    inverse: [Row; BLOCKS],
    /// Both integrators of both sections.
    state: [[Row; 4]; BLOCKS],
}

/// What glides.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    /// tan(π centre ÷ rate).
    g: Row,
    /// 1 ÷ Q of a section.
    k: Row,
    /// Gain of the output: 1, or 0 for a band that is not used.
    level: Row,
}

const UNUSED: Shape = Shape { g: ZERO, k: ZERO, level: ZERO };

impl FilterBank {
    /// A filter bank without bands, until [`Self::tune`] sets them.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz: sample_rate_hz as f32,
            bands: 0,
            blocks: 0,
            fresh: true,
            glide_left: 0,
            now: [UNUSED; BLOCKS],
            target: [UNUSED; BLOCKS],
            step: [UNUSED; BLOCKS],
            inverse: [[1.0; LANES]; BLOCKS],
            state: [[ZERO; 4]; BLOCKS],
        }
    }

    /// Sets the bands' centres and the Q of all of them: centre ÷ width between the −3 dB points of the whole band.
    ///
    /// Centres are held within 1 Hz and 0.45 of the rate, Q within 0.3 and 1000; centres after the first [`MAX_BANDS`]
    /// are ignored. Sounding bands keep their state and glide in 64 samples, bands that go fade out and those that come
    /// begin from silence; the first tuning after `new` and [`Self::reset`] is there at once.
    pub fn tune(&mut self, centres_hz: &[f32], q: f32) {
        let centres_hz = &centres_hz[..centres_hz.len().min(MAX_BANDS)];
        let q = if q.is_nan() { 0.3 } else { q.clamp(0.3, 1000.0) };
        let k = 1.0 / (SECTION * q);
        self.bands = centres_hz.len();
        self.blocks = self.blocks.max(self.bands.div_ceil(LANES));
        for band in 0..MAX_BANDS {
            let (block, lane) = (band / LANES, band % LANES);
            let (now, target) = (&mut self.now[block], &mut self.target[block]);
            if let Some(&centre_hz) = centres_hz.get(band) {
                let part = (centre_hz.max(MIN_HZ) / self.sample_rate_hz).min(HIGHEST);
                target.g[lane] = libm::tanf(std::f32::consts::PI * part);
                target.k[lane] = k;
                target.level[lane] = 1.0;
                if now.g[lane] == 0.0 {
                    // Silent so far: only its level has a way to go.
                    now.g[lane] = target.g[lane];
                    now.k[lane] = k;
                }
            } else {
                target.level[lane] = 0.0;
            }
        }
        if self.fresh {
            self.fresh = false;
            self.now = self.target;
            self.arrive();
        } else if self.now != self.target {
            self.glide_left = GLIDE_SAMPLES;
            for ((step, target), now) in self.step.iter_mut().zip(&self.target).zip(&self.now) {
                let part = |to: &Row, from: &Row| std::array::from_fn(|i| (to[i] - from[i]) / GLIDE_SAMPLES as f32);
                *step = Shape {
                    g: part(&target.g, &now.g),
                    k: part(&target.k, &now.k),
                    level: part(&target.level, &now.level),
                };
            }
        } else {
            self.arrive();
        }
    }

    /// The bands of the last tuning.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// One sample into all bands; a sample of each band to `out`, 0 for those not used.
    pub fn run(&mut self, input: f32, out: &mut [f32; MAX_BANDS]) {
        self.glide();
        let (rows, _) = out.as_chunks_mut::<LANES>();
        for (block, row) in rows.iter_mut().enumerate() {
            if block < self.blocks {
                self.run_block(block, &[input; LANES], row);
            } else {
                *row = ZERO;
            }
        }
    }

    /// As [`Self::run`], with an input of its own for each band.
    pub fn run_each(&mut self, inputs: &[f32; MAX_BANDS], out: &mut [f32; MAX_BANDS]) {
        self.glide();
        let (rows, _) = out.as_chunks_mut::<LANES>();
        let (inputs, _) = inputs.as_chunks::<LANES>();
        for (block, (row, input)) in rows.iter_mut().zip(inputs).enumerate() {
            if block < self.blocks {
                self.run_block(block, input, row);
            } else {
                *row = ZERO;
            }
        }
    }

    /// Silence, and as if never tuned.
    pub fn reset(&mut self) {
        *self = Self { sample_rate_hz: self.sample_rate_hz, ..Self::new(1) };
    }

    /// Both sections of the bands of a block (Zavalishin's eq. 4.12 ff.). The input and not the output is scaled by k, so
    /// that the states have the level of the output at any Q, and a change of Q makes no jump.
    #[inline(always)]
    fn run_block(&mut self, block: usize, input: &Row, out: &mut Row) {
        let (Shape { g, k, level }, inverse) = (&self.now[block], &self.inverse[block]);
        let [a1, a2, b1, b2] = &mut self.state[block];
        for i in 0..LANES {
            let first = (a1[i] + g[i] * (k[i] * input[i] - a2[i])) * inverse[i];
            let low = a2[i] + g[i] * first;
            a1[i] = 2.0 * first - a1[i];
            a2[i] = 2.0 * low - a2[i];
            let second = (b1[i] + g[i] * (k[i] * first - b2[i])) * inverse[i];
            let low = b2[i] + g[i] * second;
            b1[i] = 2.0 * second - b1[i];
            b2[i] = 2.0 * low - b2[i];
            out[i] = level[i] * second;
        }
    }

    /// Moves the parameters by a sample.
    #[inline]
    fn glide(&mut self) {
        if self.glide_left > 0 {
            self.glide_left -= 1;
            if self.glide_left == 0 {
                self.now = self.target;
                self.arrive();
                return;
            }
            for block in 0..self.blocks {
                let (now, step) = (&mut self.now[block], &self.step[block]);
                for i in 0..LANES {
                    now.g[i] += step.g[i];
                    now.k[i] += step.k[i];
                    now.level[i] += step.level[i];
                    self.inverse[block][i] = 1.0 / (1.0 + now.g[i] * (now.g[i] + now.k[i]));
                }
            }
        }
    }

    /// The end of a glide: bands that are not used fall silent for good.
    fn arrive(&mut self) {
        self.glide_left = 0;
        self.blocks = self.bands.div_ceil(LANES);
        for block in 0..BLOCKS {
            for lane in 0..LANES {
                if block * LANES + lane >= self.bands {
                    for shape in [&mut self.now[block], &mut self.target[block]] {
                        (shape.g[lane], shape.k[lane]) = (0.0, 0.0);
                    }
                    self.state[block].iter_mut().for_each(|state| state[lane] = 0.0);
                }
                let (g, k) = (self.now[block].g[lane], self.now[block].k[lane]);
                self.inverse[block][lane] = 1.0 / (1.0 + g * (g + k));
            }
        }
    }
}

#[cfg(test)]
mod tests;
