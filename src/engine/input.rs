//! The signal that the models hear: the input or the sidechain, finite, and the input gain.

use super::{
    meters::Meters,
    quantum::{InQuantum, MAX_INPUT, heard},
    types::MAX_CHANNELS,
};
use crate::{
    control::{ParamId, ParamValues, SeedSource},
    dsp::level::{Ramp, db_to_gain, samples},
};

/// Length of the cross-fade between input and sidechain, and of a ramp of the gain.
const RAMP_SECONDS: f32 = 0.010;

/// Input stage of the audio thread.
///
/// # Realtime safety
/// No method allocates.
#[derive(Debug)]
pub(super) struct Hearing {
    channels: usize,
    gain: Ramp,
    /// 0: the input; 1: the sidechain.
    sidechain: Ramp,
}

fn sidechain_of(values: &ParamValues) -> f32 {
    if SeedSource::of(values) == SeedSource::Sidechain { 1.0 } else { 0.0 }
}

impl Hearing {
    /// An input stage at rest on the parameters' values.
    pub fn new(channels: usize, sample_rate_hz: u32, values: &ParamValues) -> Self {
        let ramp = |value| Ramp::new(value, samples(RAMP_SECONDS, sample_rate_hz));
        Self { channels, gain: ramp(db_to_gain(values.get(ParamId::InputGain))), sidechain: ramp(sidechain_of(values)) }
    }

    /// A parameter has changed.
    pub fn set(&mut self, id: ParamId, values: &ParamValues) {
        match id {
            ParamId::InputGain => self.gain.set_target(db_to_gain(values.get(id))),
            ParamId::SeedSource => self.sidechain.set_target(sidechain_of(values)),
            _ => {}
        }
    }

    /// Ends all movement.
    pub fn settle(&mut self) {
        for ramp in [&mut self.gain, &mut self.sidechain] {
            ramp.jump(ramp.target());
        }
    }

    /// Writes sample `i` to `position` of the quantum, in both channels; a single channel goes to both. A missing
    /// sidechain is silence. Returns the mean of both channels.
    pub fn hear(
        &mut self,
        input: &[&mut [f32]],
        sidechain: &[&[f32]],
        i: usize,
        (quantum, position): (&mut InQuantum, usize),
        meters: &Meters,
    ) -> f32 {
        let (gain, share) = (self.gain.advance(), self.sidechain.advance());
        let at = |sound: &[&[f32]], channel: usize| {
            let channel = sound.get(channel).or(sound.last());
            channel.and_then(|samples| samples.get(i)).copied().unwrap_or(0.0)
        };
        for (channel, samples) in input.iter().take(self.channels).enumerate() {
            let mut played = samples[i];
            // Bit-exact input while the sidechain is off.
            if share >= 1.0 {
                played = at(sidechain, channel);
            } else if share > 0.0 {
                played = (1.0 - share) * played + share * at(sidechain, channel);
            }
            quantum.played[channel][position] = if played.is_finite() {
                played.clamp(-MAX_INPUT, MAX_INPUT)
            } else {
                meters.count_nonfinite_input();
                0.0
            };
        }
        for channel in self.channels..MAX_CHANNELS {
            quantum.played[channel][position] = quantum.played[0][position];
        }
        quantum.gains[position] = gain;
        let [left, right] = [0, 1].map(|channel| heard(quantum.played[channel][position], gain));
        0.5 * (left + right)
    }
}
