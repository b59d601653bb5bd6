//! What was heard, moment by moment, and the thread that is followed through it.

use crate::dsp::random::Random;

/// How sharply likeness decides where the thread goes.
const SHARPNESS: f32 = 30.0;
/// What a moment loses of its odds by having been used just now, and what part of that it keeps from frame to frame.
const USED_ODDS: f32 = 6.0;
const USED_MEMORY: f32 = 0.995;
/// What a visit adds, and to how many neighbours on either side.
const VISIT: f32 = 0.25;
const NEIGHBOURS: u64 = 3;
/// The thread never jumps to where it is, nor so near.
const NEAR: u64 = 8;
/// Suggestions are at least so sure.
const LEAST_SURENESS: f32 = 0.3;

/// Moments in a ring: what each is known by, and the frame that followed it.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    key_size: usize,
    bins: usize,
    capacity: u64,
    /// `[moment][key_size]`, `[moment][bins]`
    keys: Vec<f32>,
    followers: Vec<f32>,
    /// How much it was used of late.
    used: Vec<f32>,
    /// Moments ever remembered: the next one's number.
    end: u64,
}

impl Moments {
    /// Room for this many.
    pub fn new(capacity: usize, key_size: usize, bins: usize) -> Self {
        Self {
            key_size,
            bins,
            capacity: capacity as u64,
            keys: vec![0.0; capacity * key_size],
            followers: vec![0.0; capacity * bins],
            used: vec![0.0; capacity],
            end: 0,
        }
    }

    pub fn forget(&mut self) {
        self.end = 0;
        self.used.fill(0.0);
    }

    /// `key`: of unit length.
    pub fn remember(&mut self, key: &[f32], follower: &[f32]) {
        let slot = self.slot(self.end);
        self.keys[slot * self.key_size..][..self.key_size].copy_from_slice(key);
        self.followers[slot * self.bins..][..self.bins].copy_from_slice(follower);
        self.used[slot] = 0.0;
        self.end += 1;
    }

    /// Numbers of the moments that are remembered.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.end.saturating_sub(self.capacity)..self.end
    }

    fn slot(&self, moment: u64) -> usize {
        (moment % self.capacity) as usize
    }

    fn follower(&self, moment: u64) -> &[f32] {
        &self.followers[self.slot(moment) * self.bins..][..self.bins]
    }

    /// The cosine of the angle between a query of unit length and a moment's key.
    fn likeness(&self, moment: u64, query: &[f32]) -> f32 {
        let key = &self.keys[self.slot(moment) * self.key_size..][..self.key_size];
        let mut sums = [0.0f32; 8];
        let (keys, queries) = (key.as_chunks::<8>(), query.as_chunks::<8>());
        for (key, query) in keys.0.iter().zip(queries.0) {
            for lane in 0..8 {
                sums[lane] += key[lane] * query[lane];
            }
        }
        sums.iter().sum::<f32>() + keys.1.iter().zip(queries.1).map(|(key, query)| key * query).sum::<f32>()
    }

    fn fade_use(&mut self) {
        self.used.iter_mut().for_each(|used| *used *= USED_MEMORY);
    }

    fn visit(&mut self, moment: u64) {
        let range = self.range();
        let near = moment.saturating_sub(NEIGHBOURS).max(range.start)..(moment + NEIGHBOURS + 1).min(range.end);
        for moment in near {
            let slot = self.slot(moment);
            self.used[slot] += VISIT;
        }
    }
}

/// How the thread moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moving {
    /// Probability of a jump with every frame.
    pub jump: f32,
    /// Odds lost with every frame that a moment lies back.
    pub recency: f32,
}

/// One moment after the other is followed; now and then it jumps to a similar one, among all the moments of one ring or of several.
///
/// A continuous cache (Grave, Joulin and Usunier, *Improving neural language models with a continuous cache*, 2017) of which a
/// single entry is drawn and then followed, as improvisers on a factor oracle do (Assayag and Dubnov 2004): a weighted mean
/// of all entries smears attacks.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    /// The ring and the moment whose follower is suggested next.
    at: Option<(usize, u64)>,
    /// Odds of the candidates, of all rings.
    weights: Vec<f32>,
}

