//! The song's beats, followed from block to block.

use super::{quantum::QuantumBeats, types::Transport};

/// Plausible tempi in beats a minute; others are ignored.
const TEMPI: std::ops::RangeInclusive<f64> = 1.0..=2000.0;

/// Position in the song, extrapolated from the host's at the beginning of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BeatClock {
    /// Engine time, beats there, and beats a sample.
    anchor: Option<(i64, f64, f64)>,
}

impl BeatClock {
    /// Reads the transport at engine time `time`.
    pub fn follow(&mut self, transport: Transport, time: i64, sample_rate_hz: u32) {
        let beats = transport
            .beats
            .filter(|beats| transport.playing && beats.position.is_finite() && TEMPI.contains(&beats.per_minute));
        self.anchor = beats.map(|beats| (time, beats.position, beats.per_minute / (60.0 * f64::from(sample_rate_hz))));
    }

    /// The beats at engine time `time`, if the song runs.
    pub fn at(&self, time: i64) -> Option<QuantumBeats> {
        let (anchor, position, per_sample) = self.anchor?;
        Some(QuantumBeats { end: position + (time - anchor) as f64 * per_sample, per_sample })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::types::Beats, *};

    #[test]
    fn beats_run_on_from_what_the_host_said_and_nonsense_is_none() {
        let mut clock = BeatClock::default();
        assert_eq!(clock.at(0), None);
        let told = |position, per_minute| Transport {
            playing: true,
            beats: Some(Beats::at(position, per_minute)),
            ..Transport::default()
        };
        clock.follow(told(8.0, 120.0), 1000, 48_000);
        assert_eq!(clock.at(1000 + 24_000), Some(QuantumBeats { end: 9.0, per_sample: 1.0 / 24_000.0 }));
        for nonsense in [told(f64::NAN, 120.0), told(0.0, 0.0), told(0.0, f64::INFINITY), Transport::default()] {
            clock.follow(nonsense, 0, 48_000);
            assert_eq!(clock.at(5), None, "{nonsense:?}");
        }
    }
}
