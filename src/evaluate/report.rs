//! What an evaluation found, summed up, as a table and as JSON.

use super::{
    grade::{CRITERIA, Criterion, Grade, grade_consistency, grade_speed},
    judge::Judgement,
    listening::Pitches,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;

/// A continuation and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Continued {
    /// Number of its seed.
    pub seed_index: usize,
    /// All that was random followed from it.
    pub random_seed: u64,
    /// What was found.
    pub judgement: Judgement,
    /// Its length.
    pub audio_seconds: f64,
    /// What one thread took to make it.
    pub compute_seconds: f64,
}

/// The worst continuation of a seed, to be heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Which it is.
    pub random_seed: u64,
    /// Mean of its scores.
    pub overall: f64,
    /// What was found.
    pub judgement: Judgement,
    /// Its first minute.
    pub sound: Vec<f32>,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Of all sounds.
    pub sample_rate_hz: u32,
    /// Length of the continuations.
    pub seconds: f64,
    /// Continuations of each seed.
    pub random_seeds: usize,
    /// By seed, then by random seed.
    pub continued: Vec<Continued>,
    /// By seed: what the player really played next, judged the same way; none where there is too little.
    pub player: Vec<Option<Judgement>>,
    /// By seed, if sounds were kept.
    pub shown: Vec<Option<Shown>>,
    /// What everything took, on all threads.
    pub elapsed_seconds: f64,
}

/// A criterion over all continuations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Which.
    pub criterion: Criterion,
    /// Mean score.
    pub score: f64,
    /// Of the mean.
    pub grade: Grade,
    /// The lowest score.
    pub worst: f64,
    /// Standard deviation of the means of the seeds.
    pub spread_over_seeds: f64,
    /// Standard deviation between random seeds of one seed, root mean square over the seeds; none of one random seed.
    pub spread_over_random_seeds: Option<f64>,
    /// Mean score of what the player played next.
    pub player: Option<f64>,
}

/// Means of the figures of listening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ListeningMeans {
    /// First five seconds.
    pub first: Pitches,
    /// Last five seconds.
    pub last: Pitches,
    /// The whole.
    pub whole: Pitches,
    /// Correlation of long-term spectra.
    pub timbre: f64,
    /// Geometric mean of the onset rates against the seeds'.
    pub onset_ratio: f64,
    /// Mean level against the seeds'.
    pub level_db: f64,
    /// Lowest and highest.
    pub level_range_db: (f64, f64),
    /// Share whose last five seconds are alive (DESIGN 6), measured by the seed.
    pub alive_like_seed: f64,
    /// The same, measured by the material.
    pub alive_like_material: f64,
}

impl Evaluation {
    /// One criterion.
    pub fn summary(&self, criterion: Criterion) -> Summary {
        let score = |continued: &Continued| continued.judgement.score(criterion);
        let scores: Vec<f64> = self.continued.iter().map(score).collect();
        let by_seed: Vec<&[f64]> = scores.chunks(self.random_seeds.max(1)).collect();
        let means: Vec<f64> = by_seed.iter().map(|scores| mean(scores)).collect();
        let within: Vec<f64> = by_seed.iter().map(|scores| deviation(scores).powi(2)).collect();
        let player: Vec<f64> = self.player.iter().flatten().map(|judgement| judgement.score(criterion)).collect();
        Summary {
            criterion,
            score: mean(&scores),
            grade: criterion.grade(mean(&scores)),
            worst: scores.iter().copied().fold(f64::MAX, f64::min).min(1.0),
            spread_over_seeds: deviation(&means),
            spread_over_random_seeds: (self.random_seeds > 1).then(|| mean(&within).sqrt()),
            player: (!player.is_empty()).then(|| mean(&player)),
        }
    }

    /// All five, in the order of [`CRITERIA`].
    pub fn summaries(&self) -> Vec<Summary> {
        CRITERIA.iter().map(|&criterion| self.summary(criterion)).collect()
    }

    /// 1 − twice the standard deviation of a score over all continuations, mean of the criteria: 1 is always the same.
    pub fn consistency(&self) -> f64 {
        let spread = |criterion: &Criterion| {
            let scores: Vec<f64> = self.continued.iter().map(|c| c.judgement.score(*criterion)).collect();
            deviation(&scores)
        };
        (1.0 - 2.0 * mean(&CRITERIA.iter().map(spread).collect::<Vec<_>>())).max(0.0)
    }

    /// Seconds of sound per second of computing on one thread.
    pub fn real_time_factor(&self) -> f64 {
        let audio: f64 = self.continued.iter().map(|continued| continued.audio_seconds).sum();
        let compute: f64 = self.continued.iter().map(|continued| continued.compute_seconds).sum();
        audio / compute.max(1e-9)
    }

    /// Figures of listening, of all continuations.
    pub fn listening(&self) -> ListeningMeans {
        let judgements: Vec<Judgement> = self.continued.iter().map(|continued| continued.judgement).collect();
        listening_means(&judgements)
    }

    /// The same of what the player played next; none if nothing is known of it.
    pub fn player_listening(&self) -> Option<ListeningMeans> {
        let judgements: Vec<Judgement> = self.player.iter().flatten().copied().collect();
        (!judgements.is_empty()).then(|| listening_means(&judgements))
    }

