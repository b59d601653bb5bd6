//! An evaluation: every seed is continued, every continuation judged, on all cores, with figures that do not depend on
//! how many there are.

use super::{
    judge::{Judge, Judgement},
    liveliness::END_SECONDS,
    report::{Continued, Evaluation, Shown},
    seeds::Seed,
};
use crate::dsp::float_mode::FloatMode;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// So much of a continuation is kept to be heard.
const MAX_SHOWN_SECONDS: usize = 60;

/// What is to be evaluated. All sounds are mono and at one rate.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What a model was trained on, or what it should resemble.
    pub material: Vec<Vec<f32>>,
    /// What is continued.
    pub seeds: Vec<Seed>,
    /// Of all sounds.
    pub sample_rate_hz: u32,
    /// Distance of the borders of frames in the continuations, if they are made of frames.
    pub hop_samples: Option<usize>,
    /// Length of a continuation.
    pub length_samples: usize,
    /// Each seed is continued with random seeds 0, 1, … below this.
    pub random_seeds: u64,
    /// Threads that compute.
    pub threads: usize,
    /// Keep, of every seed, the worst continuation for [`super::page`].
    pub keep_sounds: bool,
}

/// One continuation to be made.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What is continued.
    pub seed: &'a Seed,
    /// Its number.
    pub seed_index: usize,
    /// All that is random follows from it.
    pub random_seed: u64,
    /// Length of the continuation.
    pub length_samples: usize,
}

/// Whatever continues seeds: a network with all its controls, another program, a recording. So is every closure that does
/// it.
pub trait Continue<E>: Sync {
    /// Makes one continuation, mono, at the plan's rate; its bits follow from the job. Called from several threads at
    /// once; tells `progress` now and then how many more samples are done.
    ///
    /// # Errors
    /// Whatever stops the evaluation.
    fn continue_seed(&self, job: Job<'_>, progress: &dyn Fn(usize)) -> Result<Vec<f32>, E>;

    /// A seed as the subject could say it at best, where that is another sound: what has no noise cannot go on with some.
    fn as_said(&self, _seed: &Seed) -> Option<Vec<f32>> {
        None
    }
}

impl<E, F: Fn(Job<'_>, &dyn Fn(usize)) -> Result<Vec<f32>, E> + Sync> Continue<E> for F {
    fn continue_seed(&self, job: Job<'_>, progress: &dyn Fn(usize)) -> Result<Vec<f32>, E> {
        self(job, progress)
    }
}

/// Lets `subject` make every continuation and judges it. `progress` gets its reports, and 0 now and then before.
///
/// # Errors
/// The first of the subject that came about; the others are not waited for.
pub fn evaluate<E: Send>(
    plan: &Plan,
    subject: &impl Continue<E>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Evaluation, E> {
    let mut judge = {
        let _mode = FloatMode::enter();
        let material: Vec<&[f32]> = plan.material.iter().map(Vec::as_slice).collect();
        let seeds: Vec<&[f32]> = plan.seeds.iter().map(|seed| seed.sound.as_slice()).collect();
        Judge::with_progress(&material, &seeds, plan.sample_rate_hz, plan.hop_samples, &|| progress(0))
    };
    for (index, seed) in plan.seeds.iter().enumerate() {
        if let Some(sound) = subject.as_said(seed) {
            judge.measure_alive_by(index, &sound);
        }
    }
    let random_seeds = plan.random_seeds.max(1) as usize;
    let jobs = plan.seeds.len() * random_seeds;
    let state = State {
        continued: Mutex::new(vec![None; jobs]),
        player: Mutex::new(vec![None; plan.seeds.len()]),
        shown: Mutex::new(vec![None; plan.seeds.len()]),
        failure: Mutex::new(None),
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
    };
    let began = Instant::now();
    thread::scope(|scope| {
        let threads = plan.threads.clamp(1, (jobs + plan.seeds.len()).max(1));
        for _ in 0..threads {
            scope.spawn(|| {
                let _mode = FloatMode::enter();
                while !state.stopped.load(Ordering::Relaxed) {
                    let index = state.next.fetch_add(1, Ordering::Relaxed);
                    match index.checked_sub(jobs) {
                        None => state.continue_one(plan, &judge, index, random_seeds, subject, progress),
                        Some(seed) if seed < plan.seeds.len() => state.hear_player(plan, &judge, seed),
                        Some(_) => break,
                    }
                }
            });
        }
    });
    if let Some(failure) = unlock(state.failure) {
        return Err(failure);
    }
    Ok(Evaluation {
        sample_rate_hz: plan.sample_rate_hz,
        seconds: plan.length_samples as f64 / f64::from(plan.sample_rate_hz.max(1)),
        random_seeds,
        continued: unlock(state.continued).into_iter().flatten().collect(),
        player: unlock(state.player),
        shown: unlock(state.shown),
        elapsed_seconds: began.elapsed().as_secs_f64(),
    })
}

/// What the threads share.
struct State<E> {
    continued: Mutex<Vec<Option<Continued>>>,
    player: Mutex<Vec<Option<Judgement>>>,
    shown: Mutex<Vec<Option<Shown>>>,
    failure: Mutex<Option<E>>,
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl<E> State<E> {
    fn continue_one(
        &self,
        plan: &Plan,
        judge: &Judge,
        index: usize,
        random_seeds: usize,
        subject: &impl Continue<E>,
        progress: &(dyn Fn(usize) + Sync),
    ) {
        let (seed_index, random_seed) = (index / random_seeds, (index % random_seeds) as u64);
        let job = Job { seed: &plan.seeds[seed_index], seed_index, random_seed, length_samples: plan.length_samples };
        let began = Instant::now();
        let mut sound = match subject.continue_seed(job, progress) {
            Ok(sound) => sound,
            Err(error) => {
                lock(&self.failure).get_or_insert(error);
                self.stopped.store(true, Ordering::Relaxed);
                return;
            }
        };
        let compute_seconds = began.elapsed().as_secs_f64();
        let judgement = judge.judge(seed_index, &sound);
        let audio_seconds = sound.len() as f64 / f64::from(plan.sample_rate_hz.max(1));
        lock(&self.continued)[index] =
            Some(Continued { seed_index, random_seed, judgement, audio_seconds, compute_seconds });
        if plan.keep_sounds {
            let overall = judgement.overall();
            let slot = &mut lock(&self.shown)[seed_index];
            // Of equals the lower random seed, in whatever order they are done.
            let worse = slot.as_ref().is_none_or(|shown| {
                overall.total_cmp(&shown.overall).then(random_seed.cmp(&shown.random_seed)).is_lt()
            });
            if worse {
                sound.truncate(MAX_SHOWN_SECONDS * plan.sample_rate_hz as usize);
                *slot = Some(Shown { random_seed, overall, judgement, sound });
            }
        }
    }

    /// Judges what was really played, where there is enough of it.
    fn hear_player(&self, plan: &Plan, judge: &Judge, seed: usize) {
        let next = &plan.seeds[seed].next;
        let next = &next[..next.len().min(plan.length_samples)];
        if next.len() as f64 >= END_SECONDS * f64::from(plan.sample_rate_hz) {
            let judgement = judge.judge_with_hop(seed, next, None);
            lock(&self.player)[seed] = Some(judgement);
        }
    }
}

/// A thread that panicked takes the whole evaluation with it, so a poisoned lock is never seen.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unlock<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
