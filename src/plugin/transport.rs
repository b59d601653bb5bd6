//! The host's transport as the engine wants it.

use crate::engine;
use nice_plug::prelude::Transport;

/// Follows the song position through the pieces into which blocks are cut.
#[derive(Debug, Default)]
pub(super) struct SongPosition {
    /// The position that the host last told.
    told: Option<i64>,
    /// What the next piece should begin with.
    next: i64,
}

impl SongPosition {
    /// The transport at `offset` of a block, before a piece of `samples` is processed.
    ///
    /// With a host that states seconds but no tempo, nice-plug states the same position for every piece into which it cuts a block:
    /// a position that stands still while the song plays is extrapolated instead.
    pub fn read(&mut self, transport: &Transport, offset: usize, samples: usize) -> engine::Transport {
        let told = transport.pos_samples().filter(|_| transport.playing);
        let position = told.map(|told| match self.told {
            Some(before) if before == told => self.next,
            _ => told.saturating_add(offset as i64),
        });
        self.told = told;
        self.next = position.unwrap_or(0).saturating_add(samples as i64);
        engine::Transport {
            playing: transport.playing,
            position_samples: position,
            loop_samples: transport.loop_range_samples().filter(|(start, end)| start < end),
            beats: transport.pos_beats().zip(transport.tempo).map(|(position, per_minute)| engine::Beats {
                position: position + offset as f64 * per_minute / (60.0 * f64::from(transport.sample_rate)),
                per_minute,
                bar: bar(transport),
            }),
        }
    }
}

/// The bar that the block begins in.
fn bar(transport: &Transport) -> Option<engine::Bar> {
    let (beats, unit) = (transport.time_sig_numerator?, transport.time_sig_denominator?);
    Some(engine::Bar { start: transport.bar_start_pos_beats()?, beats: 4.0 * f64::from(beats) / f64::from(unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing(position: i64) -> Transport {
        let mut transport = Transport::new(48_000.0);
        transport.playing = true;
        transport.pos_samples = Some(position);
        transport
    }

    #[test]
    fn a_position_that_stands_still_is_counted_on() {
        let mut position = SongPosition::default();
        let read = |position: &mut SongPosition, told, offset, samples| {
            position.read(&playing(told), offset, samples).position_samples
        };
        assert_eq!(read(&mut position, 1000, 0, 10), Some(1000));
        assert_eq!(read(&mut position, 1000, 0, 20), Some(1010), "the second piece of a block");
        assert_eq!(read(&mut position, 1000, 20, 34), Some(1030), "cut at a MIDI event");
        assert_eq!(read(&mut position, 1064, 0, 64), Some(1064), "the next block");
        assert_eq!(read(&mut position, 500, 0, 64), Some(500), "a jump");
    }

    #[test]
    fn a_bar_is_told_where_the_host_knows_it() {
        let bar = |transport: &Transport| {
            SongPosition::default().read(transport, 0, 64).beats.expect("a place and a tempo").bar
        };
        let mut transport = playing(0);
        transport.tempo = Some(120.0);
        transport.pos_beats = Some(8.5);
        assert_eq!(bar(&transport), None);
        (transport.time_sig_numerator, transport.time_sig_denominator) = (Some(6), Some(8));
        assert_eq!(bar(&transport), Some(engine::Bar { start: 6.0, beats: 3.0 }), "of a song without upbeat");
        transport.bar_start_pos_beats = Some(7.5);
        assert_eq!(bar(&transport), Some(engine::Bar { start: 7.5, beats: 3.0 }));
    }

    #[test]
    fn a_stopped_transport_has_no_position() {
        let mut position = SongPosition::default();
        position.read(&playing(64), 0, 64);
        let stopped = Transport::new(48_000.0);
        let read = position.read(&stopped, 0, 64);
        assert_eq!((read.playing, read.position_samples, read.loop_samples), (false, None, None));
        assert_eq!(position.read(&playing(64), 0, 64).position_samples, Some(64), "a new start from the same place");
    }
}
