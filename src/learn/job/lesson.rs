//! The lesson's thread.

use super::{
    Shared, State, Take,
    claim::Claim,
    draft::{Draft, plain_name},
    error::LessonError,
};
use crate::{
    learn::{Card, HOLD_OUT_FROM_S, Hearing, Kept, LearnError, Material, Plan, Shape, Study, material, step_back},
    model::ModelData,
    nn::Isa,
    whole_file::PartFile,
};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Instant,
};

/// Samples below are silence: −80 dBFS.
const SILENCE: f32 = 1e-4;
/// Parts the name of the model from what it has learnt.
const LEARNT: &str = ", learnt ";
/// Lost sound that is not worth a word.
const LOST_SECONDS: f32 = 0.01;
/// After so many steps it can be told how long the rest takes.
const PACE_STEPS: u32 = 3;
/// Models of one minute that can be named.
const MAX_NUMBER: u32 = 999;

/// What a lesson begins with.
pub(super) enum Order {
    New(Take, Plan),
    /// By its id.
    Resume(String),
}

/// From the order to the end, which is said.
pub(super) fn run(shared: &Shared, order: Order) {
    step_back();
    // What is on the disk is whole whenever it ends.
    let ended = catch_unwind(AssertUnwindSafe(|| teach(shared, order)));
    let state = match ended {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => State::Failed(error.to_string()),
        Err(_) => State::Failed("learning ended unexpectedly; the take is kept as unfinished".into()),
    };
    shared.shown.end(state);
}

fn teach(shared: &Shared, order: Order) -> Result<State, LessonError> {
    let folder = shared.folders.unfinished.as_deref().ok_or(LessonError::NoFolder("data"))?;
    let (claim, draft) = match order {
        Order::New(take, plan) => {
            let draft = draft(shared, take, plan)?;
            (Claim::new(folder, &draft)?, draft)
        }
        Order::Resume(id) => {
            let mut claim = Claim::of(folder, &id)?;
            let draft = claim.draft()?;
            (claim, draft)
        }
    };
    match study(shared, &claim, draft) {
        Ok(State::Cancelled { part }) => Ok(State::Cancelled { part }),
        Err(error) if !error.is_final() => Err(error),
        ended => {
            claim.remove()?;
            ended
        }
    }
}

/// What is to be learnt, as far as that can be told at a glance.
fn draft(shared: &Shared, take: Take, plan: Plan) -> Result<Draft, LessonError> {
    if take.mono.iter().all(|sample| sample.is_nan() || sample.abs() < SILENCE) {
        return Err(LessonError::Silent);
    }
    let (base, model) = shared.models.file(take.slot).map_err(LessonError::Model)?;
    let found = read_model(&model, &base)?;
    if Shape::of(found.config()).is_none() {
        return Err(LessonError::DoesNotListen(found.config().name.clone()));
    }
    // What has learnt already is called after what it was at first.
    let first = base.split(LEARNT).next().unwrap_or_default();
    Ok(Draft {
        name: format!("{}{LEARNT}{}", plain_name(first), plain_name(&take.date)),
        base,
        take: format!("take of {}", take.date),
        lost_seconds: take.lost_seconds,
        plan,
        sample_rate_hz: take.sample_rate_hz,
        model,
        // No file holds what is no number.
        mono: take.mono.into_iter().map(|sample| if sample.is_finite() { sample } else { 0.0 }).collect(),
    })
}

fn read_model(bytes: &[u8], name: &str) -> Result<ModelData, LessonError> {
    ModelData::from_bytes(bytes, Path::new(name)).map_err(|error| LessonError::Model(error.to_string()))
}

/// Learns, from where it was saved if it was.
fn study(shared: &Shared, claim: &Claim, draft: Draft) -> Result<State, LessonError> {
    let model = read_model(&draft.model, &draft.base)?;
    let isa = Isa::from_environment();
    let told = || LessonError::study(&model.config().name);
    // Neither is short, and an instance that goes waits for this thread.
    let leaves = || shared.stop.load(Ordering::Acquire);
    let left = || Ok(State::Cancelled { part: claim.part() });
    if leaves() {
        return left();
    }
    let mut hearing = Hearing::new(&model, isa).map_err(told())?;
    let player = material(&draft.mono, draft.sample_rate_hz, HOLD_OUT_FROM_S, &mut hearing).map_err(told())?;
    // What the model's file holds of its maker's material keeps it from forgetting that.
    let maker: Vec<Material> = hearing.maker_material(&model).into_iter().collect();
    drop(hearing);
    if leaves() {
        return left();
    }
    // The largest parts of it are not needed any more.
    let draft = Draft { model: Vec::new(), mono: Vec::new(), ..draft };
    if draft.lost_seconds >= LOST_SECONDS {
        shared.shown.note(format!("{:.2} s of the take were lost and are silence", draft.lost_seconds));
    }
    let plan = &draft.plan;
    let study = match claim.steps().map(|saved| Study::restore(&model, &player, &maker, plan, isa, &saved)) {
        None => Study::new(&model, &player, &maker, plan, isa),
        Some(Err(LearnError::Damaged { .. })) => {
            shared.shown.note("what was saved of it is damaged: it begins anew".into());
            Study::new(&model, &player, &maker, plan, isa)
        }
        Some(restored) => restored,
    };
    let mut study = study.map_err(told())?;
    if let Some(part) = go_on(shared, claim, &model, &draft, &mut study)? {
        return Ok(State::Cancelled { part });
    }
    // What can still go wrong costs no step. If it cannot be saved, what was saved before is still there.
    let _ = claim.save(&study);
    let path = finish(shared, &model, &player, &draft, study).inspect_err(|_| {
        // All steps are there already at the next try.
        shared.shown.note("it is kept as unfinished".into());
    })?;
    Ok(match shared.models.place(&draft.name, &path) {
        Ok(slot) => State::Stored { slot },
        Err(why) => State::Failed(format!("{} is in the folder of your models, but has no slot: {why}", draft.name)),
    })
}