impl Thread {
    /// For rings of so many moments together.
    pub fn new(capacity: usize) -> Self {
        Self { at: None, weights: vec![0.0; capacity] }
    }

    pub fn forget(&mut self) {
        self.at = None;
    }

    /// The next suggestion is the follower of this moment.
    #[cfg(test)]
    pub fn follow(&mut self, ring: usize, moment: u64) {
        self.at = Some((ring, moment));
    }

    /// The next suggestion, `[bins]` into `suggestion`, and how sure it is, 0…1; none while there is nothing to recall. Of
    /// `rings` those that are given may be recalled. Draws two numbers, always.
    pub fn next(
        &mut self,
        rings: &mut [Option<&mut Moments>],
        query: &[f32],
        moving: Moving,
        random: &mut Random,
        suggestion: &mut [f32],
    ) -> Option<f32> {
        let (jumps, point) = (random.uniform() < moving.jump, random.uniform());
        rings.iter_mut().flatten().for_each(|moments| moments.fade_use());
        let ring = |rings: &[Option<&mut Moments>], index: usize| rings[index].as_ref().map(|moments| moments.range());
        let goes_on = self
            .at
            .filter(|&(index, moment)| !jumps && ring(rings, index).is_some_and(|range| range.contains(&moment)));
        let (index, moment) = match goes_on {
            Some(here) => here,
            None => self.jump(rings, query, moving.recency, point)?,
        };
        let moments = rings[index].as_mut()?;
        moments.visit(moment);
        suggestion.copy_from_slice(moments.follower(moment));
        let sureness = moments.likeness(moment, query).clamp(LEAST_SURENESS, 1.0);
        self.at = Some((index, moment + 1));
        Some(sureness)
    }

