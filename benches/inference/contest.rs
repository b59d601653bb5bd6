//! All peers of a configuration: made, checked, timed in turns.

use super::{
    candle::Candle,
    clock, ours,
    peer::{Looped, Peer},
    work::{Config, Feeding, Work, reference},
};
use sympathy::nn::{Isa, Precision};

/// The name under which the peer runs that the others are compared with.
pub const BASE: &str = "candle-nn";

/// Somebody who does the work, and what has been measured of them.
pub struct Contestant {
    pub name: String,
    /// This package: how weights are stored, and the instruction set.
    pub ours: Option<(Precision, &'static str)>,
    /// Greatest difference from double precision.
    pub error: f64,
    peer: Box<dyn Peer>,
    batch_steps: usize,
    /// Seconds of a step, the median of every round.
    pub rounds: Vec<f64>,
    pub best: f64,
}

/// A configuration and all who can do it.
pub struct Contest {
    pub config: Config,
    pub contestants: Vec<Contestant>,
}

/// Greatest difference from double precision that is let pass; signals are below 1.
fn bound(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 2e-6,
        Precision::F16 => 2e-4,
        Precision::Bf16 => 2e-3,
        Precision::Int8 => 1e-2,
    }
}

impl Contest {
    /// Makes and checks everybody. `all`: also narrower instruction sets and other libraries than the base.
    ///
    /// # Panics
    /// If a peer computes something else.
    pub fn new(config: Config, all: bool) -> Self {
        let work = Work::new(config);
        let (start, expected) = reference(&work);
        let mut contest = Self { config, contestants: Vec::new() };
        let mut enter = |name: String, ours: Option<(Precision, &'static str)>, peer| {
            let precision = ours.map_or(Precision::F32, |(precision, _)| precision);
            contest.contestants.push(Contestant::new(name, ours, peer, &expected, bound(precision)));
        };
        let mut levels = Isa::all();
        // Without vectors only what is small ends soon.
        levels.retain(|isa| isa.name() != "scalar" || config.inputs < 512);
        levels.reverse();
        if !all {
            levels.truncate(1);
        }
        for isa in levels {
            for precision in Precision::ALL {
                if let Some(peer) = ours::peer(&work, &start, precision, isa) {
                    enter(format!("sympathy {precision}, {}", isa.name()), Some((precision, isa.name())), peer);
                }
            }
        }
        let candle = Candle::new(&work, &start).expect("the shapes fit");
        enter(BASE.into(), None, Box::new(Looped::new(candle, &work, &start)));
        if all && matches!(config.feeding, Feeding::Transpose { .. }) {
            let candle = Candle::literal(&work, &start).expect("the shapes fit");
            enter(format!("{BASE}, all columns"), None, Box::new(Looped::literal(candle, &work, &start)));
        }
        #[cfg(feature = "tract")]
        if all {
            let tract = super::tract::Tract::new(&work, &start).expect("the graph fits");
            enter("tract".into(), None, Box::new(Looped::new(tract, &work, &start)));
        }
        contest
    }

    /// Everybody in turn, so that a machine that is busy is busy for all.
    pub fn round(&mut self, seconds: f64) {
        for contestant in &mut self.contestants {
            let (median, least) = clock::round(contestant.peer.as_mut(), contestant.batch_steps, seconds);
            contestant.rounds.push(median);
            contestant.best = contestant.best.min(least);
        }
    }

    /// How many times as fast as the base: the median of the ratios of every round.
    pub fn times_base(&self, contestant: &Contestant) -> Option<f64> {
        let base = self.contestants.iter().find(|other| other.name == BASE)?;
        let mut ratios: Vec<f64> = base.rounds.iter().zip(&contestant.rounds).map(|(base, own)| base / own).collect();
        Some(clock::median(&mut ratios))
    }

    /// Seconds of sound per second of computing.
    pub fn real_time_factor(&self, contestant: &Contestant) -> f64 {
        self.config.hop_samples as f64 / f64::from(self.config.sample_rate_hz) / contestant.seconds()
    }
}

impl Contestant {
    fn new(
        name: String,
        ours: Option<(Precision, &'static str)>,
        mut peer: Box<dyn Peer>,
        expected: &[Vec<f32>],
        bound: f64,
    ) -> Self {
        let mut error = 0.0f64;
        for expected in expected {
            peer.step();
            for (found, expected) in peer.prediction().iter().zip(expected) {
                let difference = f64::from((found - expected).abs());
                // Nothing is greater than a NaN.
                error = if difference.is_nan() { f64::INFINITY } else { error.max(difference) };
            }
        }
        assert!(
            error <= bound,
            "{name}: expected a difference from double precision of at most {bound}, found {error}"
        );
        let batch_steps = clock::batch_steps(peer.as_mut());
        Self { name, ours, error, peer, batch_steps, rounds: Vec::new(), best: f64::INFINITY }
    }

    /// Seconds of a step: the median of all rounds.
    pub fn seconds(&self) -> f64 {
        clock::median(&mut self.rounds.clone())
    }
}
