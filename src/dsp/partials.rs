//! From levels on a scale of logarithmic frequency back to sound: every peak is a sinusoid that goes on from frame to frame
//! (McAulay and Quatieri, *Speech analysis/synthesis based on a sinusoidal representation*, 1986).
//!
//! A peak's place is found between the bins by a parabola through three levels (Smith and Serra, *PARSHL*, 1987), so that notes are in
//! tune where bins are wide. A partial that finds no peak fades within a frame; a peak that finds no partial begins one.

use super::random::Random;

/// How far a partial may move within a frame, in bins.
const MAX_MOVE_BINS: f32 = 1.25;
/// A partial's place follows its peaks by this part of the way: what remains of the grain of drawn levels.
const FOLLOW: f32 = 0.5;
/// A partial that grows by more than this within a frame is attacked: it waits for this part of the frame.
const ATTACK_RATIO: f32 = 2.0;
const ATTACK_WAIT: f32 = 0.5;
/// Samples whose phases are turned at once.
const LANES: usize = 8;

/// Sinusoids, one a peak.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub struct Partials {
    /// Frequency of every bin, in cycles per sample.
    centres: Vec<f32>,
    floor_db: f32,
    random: Random,
    /// From low to high.
    partials: Vec<Partial>,
    next: Vec<Partial>,
}

#[derive(Clone, Copy, Debug)]
struct Partial {
    /// Place between the bins.
    place: f32,
    /// Cycles, 0…1.
    phase: f64,
    amplitude: f32,
    /// Where it goes within the frame.
    target_place: f32,
    target_amplitude: f32,
}

/// A local maximum of a frame.
#[derive(Clone, Copy, Debug)]
struct Peak {
    place: f32,
    amplitude: f32,
}

impl Partials {
    /// For bins at these frequencies (cycles per sample, rising) and levels 0…1 of decibels from `floor_db` to 0.
    pub fn new(centres: Vec<f32>, floor_db: f32) -> Self {
        // Peaks are at most every other bin; as many may fade.
        let most = centres.len() + 2;
        Self {
            centres,
            floor_db,
            random: Random::new(0),
            partials: Vec::with_capacity(most),
            next: Vec::with_capacity(most),
        }
    }

    /// Silence; phases to come follow from `random`.
    pub fn reset(&mut self, random: &mut Random) {
        self.random = Random::new(u64::from(random.next_u32()));
        self.partials.clear();
    }

    /// Takes a frame (`[bins]`) as the one from which the next is approached.
    pub fn prime(&mut self, frame: &[f32], gain: f32) {
        self.partials.clear();
        self.aim(frame, gain);
        for partial in &mut self.partials {
            partial.amplitude = partial.target_amplitude;
        }
    }

    /// Moves from the last frame to `frame` (`[bins]`), whose amplitudes are multiplied by `gain`, and writes the sound between them. `out`: the hop, of any length.
    pub fn frame(&mut self, frame: &[f32], gain: f32, out: &mut [f32]) {
        self.aim(frame, gain);
        out.fill(0.0);
        for partial in &mut self.partials {
            let way = [partial.place, partial.target_place].map(|place| f64::from(frequency(&self.centres, place)));
            sound(partial, way, out);
        }
        self.partials.retain(|partial| partial.amplitude > 0.0);
    }

    /// Gives every partial the peak nearest to it, and peaks without one a new partial.
    fn aim(&mut self, frame: &[f32], gain: f32) {
        self.next.clear();
        let mut at = 0;
        let mut coming = next_peak(frame, 0, self.floor_db);
        while let Some((index, peak)) = coming {
            coming = next_peak(frame, index + 1, self.floor_db);
            let peak = Peak { amplitude: peak.amplitude * gain, ..peak };
            // Partials below the reach of this peak find no other.
            while self.partials.get(at).is_some_and(|partial| partial.place < peak.place - MAX_MOVE_BINS) {
                self.next.push(fading(self.partials[at]));
                at += 1;
            }
            // Of those within reach the nearest goes on, unless the next peak is nearer to it.
            let following = coming.map(|(_, peak)| peak.place);
            let reach = |partial: &&Partial| partial.place <= peak.place + MAX_MOVE_BINS;
            let within = self.partials[at..].iter().take_while(reach).count();
            let distance = |partial: &Partial| (partial.place - peak.place).abs();
            let nearest =
                (at..at + within).min_by(|&a, &b| distance(&self.partials[a]).total_cmp(&distance(&self.partials[b])));
            let is_mine = |&index: &usize| {
                let partial = &self.partials[index];
                following.is_none_or(|place| distance(partial) <= (partial.place - place).abs())
            };
            match nearest.filter(is_mine) {
                Some(index) => {
                    for passed in at..index {
                        self.next.push(fading(self.partials[passed]));
                    }
                    let partial = self.partials[index];
                    let target_place = partial.place + FOLLOW * (peak.place - partial.place);
                    self.next.push(Partial { target_place, target_amplitude: peak.amplitude, ..partial });
                    at = index + 1;
                }
                None => self.next.push(Partial {
                    place: peak.place,
                    phase: f64::from(self.random.uniform()),
                    amplitude: 0.0,
                    target_place: peak.place,
                    target_amplitude: peak.amplitude,
                }),
            }
        }
        for &partial in &self.partials[at..] {
            self.next.push(fading(partial));
        }
        self.next.truncate(self.centres.len());
        std::mem::swap(&mut self.partials, &mut self.next);
        // What fades may have been passed by what begins.
        self.partials.sort_unstable_by(|a, b| a.target_place.total_cmp(&b.target_place));
    }
}

