//! The steps that have gone by since the window was opened, as the roll draws them.

use super::NoteActivation;
use crate::{
    control::notes::BEATS_PER_MEASURE,
    notes::{
        Roll,
        live::{NoteScope, StepReport},
    },
};
use std::{collections::VecDeque, sync::Arc};

/// Steps that are kept: 32 measures of the finest grid.
const STEPS: usize = 32 * 4 * 96;

/// A step, and whether the song went on to it from the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub report: StepReport,
    /// It is another place of the song than the step before it led to.
    pub is_elsewhere: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Steps {
    scope: Option<Arc<NoteScope>>,
    next: u64,
    steps: VecDeque<Step>,
    /// When the last one came, on the picture's clock.
    came: f64,
    /// So long before its end.
    reaction_seconds: f32,
}

impl Steps {
    /// Takes what has gone by; another activation's steps follow those of the one before.
    pub fn update(&mut self, activation: Option<&NoteActivation>, now: f64) {
        let scope = activation.map(|activation| &activation.scope);
        self.reaction_seconds = activation.map_or(0.0, |activation| activation.reaction_ms / 1000.0);
        if self.scope.as_ref().map(Arc::as_ptr) != scope.map(Arc::as_ptr) {
            self.scope = scope.cloned();
            if let Some(scope) = scope {
                scope.watch();
                self.next = scope.end();
            }
        }
        let Some(scope) = &self.scope else { return };
        let steps = &mut self.steps;
        self.next = scope.read(self.next, |report| {
            let is_elsewhere = steps.back().is_some_and(|last| {
                let last = last.report;
                let follows = report.is_recounted || last.step.checked_add(1) == Some(report.step);
                !follows || last.steps_per_beat != report.steps_per_beat
            });
            steps.push_back(Step { report, is_elsewhere });
            self.came = now;
        });
        self.steps.drain(..self.steps.len().saturating_sub(STEPS));
    }

    /// The steps, from the oldest on.
    pub fn all(&self) -> &VecDeque<Step> {
        &self.steps
    }

    /// The last one.
    pub fn last(&self) -> Option<&StepReport> {
        self.steps.back().map(|step| &step.report)
    }

    /// How many steps after the end of the last one it is, at most 1: it stays there where no other one comes. Below 0 before that
    /// end: steps are told when nothing more can belong to them.
    pub fn progress(&self, now: f64) -> f32 {
        let seconds = self.last().map_or(1.0, |last| last.seconds.max(1e-3));
        ((now - self.came) as f32 - self.reaction_seconds).min(seconds) / seconds
    }

    /// Whether steps go by.
    pub fn is_running(&self, now: f64) -> bool {
        self.scope.is_some() && self.last().is_some_and(|last| now - self.came < 0.5 + 2.0 * f64::from(last.seconds))
    }

    /// What you and we have played in the last measures. What was before a change of the grid is left out; where the song went elsewhere,
    /// what goes on is struck anew. None where nothing was played.
    pub fn part(&self, measures: usize) -> Option<Part> {
        let last = *self.last()?;
        let per_measure = (BEATS_PER_MEASURE as f32 * last.steps_per_beat).round().max(1.0) as usize;
        let is_alike = |step: &&Step| step.report.steps_per_beat == last.steps_per_beat;
        let alike = self.steps.iter().rev().take_while(is_alike).count();
        // The measure that goes on is one of them.
        let begun = last.step.rem_euclid(per_measure as i64) as usize + 1;
        let count = alike.min(begun + measures.saturating_sub(1) * per_measure);
        let steps = || self.steps.iter().skip(self.steps.len() - count);
        if steps().all(|step| step.report.heard[0] | step.report.said[0] == 0) {
            return None;
        }
        let sets = |step: &Step, [held, struck]: [u128; 2]| [held, if step.is_elsewhere { held } else { struck }];
        let steps_per_quarter = (last.steps_per_beat.round() as u32).clamp(1, 48);
        Some(Part {
            you: Roll::of_sets(steps().map(|step| sets(step, step.report.heard))),
            ours: Roll::of_sets(steps().map(|step| sets(step, step.report.said))),
            measures: count.div_ceil(per_measure),
            steps_per_quarter,
            // By the grid that is written, whatever the host's is.
            per_minute: 60.0 / (f64::from(steps_per_quarter) * f64::from(last.seconds.max(1e-4))),
        })
    }
}

/// Some of the steps, as they are saved.
#[derive(Debug)]
pub(super) struct Part {
    /// The player's notes.
    pub you: Roll,
    /// What we have played, in as many steps.
    pub ours: Roll,
    /// How many measures that are, the one that goes on counted whole.
    pub measures: usize,
    /// The grid, 1 to 48.
    pub steps_per_quarter: u32,
    /// Quarter notes a minute.
    pub per_minute: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: i64, steps_per_beat: f32, held: u128, struck: u128, is_elsewhere: bool) -> Step {
        let seconds = 0.5 / steps_per_beat;
        let report = StepReport {
            step,
            is_recounted: false,
            heard: [held, struck],
            said: [0; 2],
            probabilities: [0; 88],
            speaks: false,
            begins: false,
            is_late: false,
            left: None,
            steps_per_beat,
            seconds,
        };
        Step { report, is_elsewhere }
    }

    #[test]
    fn measures_are_saved_from_their_beginning_across_jumps_and_at_their_speed_on_any_grid() {
        // Two rounds of a measure, and a half; a key is held throughout.
        let rounds = (0..16).chain(0..16).chain(0..8);
        let steps =
            rounds.enumerate().map(|(at, number)| step(number, 4.0, 1, u128::from(at == 0), at > 0 && number == 0));
        let steps = Steps { steps: steps.collect(), ..Steps::default() };
        let part = steps.part(2).expect("notes");
        assert_eq!((part.you.len(), part.measures, part.ours.note_count()), (24, 2, 0));
        assert_eq!(
            part.you.notes(),
            [(0, 16, 0), (16, 24, 0)],
            "from the beginning of the measure, struck anew after the jump"
        );
        assert_eq!(steps.part(32).expect("notes").measures, 3);
        for (grid, written, tempo) in [(4.0, 4, 120.0), (0.5, 1, 60.0), (1.5, 2, 90.0), (96.0, 48, 240.0)] {
            let steps = (0..8).map(|number| step(number, grid, 1, 1, false)).collect();
            let part = Steps { steps, ..Steps::default() }.part(1).expect("notes");
            assert_eq!(part.steps_per_quarter, written);
            // A step lasts as long as it did.
            let seconds = 60.0 / (part.per_minute * f64::from(written));
            assert!((seconds - 0.5 / f64::from(grid)).abs() < 1e-6, "{grid}");
            assert!((part.per_minute - tempo).abs() < 1e-3, "{grid}: {}", part.per_minute);
        }
        assert!(
            Steps { steps: (0..8).map(|number| step(number, 4.0, 0, 0, false)).collect(), ..Steps::default() }
                .part(4)
                .is_none()
        );
    }
}