    /// Draws a moment by its likeness.
    fn jump(
        &mut self,
        rings: &[Option<&mut Moments>],
        query: &[f32],
        recency: f32,
        point: f32,
    ) -> Option<(usize, u64)> {
        let candidates = || {
            let of = |(index, moments): (usize, &'_ Option<&mut Moments>)| {
                // The last two moments have hardly anything to follow.
                let range = moments.as_ref().map_or(0..0, |moments| moments.range());
                (range.start..range.end.saturating_sub(2).max(range.start)).map(move |moment| (index, moment))
            };
            rings.iter().enumerate().flat_map(of)
        };
        let mut most = f32::NEG_INFINITY;
        for (weight, (index, moment)) in self.weights.iter_mut().zip(candidates()) {
            let moments = rings[index].as_ref()?;
            let is_near = self.at.is_some_and(|(at_ring, at)| at_ring == index && at.abs_diff(moment) < NEAR);
            let age = (moments.end - 2 - moment) as f32;
            *weight = match is_near {
                true => f32::NEG_INFINITY,
                false => {
                    SHARPNESS * moments.likeness(moment, query)
                        - USED_ODDS * moments.used[moments.slot(moment)]
                        - recency * age
                }
            };
            most = most.max(*weight);
        }
        if !most.is_finite() {
            // All that there is lies near: where it is, it may stay.
            return candidates().last();
        }
        let count = candidates().count().min(self.weights.len());
        let mut sum = 0.0;
        for weight in &mut self.weights[..count] {
            *weight = libm::expf((*weight - most).max(-80.0));
            sum += *weight;
        }
        let mut left = point * sum;
        let chosen = self.weights[..count].iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        candidates().nth(chosen.unwrap_or(count.checked_sub(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Moving = Moving { jump: 0.0, recency: 0.0 };

    /// Moments whose key is one of four directions, whose follower names the moment.
    fn moments(capacity: usize, directions: &[usize]) -> Moments {
        let mut moments = Moments::new(capacity, 4, 1);
        for (index, &direction) in directions.iter().enumerate() {
            let mut key = [0.0; 4];
            key[direction] = 1.0;
            moments.remember(&key, &[index as f32]);
        }
        moments
    }

    fn next(
        thread: &mut Thread,
        moments: &mut Moments,
        query: &[f32],
        moving: Moving,
        random: &mut Random,
    ) -> Option<f32> {
        let mut suggestion = [-1.0];
        thread.next(&mut [Some(moments)], query, moving, random, &mut suggestion).map(|_| suggestion[0])
    }

    #[test]
    fn the_thread_begins_where_it_is_alike_and_goes_on_from_there() {
        let mut random = Random::new(1);
        let mut heard = moments(100, &[0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3]);
        let mut thread = Thread::new(100);
        let query = [0.0, 1.0, 0.0, 0.0];
        let way: Vec<Option<f32>> = (0..6).map(|_| next(&mut thread, &mut heard, &query, STILL, &mut random)).collect();
        assert_eq!(way, [4.0, 5.0, 6.0, 7.0, 8.0, 9.0].map(Some));
    }

    #[test]
    fn jumps_are_as_frequent_as_asked_for_and_never_go_near() {
        let mut random = Random::new(2);
        let directions: Vec<usize> = (0..400).map(|i| i / 100).collect();
        let mut heard = moments(400, &directions);
        let mut thread = Thread::new(400);
        let moving = Moving { jump: 0.1, recency: 0.0 };
        let (mut jumps, mut last) = (0, None);
        for _ in 0..4000 {
            let here = next(&mut thread, &mut heard, &[0.5; 4], moving, &mut random).expect("moments");
            if let Some(last) = last.filter(|last| *last + 1.0 != here) {
                jumps += 1;
                let away: f32 = last + 1.0 - here;
                assert!(away.abs() >= NEAR as f32 || last == 399.0, "from {last} to {here}");
            }
            last = Some(here);
        }
        assert!((330..520).contains(&jumps), "{jumps} jumps of 4000");
    }

    #[test]
    fn what_lies_back_loses_its_odds_with_recency() {
        for (recency, expected) in [(0.0, 0.5), (1.0, 0.0)] {
            let mut random = Random::new(3);
            let mut old = 0;
            for _ in 0..400 {
                // Two stretches alike, one old, one new.
                let directions: Vec<usize> =
                    (0..120).map(|i| usize::from(!(20..30).contains(&i) && !(90..100).contains(&i))).collect();
                let mut heard = moments(200, &directions);
                let mut thread = Thread::new(200);
                let moving = Moving { jump: 0.0, recency };
                let here = next(&mut thread, &mut heard, &[1.0, 0.0, 0.0, 0.0], moving, &mut random).expect("moments");
                old += usize::from(here < 60.0);
            }
            assert!((old as f32 / 400.0 - expected).abs() < 0.1, "recency {recency}: {old} of 400");
        }
    }

    #[test]
    fn the_ring_forgets_the_oldest_and_an_empty_one_suggests_nothing() {
        let mut random = Random::new(4);
        let mut empty = Moments::new(10, 4, 1);
        let mut thread = Thread::new(10);
        assert_eq!(next(&mut thread, &mut empty, &[1.0, 0.0, 0.0, 0.0], STILL, &mut random), None);
        let mut heard = moments(10, &[0; 35]);
        for _ in 0..50 {
            thread.forget();
            let here = next(&mut thread, &mut heard, &[1.0, 0.0, 0.0, 0.0], STILL, &mut random).expect("moments");
            assert!((25.0..33.0).contains(&here), "{here}");
        }
        // It is where the ring has moved on: it jumps.
        thread.at = Some((0, 3));
        assert!(
            next(&mut thread, &mut heard, &[1.0, 0.0, 0.0, 0.0], STILL, &mut random).is_some_and(|here| here >= 25.0)
        );
        let mut short = moments(10, &[0, 0]);
        let mut thread = Thread::new(10);
        assert_eq!(
            next(&mut thread, &mut short, &[1.0, 0.0, 0.0, 0.0], STILL, &mut random),
            None,
            "nothing follows yet"
        );
    }
}
