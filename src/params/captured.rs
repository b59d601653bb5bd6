//! The seed that was captured, as a project stores it.

use super::project::{Base64File, Version};
use crate::{
    control::ParamId,
    worker::{CLIP_RATES_HZ, Clip, ClipSlot, MAX_CLIP_BYTES},
};
use nice_plug::params::persist::PersistentField;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// Sound in a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredClip {
    /// Layout of this object.
    pub version: Version,
    /// Of the sound.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u8,
    /// The amplitude that full scale stands for.
    pub peak: f32,
    /// 16-bit samples, little-endian, one channel after the other.
    pub samples: Base64File,
}

/// The persisted field, as it is read and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredSeed {
    /// Of this version.
    Known(StoredClip),
    /// Nothing, or of a later version, or damaged: kept as it is and given back unchanged.
    Unknown(serde_json::Value),
}

/// No captured sound is louder: what the engine hears is held at 36 dBFS, at an input gain of -24 dB and more.
const LOUDEST: f32 = 2e3;

impl StoredClip {
    fn of(clip: &Clip) -> Self {
        let (channels, peak) = clip.stored();
        let bytes: Vec<u8> = channels.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        Self {
            version: Version,
            sample_rate_hz: clip.sample_rate_hz(),
            channels: channels.len() as u8,
            peak,
            samples: Base64File::encode(&bytes),
        }
    }

    /// The sound; `None` if this cannot be one.
    fn clip(&self) -> Option<Clip> {
        let count = usize::from(self.channels);
        let is_sane = CLIP_RATES_HZ.contains(&self.sample_rate_hz)
            && (1..=2).contains(&count)
            && self.peak.is_finite()
            && self.peak > 0.0
            && self.peak <= LOUDEST
            && self.samples.encoded_bytes() <= 2 * MAX_CLIP_BYTES;
        if !is_sane {
            return None;
        }
        let bytes = self.samples.decode()?;
        let longest = (ParamId::SeedLength.spec().max * self.sample_rate_hz as f32) as usize;
        let is_whole = !bytes.is_empty() && bytes.len().is_multiple_of(2 * count);
        if !is_whole || bytes.len() > MAX_CLIP_BYTES || bytes.len() / (2 * count) > longest {
            return None;
        }
        let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let channels = samples.chunks_exact(samples.len() / count).map(<[i16]>::to_vec).collect();
        Some(Clip::from_stored(self.sample_rate_hz, channels, self.peak))
    }
}

/// The persisted field over the slot that the worker captures to. Not for the audio thread.
#[derive(Debug)]
pub struct CapturedSeed {
    clip_slot: Arc<ClipSlot>,
    /// What lay in the slot at this generation, encoded once: hosts ask at every step that can be undone.
    stored: Mutex<(u64, StoredSeed)>,
}

impl Default for CapturedSeed {
    fn default() -> Self {
        let clip_slot: Arc<ClipSlot> = Arc::default();
        let nothing = StoredSeed::Unknown(serde_json::Value::Null);
        Self { stored: Mutex::new((clip_slot.generation(), nothing)), clip_slot }
    }
}

impl CapturedSeed {
    /// Where captures go to and seeds come from.
    pub fn clip_slot(&self) -> &Arc<ClipSlot> {
        &self.clip_slot
    }
}

impl PersistentField<'_, StoredSeed> for CapturedSeed {
    fn set(&self, seed: StoredSeed) {
        let clip = match &seed {
            StoredSeed::Known(stored) => stored.clip(),
            StoredSeed::Unknown(_) => None,
        };
        let mut held = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        // Hosts restore states at every step that is undone: what lies there already is not converted anew.
        let generation = if self.clip_slot.get().as_deref() == clip.as_ref() {
            self.clip_slot.generation()
        } else {
            self.clip_slot.put(clip.map(Arc::new))
        };
        *held = (generation, seed);
    }

    fn map<F: Fn(&StoredSeed) -> R, R>(&self, f: F) -> R {
        let mut held = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.clip_slot.generation();
        if held.0 != generation
            && let Some(clip) = self.clip_slot.get()
        {
            *held = (generation, StoredSeed::Known(StoredClip::of(&clip)));
        }
        f(&held.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(seed: &CapturedSeed) -> String {
        seed.map(|stored| serde_json::to_string(stored).expect("plain data"))
    }

    fn restored(json: &str) -> CapturedSeed {
        let seed = CapturedSeed::default();
        seed.set(serde_json::from_str(json).expect(json));
        seed
    }

    #[test]
    fn what_was_captured_is_there_again_when_the_project_is_opened() {
        let seed = CapturedSeed::default();
        assert_eq!(saved(&seed), "null");
        let channel = |factor: f32| (0..4800).map(|i| factor * libm::sinf(0.1 * i as f32)).collect();
        let clip = Clip::new(48_000, &[channel(0.3), channel(0.1)]).expect("sound");
        seed.clip_slot().put(Some(Arc::new(clip.clone())));
        let json = saved(&seed);
        let again = restored(&json);
        assert_eq!(again.clip_slot().get().as_deref(), Some(&clip));
        assert_eq!(saved(&again), json);
        again.set(StoredSeed::Unknown(serde_json::Value::Null));
        assert_eq!(again.clip_slot().get(), None, "a project without one");
    }

    #[test]
    fn hostile_clips_are_no_seeds_and_are_given_back_unchanged() {
        let good = r#"{"version":1,"sample_rate_hz":48000,"channels":1,"peak":0.5,"samples":"AAEAAg=="}"#;
        assert!(restored(good).clip_slot().get().is_some());
        let samples = Base64File::encode(&vec![1; 2 * 11 * 8000]);
        let samples = serde_json::to_string(&samples).expect("a text");
        let too_long = format!("8000,\"channels\":1,\"peak\":0.5,\"samples\":{samples}");
        for (from, to) in [
            ("48000", "0"),
            ("48000", "4000000000"),
            ("\"channels\":1", "\"channels\":0"),
            ("\"channels\":1", "\"channels\":3"),
            ("0.5", "-1.0"),
            ("0.5", "1e30"),
            ("AAEAAg==", ""),
            ("AAEAAg==", "AAEA"),
            ("AAEAAg==", "?"),
            // 11 s at 8 kHz.
            ("48000,\"channels\":1,\"peak\":0.5,\"samples\":\"AAEAAg==\"", &too_long),
            ("\"version\":1", "\"version\":9"),
        ] {
            let bad = good.replace(from, to);
            let seed = restored(&bad);
            assert_eq!(seed.clip_slot().get(), None, "{bad}");
            let same: serde_json::Value = serde_json::from_str(&bad).expect("a test's constant");
            let kept: serde_json::Value = serde_json::from_str(&saved(&seed)).expect("what was written");
            assert_eq!(kept.to_string().len(), same.to_string().len(), "{kept} for {same}");
        }
    }
}
