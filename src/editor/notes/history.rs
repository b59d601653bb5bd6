//! The steps that have gone by since the window was opened, as the roll draws them.

use crate::notes::{
    Roll,
    live::{NoteScope, StepReport},
};
use std::{collections::VecDeque, sync::Arc};

/// Steps that are kept: 32 measures at 32 steps a beat.
const STEPS: usize = 4096;
/// Quarter notes of a measure.
pub(super) const BEATS_PER_MEASURE: f32 = 4.0;

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
}

impl Steps {
    /// Takes what has gone by; another activation's steps follow those of the one before.
    pub fn update(&mut self, scope: Option<&Arc<NoteScope>>, now: f64) {
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
                last.step.checked_add(1) != Some(report.step) || last.steps_per_beat != report.steps_per_beat
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

    /// How far the present step has come, 0 to 1; it stays at 1 where no other one comes.
    pub fn progress(&self, now: f64) -> f32 {
        let seconds = self.last().map_or(1.0, |last| last.seconds.max(1e-3));
        ((now - self.came) as f32 / seconds).clamp(0.0, 1.0)
    }

    /// Whether steps go by.
    pub fn is_running(&self, now: f64) -> bool {
        self.scope.is_some() && self.last().is_some_and(|last| now - self.came < 0.5 + 2.0 * f64::from(last.seconds))
    }

    /// What you and we have played in the last measures, from the beginning of the first of them on, as rolls of equal length; with the steps
    /// of a quarter note, and quarter notes a minute. None where nothing was played; what was before a change of the grid is left out.
    pub fn part(&self, measures: usize) -> Option<(Roll, Roll, u32, f64)> {
        let last = *self.last()?;
        let per_measure = (BEATS_PER_MEASURE * last.steps_per_beat).round().max(1.0) as usize;
        let is_alike = |step: &&Step| step.report.steps_per_beat == last.steps_per_beat;
        let alike = self.steps.iter().rev().take_while(is_alike).count();
        // The measure that goes on is one of them.
        let begun = last.step.rem_euclid(per_measure as i64) as usize + 1;
        let count = alike.min(begun + measures.saturating_sub(1) * per_measure);
        let steps = || self.steps.iter().skip(self.steps.len() - count).map(|step| &step.report);
        if steps().all(|step| step.heard[0] | step.said[0] == 0) {
            return None;
        }
        let per_minute = 60.0 / f64::from(last.steps_per_beat.max(1e-3) * last.seconds.max(1e-4));
        let (you, ours) = (steps().map(|step| step.heard), steps().map(|step| step.said));
        Some((Roll::of_sets(you), Roll::of_sets(ours), last.steps_per_beat.round().max(1.0) as u32, per_minute))
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // A key that is pressed in a window that is closed goes up.
        if let Some(scope) = &self.scope {
            scope.press(0);
        }
    }
}