/// Makes the steps that are left. Returns the part that is done if it is to be left before the end.
fn go_on(
    shared: &Shared,
    claim: &Claim,
    model: &ModelData,
    draft: &Draft,
    study: &mut Study<'_>,
) -> Result<Option<f32>, LessonError> {
    let all = draft.plan.steps as f32;
    let (began, first) = (Instant::now(), study.steps());
    let (mut saved, mut slot, mut was_heard) = (began, None, false);
    loop {
        let part = study.steps() as f32 / all;
        let leaves = shared.stop.load(Ordering::Acquire);
        let is_due = saved.elapsed() >= shared.save_every;
        if leaves || is_due {
            // A disk that is full now may have room at the next try; an earlier one is still there.
            match claim.save(study) {
                Ok(()) => {}
                Err(error) if leaves => return Err(error),
                Err(error) => {
                    shared.shown.note(format!("what was learnt since it was last saved is not safe: {error}"))
                }
            }
            saved = Instant::now();
        }
        if leaves {
            return Ok(Some(part));
        }
        let is_heard = shared.listen.load(Ordering::Acquire);
        if is_heard && (is_due || !was_heard) {
            match heard(shared, model, draft, study) {
                Ok(heard_in) => slot = Some(heard_in),
                Err(why) => shared.shown.note(why),
            }
        }
        was_heard = is_heard;
        let done = study.steps() - first;
        let pace = began.elapsed().as_secs_f32() / done.max(1) as f32;
        let seconds_left = (done >= PACE_STEPS).then(|| pace * (draft.plan.steps - study.steps()) as f32);
        shared.shown.learning(part, seconds_left, slot);
        if study.step().map_err(LessonError::Study)?.is_none() {
            return Ok(None);
        }
    }
}

/// Lets what was learnt so far be heard. Returns the slot.
fn heard(shared: &Shared, model: &ModelData, draft: &Draft, study: &Study<'_>) -> Result<u8, String> {
    let mut config = model.config().clone();
    config.name = format!("{} (still learning)", draft.name);
    let data = model.with_tensors(config, study.tensors()).map_err(|error| error.to_string())?;
    shared.models.put(&draft.name, data.to_exact_bytes())
}

/// Writes the model of a study that is done.
fn finish(
    shared: &Shared,
    model: &ModelData,
    player: &Material,
    draft: &Draft,
    study: Study<'_>,
) -> Result<PathBuf, LessonError> {
    let [seconds, _] = player.seconds();
    let learnt = study.finish().map_err(LessonError::Study)?;
    let card =
        Card { name: draft.name.clone(), take: draft.take.clone(), licence: "not stated".into(), ..Card::default() };
    let config = card.config(model.config(), &learnt, seconds, &draft.plan);
    let data = model.with_tensors(config, learnt.tensors()).map_err(|error| LessonError::Model(error.to_string()))?;
    store(shared, &data, &draft.name)
}

/// Writes a model to the folder of models.
fn store(shared: &Shared, data: &ModelData, name: &str) -> Result<PathBuf, LessonError> {
    let folder = shared.folders.models.as_deref().ok_or(LessonError::NoFolder("models"))?;
    write_new(folder, name, &data.to_exact_bytes())
}

/// Makes a model of what was learnt while it played. Returns its slot.
pub(super) fn keep(shared: &Shared, kept: &Kept) -> Result<u8, String> {
    let (base, bytes) = shared.models.file(kept.slot)?;
    let told = |error: LessonError| error.to_string();
    let model = read_model(&bytes, &base).map_err(told)?;
    let first = base.split(LEARNT).next().unwrap_or_default();
    let name = format!("{}{LEARNT}while it played", plain_name(first));
    let card =
        Card { name: name.clone(), take: "what was played".into(), licence: "not stated".into(), ..Card::default() };
    let other = || format!("slot {} holds another model than the one that has learnt", kept.slot);
    let path = store(shared, &card.kept_model(&model, kept).ok_or_else(other)?, &name).map_err(told)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    shared.models.place(&name, &path)
}

/// Writes a model's file under a name that is free. The very same file is not written twice: the last try may have been killed behind it.
fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, LessonError> {
    fs::create_dir_all(folder).map_err(LessonError::io(folder, "made"))?;
    for number in 1..=MAX_NUMBER {
        let name = if number == 1 { name.to_owned() } else { format!("{name} ({number})") };
        let path = folder.join(format!("{name}.safetensors"));
        if fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == bytes.len() as u64)
            && fs::read(&path).is_ok_and(|there| there == bytes)
        {
            return Ok(path);
        }
        if path.exists() {
            continue;
        }
        let part = PartFile::beside(&path);
        let written = || {
            let mut file = File::create_new(part.path())?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        written().map_err(LessonError::io(&path, "written"))?;
        // A link never replaces what has come there meanwhile, as moving would.
        match fs::hard_link(part.path(), &path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(_) if path.exists() => {}
            // A disk that knows no links.
            Err(_) => {
                part.keep_as(&path).map_err(LessonError::io(&path, "written"))?;
                return Ok(path);
            }
        }
    }
    Err(LessonError::NoName(folder.into()))
}