    /// Numbers of seeds, that with the worst continuations first.
    pub fn worst_first(&self) -> Vec<usize> {
        let mut worst: Vec<(f64, usize)> = self
            .continued
            .chunks(self.random_seeds.max(1))
            .enumerate()
            .map(|(seed, continued)| (continued.iter().map(|c| c.judgement.overall()).fold(f64::MAX, f64::min), seed))
            .collect();
        worst.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        worst.into_iter().map(|(_, seed)| seed).collect()
    }

    /// For people. `speed`: whether what continued the seeds computed at all.
    pub fn table(&self, speed: bool) -> String {
        let mut table = String::new();
        let mut row = |cells: [&str; 7]| {
            let [name, score, grade, worst, seeds, random, player] = cells;
            // Writing to a string does not fail.
            _ = writeln!(
                table,
                "{}",
                format!("{name:30} {score:>6}  {grade:6} {worst:>6} {seeds:>7} {random:>8} {player:>7}").trim_end()
            );
        };
        row(["CRITERION", "SCORE", "", "WORST", "± SEEDS", "± RANDOM", "PLAYER"]);
        let two = |value: f64| format!("{value:.2}");
        let maybe = |value: Option<f64>| value.map_or("–".to_string(), two);
        for found in self.summaries() {
            row([
                found.criterion.name(),
                &two(found.score),
                &found.grade.to_string(),
                &two(found.worst),
                &two(found.spread_over_seeds),
                &maybe(found.spread_over_random_seeds),
                &maybe(found.player),
            ]);
        }
        let consistency = self.consistency();
        row(["consistency", &two(consistency), &grade_consistency(consistency).to_string(), "", "", "", ""]);
        if speed {
            let factor = self.real_time_factor();
            row(["speed, x real time", &format!("{factor:.0}"), &grade_speed(factor).to_string(), "", "", "", ""]);
        }
        let mut row = |cells: [&str; 5]| {
            let [name, first, last, whole, player] = cells;
            _ = writeln!(table, "{}", format!("{name:30} {first:>9} {last:>9} {whole:>9} {player:>9}").trim_end());
        };
        row(["", "", "", "", ""]);
        row(["LISTENING", "FIRST 5 S", "LAST 5 S", "WHOLE", "PLAYER"]);
        let (own, player) = (self.listening(), self.player_listening());
        let names = ["own seed", "other seeds", "rank of its own (0.5 = deaf)"];
        let figures = |pitches: &Pitches| [pitches.own, pitches.other, pitches.rank];
        for (index, name) in names.into_iter().enumerate() {
            let [first, last, whole] = [own.first, own.last, own.whole].map(|pitches| two(figures(&pitches)[index]));
            row([name, &first, &last, &whole, &maybe(player.map(|player| figures(&player.whole)[index]))]);
        }
        let names = [
            "timbre",
            "onsets, x the seed's",
            "level against the seed, dB",
            "alive, measured by the seed",
            "alive, by the material",
        ];
        let figures = |means: &ListeningMeans| {
            [
                two(means.timbre),
                two(means.onset_ratio),
                format!("{:+.1}", means.level_db),
                format!("{:.0} %", 100.0 * means.alive_like_seed),
                format!("{:.0} %", 100.0 * means.alive_like_material),
            ]
        };
        let (own, player) = (figures(&own), player.as_ref().map(figures));
        for (index, name) in names.into_iter().enumerate() {
            row([name, "", "", &own[index], player.as_ref().map_or("–", |player| &player[index])]);
        }
        table
    }

    /// All figures. Those of time are the only ones that differ from run to run; they stand in `speed`.
    pub fn json(&self) -> Value {
        let continued: Vec<Value> = self
            .continued
            .iter()
            .map(|c| json!({ "seed": c.seed_index, "random_seed": c.random_seed, "judgement": c.judgement }))
            .collect();
        let consistency = self.consistency();
        let factor = self.real_time_factor();
        json!({
            "sample_rate_hz": self.sample_rate_hz,
            "seconds": self.seconds,
            "random_seeds": self.random_seeds,
            "criteria": self.summaries(),
            "consistency": { "score": consistency, "grade": grade_consistency(consistency) },
            "listening": self.listening(),
            "player_listening": self.player_listening(),
            "continuations": continued,
            "player": self.player,
            "speed": {
                "real_time_factor": factor,
                "grade": grade_speed(factor),
                "elapsed_seconds": self.elapsed_seconds,
            },
        })
    }
}

fn listening_means(judgements: &[Judgement]) -> ListeningMeans {
    let over = |figure: &dyn Fn(&Judgement) -> f64| mean(&judgements.iter().map(figure).collect::<Vec<_>>());
    let pitches = |of: fn(&Judgement) -> Pitches| Pitches {
        own: over(&|j| of(j).own),
        other: over(&|j| of(j).other),
        rank: over(&|j| of(j).rank),
    };
    let levels = || judgements.iter().map(|j| j.listening.level_db);
    ListeningMeans {
        first: pitches(|j| j.listening.first),
        last: pitches(|j| j.listening.last),
        whole: pitches(|j| j.listening.whole),
        timbre: over(&|j| j.listening.timbre),
        onset_ratio: libm::exp(over(&|j| libm::log(j.listening.onset_ratio.max(0.01)))),
        level_db: over(&|j| j.listening.level_db),
        level_range_db: (levels().fold(120.0, f64::min), levels().fold(-120.0, f64::max)),
        alive_like_seed: over(&|j| f64::from(u8::from(j.alive_like_seed.is_alive))),
        alive_like_material: over(&|j| f64::from(u8::from(j.alive_like_material.is_alive))),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt()
}
