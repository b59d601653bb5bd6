//! Material and seeds, analysed once, and the judgement of a continuation by them.

use super::{
    artifacts::{Artifacts, Figures, artifacts},
    grade::{CRITERIA, Criterion},
    listening::{Heard, Listening, listening},
    liveliness::{Alive, alive},
    novelty::{Fingerprint, Novelty, novelty},
    resemblance::{Character, Material, Resemblance},
    spectra::{at_analysis_rate, excerpts},
};
use crate::dsp::measure::Liveliness;
use serde::Serialize;

/// All that is known of one continuation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Judgement {
    /// Freedom from faults of the synthesis.
    pub artifacts: Artifacts,
    /// To the material.
    pub resemblance: Resemblance,
    /// Against the material.
    pub novelty_to_material: Novelty,
    /// Against its seed.
    pub novelty_to_seed: Novelty,
    /// To its seed.
    pub listening: Listening,
    /// The last five seconds against the seed.
    pub alive_like_seed: Alive,
    /// The last five seconds against the material.
    pub alive_like_material: Alive,
}

impl Judgement {
    /// The score of a criterion, 0…1.
    pub fn score(&self, criterion: Criterion) -> f64 {
        match criterion {
            Criterion::Artifacts => self.artifacts.score,
            Criterion::Resemblance => self.resemblance.score,
            Criterion::NoveltyToMaterial => self.novelty_to_material.score,
            Criterion::NoveltyToSeed => self.novelty_to_seed.score,
            Criterion::Listening => self.listening.score,
        }
    }

    /// The mean of all five, by which the worst continuations are found.
    pub fn overall(&self) -> f64 {
        CRITERIA.iter().map(|&criterion| self.score(criterion)).sum::<f64>() / CRITERIA.len() as f64
    }
}

/// Judges continuations by material and seeds that it has analysed once.
#[derive(Clone, Debug)]
pub struct Judge {
    sample_rate_hz: u32,
    hop_samples: Option<usize>,
    figures: Figures,
    character: Material,
    prints: Vec<Fingerprint>,
    liveliness: Liveliness,
    seeds: Vec<JudgedSeed>,
    heard: Vec<Heard>,
}

#[derive(Clone, Debug)]
struct JudgedSeed {
    print: Fingerprint,
    liveliness: Liveliness,
}

impl Judge {
    /// Analyses material and seeds, all mono and at one rate, which is that of the continuations too. `hop_samples`: the
    /// distance of the borders of frames in these, if they are made of frames.
    pub fn new(material: &[&[f32]], seeds: &[&[f32]], sample_rate_hz: u32, hop_samples: Option<usize>) -> Self {
        Self::with_progress(material, seeds, sample_rate_hz, hop_samples, &|| ())
    }

    /// The same; calls `progress` every second or so.
    pub fn with_progress(
        material: &[&[f32]],
        seeds: &[&[f32]],
        sample_rate_hz: u32,
        hop_samples: Option<usize>,
        progress: &dyn Fn(),
    ) -> Self {
        let analysed: Vec<_> = material.iter().map(|sound| at_analysis_rate(sound, sample_rate_hz)).collect();
        let slices: Vec<&[f32]> = analysed.iter().map(|sound| sound.as_ref()).collect();
        let all = excerpts(material, sample_rate_hz);
        let (mut judged, mut heard) = (Vec::new(), Vec::new());
        for seed in seeds {
            progress();
            let sound = at_analysis_rate(seed, sample_rate_hz);
            judged.push(JudgedSeed { print: Fingerprint::of(&sound), liveliness: Liveliness::of(seed) });
            heard.push(Heard::of(&sound));
        }
        Self {
            sample_rate_hz,
            hop_samples,
            figures: Figures::of(&all, sample_rate_hz, hop_samples),
            character: Material::of(&slices),
            prints: slices.iter().inspect(|_| progress()).map(|sound| Fingerprint::of(sound)).collect(),
            liveliness: Liveliness::of(&all),
            seeds: judged,
            heard,
        }
    }

    /// The continuations of a seed are alive if they are like this sound.
    ///
    /// # Panics
    /// If there is no such seed.
    pub fn measure_alive_by(&mut self, seed: usize, sound: &[f32]) {
        self.seeds[seed].liveliness = Liveliness::of(sound);
    }

    /// How many seeds there are.
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// What was measured of the material.
    pub fn material_figures(&self) -> &Figures {
        &self.figures
    }

    /// Judges `sound` as the continuation of the seed of this number.
    ///
    /// # Panics
    /// If there is no such seed.
    pub fn judge(&self, seed: usize, sound: &[f32]) -> Judgement {
        self.judge_with_hop(seed, sound, self.hop_samples)
    }

    /// The same for a sound with other borders of frames, or none: a recording.
    ///
    /// # Panics
    /// If there is no such seed.
    pub fn judge_with_hop(&self, seed: usize, sound: &[f32], hop_samples: Option<usize>) -> Judgement {
        let analysed = at_analysis_rate(sound, self.sample_rate_hz);
        let print = Fingerprint::of(&analysed);
        let own = &self.seeds[seed];
        Judgement {
            artifacts: artifacts(Figures::of(sound, self.sample_rate_hz, hop_samples), &self.figures),
            resemblance: self.character.resemblance(&Character::of(&analysed)),
            novelty_to_material: novelty(&print, &self.prints),
            novelty_to_seed: novelty(&print, [&own.print]),
            listening: listening(&analysed, &self.heard, seed),
            alive_like_seed: alive(sound, self.sample_rate_hz, &own.liveliness),
            alive_like_material: alive(sound, self.sample_rate_hz, &self.liveliness),
        }
    }
}