fn fading(partial: Partial) -> Partial {
    Partial { target_place: partial.place, target_amplitude: 0.0, ..partial }
}

/// The first peak from `bin` on, and its bin.
fn next_peak(frame: &[f32], bin: usize, floor_db: f32) -> Option<(usize, Peak)> {
    let at = |index: usize| frame.get(index).copied().unwrap_or(0.0);
    (bin..frame.len()).find_map(|index| {
        let (left, here, right) = (if index == 0 { 0.0 } else { at(index - 1) }, at(index), at(index + 1));
        let is_peak = here > 0.0 && here > left && here >= right;
        is_peak.then(|| {
            // A neighbour at the floor says nothing of where the peak is.
            let inside = index > 0 && index + 1 < frame.len() && left > 0.0 && right > 0.0;
            let curve = left - 2.0 * here + right;
            let shift = if inside && curve < 0.0 { (0.5 * (left - right) / curve).clamp(-0.5, 0.5) } else { 0.0 };
            let level = here - 0.25 * (left - right) * shift;
            let db = floor_db - floor_db * level.min(1.0);
            (index, Peak { place: index as f32 + shift, amplitude: libm::expf(db * (std::f32::consts::LN_10 / 20.0)) })
        })
    })
}

/// Between the bins, in cycles per sample.
fn frequency(centres: &[f32], place: f32) -> f32 {
    let place = place.clamp(0.0, (centres.len() - 1) as f32);
    let below = (place as usize).min(centres.len() - 2);
    centres[below] + (centres[below + 1] - centres[below]) * (place - below as f32)
}

/// Adds the partial's way through a frame to `out`: its frequency moves on a straight line, its amplitude on a curve that is level at both
/// ends, so that neither has a kink where frames meet.
fn sound(partial: &mut Partial, [from, to]: [f64; 2], out: &mut [f32]) {
    let length = out.len() as f64;
    // Cycles by which the frequency moves with every sample.
    let glide = (to - from) / length;
    let phase = |n: f64| partial.phase + n * (from + 0.5 * glide * n);
    // From sample to sample in double precision; LANES samples later it has turned by the quotient.
    let (mut now, mut turn, bend) = (unit(partial.phase), unit(from + 0.5 * glide), unit(glide));
    let mut first = [[0.0f64; 2]; 2 * LANES];
    for slot in &mut first {
        *slot = now;
        now = product(now, turn);
        turn = product(turn, bend);
    }
    let (mut cosines, mut sines) = ([0.0f32; LANES], [0.0f32; LANES]);
    // How far a lane turns until it is its turn again, and what that turn turns by itself.
    let (mut step_cosines, mut step_sines) = ([0.0f32; LANES], [0.0f32; LANES]);
    for lane in 0..LANES {
        let [x, y] = first[lane];
        [cosines[lane], sines[lane]] = first[lane].map(|x| x as f32);
        [step_cosines[lane], step_sines[lane]] = product(first[lane + LANES], [x, -y]).map(|x| x as f32);
    }
    let [bend_cosine, bend_sine] = unit(glide * (LANES * LANES) as f64).map(|x| x as f32);
    let (start, rise) = (partial.amplitude, partial.target_amplitude - partial.amplitude);
    // A note begins late and fast: its rise is not to be heard before its attack.
    let wait = if partial.target_amplitude > ATTACK_RATIO * partial.amplitude { ATTACK_WAIT } else { 0.0 };
    let speed = 1.0 / (length as f32 * (1.0 - wait));
    let mut times: [f32; LANES] = std::array::from_fn(|lane| lane as f32 * speed - wait / (1.0 - wait));
    let time_step = LANES as f32 * speed;
    for slots in out.chunks_mut(LANES) {
        for (lane, slot) in slots.iter_mut().enumerate() {
            let t = times[lane].clamp(0.0, 1.0);
            *slot += (start + rise * (t * t * (3.0 - 2.0 * t))) * cosines[lane];
        }
        for lane in 0..LANES {
            let (x, y) = (cosines[lane], sines[lane]);
            cosines[lane] = x * step_cosines[lane] - y * step_sines[lane];
            sines[lane] = x * step_sines[lane] + y * step_cosines[lane];
            let (x, y) = (step_cosines[lane], step_sines[lane]);
            step_cosines[lane] = x * bend_cosine - y * bend_sine;
            step_sines[lane] = x * bend_sine + y * bend_cosine;
            times[lane] += time_step;
        }
    }
    let end = phase(length);
    partial.phase = end - end.floor();
    partial.place = partial.target_place;
    partial.amplitude = partial.target_amplitude;
}

