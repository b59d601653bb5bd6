//! What the losses of a run add up to.

use super::journal::{EpochEntry, Errors};
use crate::train::{data::rows::Segment, net::loss::Loss};
use serde::{Deserialize, Serialize};

/// How fast the displayed loss follows.
const RUNNING: f32 = 0.05;

/// Sums over the epoch under way. Floats as bits, so that JSON keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Loss, absolute error and bias, each times the labels they are means of.
    sums: [u64; 3],
    labels: u64,
    /// Loss and labels of each song.
    songs: Vec<(u64, u64)>,
    updates: u64,
    /// Smoothed loss.
    running: Option<u32>,
    /// Training loss of the last whole epoch.
    epoch_loss: Option<u32>,
}

fn add(sum: &mut u64, value: f64) {
    *sum = (f64::from_bits(*sum) + value).to_bits();
}

impl Ledger {
    pub fn new(songs: usize) -> Self {
        Self { songs: vec![(0, 0); songs], ..Self::default() }
    }

    /// Whether it belongs to material of as many songs.
    pub fn fits(&self, songs: usize) -> bool {
        self.songs.len() == songs
    }

    /// A segment was heard.
    pub fn segment(&mut self, segment: &Segment, loss: &Loss) {
        let scored = segment.scored.iter().filter(|scored| **scored).count();
        let labels = scored as f64;
        for (sum, mean) in self.sums.iter_mut().zip([loss.mean, loss.absolute, loss.bias]) {
            add(sum, f64::from(mean) * labels);
        }
        self.labels += scored as u64;
        let rows = segment.songs.iter().zip(&loss.rows).zip(&segment.scored);
        for ((&song, &row), _) in rows.filter(|(_, scored)| **scored) {
            if let Some((sum, count)) = self.songs.get_mut(usize::from(song)) {
                add(sum, f64::from(row));
                *count += 1;
            }
        }
    }

    /// The weights were moved, at this loss.
    pub fn update(&mut self, loss: f32) {
        self.updates += 1;
        let running = self.running().map_or(loss, |running| running + RUNNING * (loss - running));
        self.running = Some(running.to_bits());
    }

    /// Updates of the epoch under way.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The loss, smoothed over about 20 updates.
    pub fn running(&self) -> Option<f32> {
        self.running.map(f32::from_bits)
    }

    /// Training loss of the last whole epoch.
    pub fn epoch_loss(&self) -> Option<f32> {
        self.epoch_loss.map(f32::from_bits)
    }

    /// Closes the epoch. What is not known here is left empty.
    pub fn close(&mut self) -> EpochEntry {
        let count = self.labels.max(1) as f64;
        let [loss, mae, mbe] = self.sums.map(|sum| (f64::from_bits(sum) / count) as f32);
        let mean = |&(sum, count): &(u64, u64)| (count > 0).then(|| (f64::from_bits(sum) / count as f64) as f32);
        let entry = EpochEntry {
            epoch: 0,
            step: 0,
            seconds: 0.0,
            train: Errors { loss, mae, mbe, ..Errors::default() },
            validation: None,
            songs: self.songs.iter().map(mean).collect(),
            weights: Vec::new(),
        };
        *self = Self { running: self.running, epoch_loss: Some(loss.to_bits()), ..Self::new(self.songs.len()) };
        entry
    }
}