/// Cosine and sine of a phase in cycles.
fn unit(cycles: f64) -> [f64; 2] {
    let angle = std::f64::consts::TAU * (cycles - cycles.floor());
    [libm::cos(angle), libm::sin(angle)]
}

/// Of two complex numbers.
fn product([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a * c - b * d, a * d + b * c]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    const BINS: usize = 40;

    fn partials() -> Partials {
        let centres = (0..BINS).map(|bin| 0.01 * libm::exp2f(bin as f32 / 12.0)).collect();
        Partials::new(centres, -75.0)
    }

    /// A peak at a place between the bins, as the main lobe of a window makes it.
    fn frame(peaks: &[(f32, f32)]) -> Vec<f32> {
        let level = |bin: f32| {
            let of = |&(place, db): &(f32, f32)| (db - 4.0 * (bin - place) * (bin - place) + 75.0) / 75.0;
            peaks.iter().map(of).fold(0.0f32, f32::max)
        };
        (0..BINS).map(|bin| level(bin as f32)).collect()
    }

    /// Frequency in cycles per sample, by the zero crossings upwards.
    fn cycles(sound: &[f32]) -> f32 {
        let ups: Vec<usize> = (1..sound.len()).filter(|&i| sound[i - 1] < 0.0 && sound[i] >= 0.0).collect();
        (ups.len() - 1) as f32 / (ups[ups.len() - 1] - ups[0]) as f32
    }

    #[test]
    fn a_peak_between_bins_sounds_in_tune_at_its_level_without_a_step() {
        for place in [9.0, 10.2, 10.5, 10.7, 17.45] {
            let mut partials = partials();
            partials.reset(&mut Random::new(3));
            let frame = frame(&[(place, -12.0)]);
            partials.prime(&frame, 1.0);
            let mut sound = vec![0.0; 64 * 500];
            // Any length of hop.
            let mut rest = &mut sound[..];
            for hop in [500, 77, 512, 1000].into_iter().cycle() {
                let hop = hop.min(rest.len());
                let (now, later) = std::mem::take(&mut rest).split_at_mut(hop);
                partials.frame(&frame, 1.0, now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let expected = 0.01 * libm::exp2f(place / 12.0);
            let cents = 1200.0 * libm::log2f(cycles(&sound) / expected);
            assert!(cents.abs() < 5.0, "bin {place}: {cents} cents");
            let level = 20.0 * libm::log10f(rms(&sound) * std::f32::consts::SQRT_2);
            assert!((level + 12.0).abs() < 0.2, "{level} dB");
            let steepest = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0f32, f32::max);
            assert!(steepest < 0.26 * std::f32::consts::TAU * expected, "a step of {steepest}");
        }
    }

    #[test]
    fn notes_begin_and_end_within_a_frame_and_do_not_disturb_each_other() {
        let mut partials = partials();
        partials.reset(&mut Random::new(3));
        let (one, two) = (frame(&[(10.0, -12.0)]), frame(&[(10.0, -12.0), (30.0, -20.0)]));
        partials.prime(&one, 1.0);
        let mut out = vec![0.0; 512];
        partials.frame(&one, 1.0, &mut out);
        assert_eq!(partials.partials.len(), 1);
        partials.frame(&two, 1.0, &mut out);
        assert_eq!(partials.partials.len(), 2);
        let old = partials.partials[0].phase;
        partials.frame(&two, 1.0, &mut out);
        let moved = (old + 512.0 * f64::from(partials.centres[10])).fract();
        assert!((partials.partials[0].phase - moved).abs() < 1e-3, "it goes on by its own frequency");
        partials.frame(&one, 1.0, &mut out);
        assert_eq!(partials.partials.len(), 1, "what fades is gone");
        partials.frame(&[0.0; BINS], 1.0, &mut out);
        assert!(out[0].abs() > 0.0 && out[511].abs() < 1e-3, "a fade within the frame: {}", out[511]);
        partials.frame(&[0.0; BINS], 1.0, &mut out);
        assert!(out.iter().all(|&x| x == 0.0), "silence is silent");
    }

    #[test]
    fn any_frame_gives_finite_sound_and_no_more_partials_than_bins() {
        let mut random = Random::new(4);
        let mut partials = partials();
        partials.reset(&mut random);
        let mut out = vec![0.0; 256];
        for _ in 0..500 {
            let frame: Vec<f32> = (0..BINS).map(|_| 1.3 * random.uniform() - 0.2).collect();
            partials.frame(&frame, 1.0, &mut out);
            assert!(partials.partials.len() <= BINS);
            assert!(partials.partials.windows(2).all(|pair| pair[0].place <= pair[1].place));
            assert!(out.iter().all(|x| x.is_finite() && x.abs() < BINS as f32));
        }
    }
}
