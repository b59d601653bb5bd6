//! The parameters in the groups under which hosts show them.

use super::{
    convert::{float_range, int_range},
    text,
};
use crate::{
    control::{
        ParamId,
        text::{has_words, nearest_value, shown},
        values::{Kind, ParamSpec, Parameter},
        with_parameters,
    },
    learn::{LearnBoard, job::Lessons},
    take::TakeStatus,
    worker::ClipSlot,
};
use nice_plug::prelude::{BoolParam, FloatParam, IntParam, Param, Params, RemoteControlsPage};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The key of what hosts switch themselves.
const BYPASS: &str = "bypass";

/// A kind of the framework's parameters, made from a row of the table.
pub(super) trait Row: Param {
    fn of<Id: Parameter>(spec: &'static ParamSpec<Id>) -> Self;
    fn plain(&self) -> f32;
    /// Without what the host adds for a while (CLAP's modulation): what a user sees and sets.
    fn unmodulated(&self) -> f32;
    fn set(&self, plain: f32, editor: &mut impl ParamEditor);
}

/// What sets parameters for a user: an editor, so that the host records each move as automation and can undo it, or a host that
/// loads a preset.
pub trait ParamEditor {
    /// Sets a parameter, from the beginning of an edit to its end.
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain);
}

/// Leaves parameters alone that are there already.
pub(super) struct OnlyMoved<'a, E>(pub &'a mut E);

impl<E: ParamEditor> ParamEditor for OnlyMoved<'_, E> {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain) {
        if param.preview_normalized(plain) != param.unmodulated_normalized_value() {
            self.0.edit(param, plain);
        }
    }
}

impl Row for FloatParam {
    fn of<Id: Parameter>(spec: &'static ParamSpec<Id>) -> Self {
        let param = Self::new(spec.name, spec.default, float_range(spec))
            .with_value_to_string(Arc::new(move |value| shown(spec, value)))
            .with_string_to_value(Arc::new(move |typed| nearest_value(spec, typed)));
        // Words have no unit: where some values are words the text has its unit itself.
        if has_words(spec) || spec.unit.is_empty() { param } else { param.with_unit(spec.format.spaced_unit) }
    }

    fn plain(&self) -> f32 {
        self.value()
    }

    fn unmodulated(&self) -> f32 {
        self.unmodulated_plain_value()
    }

    fn set(&self, plain: f32, editor: &mut impl ParamEditor) {
        editor.edit(self, plain);
    }
}

impl Row for IntParam {
    fn of<Id: Parameter>(spec: &'static ParamSpec<Id>) -> Self {
        Self::new(spec.name, spec.default as i32, int_range(spec))
            .with_value_to_string(Arc::new(move |value| shown(spec, value as f32)))
            .with_string_to_value(Arc::new(move |typed| nearest_value(spec, typed).map(|value| value as i32)))
    }

    fn plain(&self) -> f32 {
        self.value() as f32
    }

    fn unmodulated(&self) -> f32 {
        self.unmodulated_plain_value() as f32
    }

    fn set(&self, plain: f32, editor: &mut impl ParamEditor) {
        editor.edit(self, plain as i32);
    }
}

impl Row for BoolParam {
    fn of<Id: Parameter>(spec: &'static ParamSpec<Id>) -> Self {
        let param = Self::new(spec.name, spec.default >= 0.5);
        match spec.kind {
            _ if spec.key == BYPASS => param.make_bypass(),
            Kind::Command => param.non_automatable(),
            _ => param,
        }
    }

    fn plain(&self) -> f32 {
        f32::from(self.value())
    }

    fn unmodulated(&self) -> f32 {
        f32::from(self.unmodulated_plain_value())
    }

    fn set(&self, plain: f32, editor: &mut impl ParamEditor) {
        editor.edit(self, plain >= 0.5);
    }
}

/// A group of the table.
pub(super) trait Group<Id> {
    /// Defaults.
    fn new() -> Self;
    /// Puts all of them on a controller's page; the framework begins another after eight.
    fn add_to(&self, page: &mut impl RemoteControlsPage);
    /// The plain value of one of its parameters, as the host left it.
    fn value(&self, id: Id) -> Option<f32>;
    /// The same without modulation.
    fn unmodulated(&self, id: Id) -> Option<f32>;
    /// Sets one of its parameters as a user would; false if it has none of this id.
    fn set(&self, id: Id, plain: f32, editor: &mut impl ParamEditor) -> bool;
}

/// The kind of the framework's parameter for a kind of the table's.
macro_rules! param_of {
    (linear) => {
        FloatParam
    };
    (skewed) => {
        FloatParam
    };
    (integer) => {
        IntParam
    };
    (choice) => {
        IntParam
    };
    (chosen) => {
        IntParam
    };
    (switch) => {
        BoolParam
    };
    (trigger) => {
        BoolParam
    };
    (command) => {
        BoolParam
    };
}
pub(super) use param_of;

/// The table's groups. The ids are single tokens, because the derive reads them as they stand.
macro_rules! groups {
    ([$Id:ident] $(
        $(#[$doc:meta])* $group:ident $place:ident $title:literal $(in $host_title:literal)? {
            $($number:literal $id:ident $field:ident $key:tt $name:literal $kind:ident($($range:tt)*) $format:ident
                $stage:ident $help:literal;)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Params)]
        pub struct $group {
            $(
                #[doc = $help]
                #[id = $key]
                pub $field: $crate::params::groups::param_of!($kind),
            )*
        }

        impl Group<$Id> for $group {
            fn new() -> Self {
                Self { $($field: Row::of($Id::$id.spec()),)* }
            }

            fn add_to(&self, page: &mut impl RemoteControlsPage) {
                $(page.add_param(&self.$field);)*
            }

            fn value(&self, id: $Id) -> Option<f32> {
                match id {
                    $($Id::$id => Some(self.$field.plain()),)*
                    _ => None,
                }
            }

            fn unmodulated(&self, id: $Id) -> Option<f32> {
                match id {
                    $($Id::$id => Some(self.$field.unmodulated()),)*
                    _ => None,
                }
            }

            fn set(&self, id: $Id, plain: f32, editor: &mut impl ParamEditor) -> bool {
                match id {
                    $($Id::$id => self.$field.set(plain, editor),)*
                    _ => return false,
                }
                true
            }
        }
    )*};
}
pub(super) use groups;

/// [`groups`] of the audio plugin.
macro_rules! audio_groups {
    ($($rows:tt)*) => {
        groups!([ParamId] $($rows)*);
    };
}

with_parameters!(audio_groups);

/// Gives a switch something to say beside on and off.
fn with_note(switch: BoolParam, note: impl Fn() -> Option<String> + Send + Sync + 'static) -> BoolParam {
    let shown = move |on| text::switch_to_text(on, note());
    switch.with_value_to_string(Arc::new(shown)).with_string_to_value(Arc::new(text::text_to_switch))
}

impl Output {
    /// Lets *Save Take* show what became of the last take, and *Feedback Guard* how often it had to step in.
    pub(super) fn with_notes(mut self, status: Arc<TakeStatus>, feedbacks: Arc<AtomicU64>) -> Self {
        self.keep = with_note(self.keep, move || status.text());
        self.feedback_guard = with_note(self.feedback_guard, move || match feedbacks.load(Ordering::Relaxed) {
            0 => None,
            1 => Some("the input contained the wet".into()),
            times => Some(format!("the input contained the wet, {times} times")),
        });
        self
    }
}

impl Learning {
    /// Lets the commands show how the lesson stands, and *Learn* what it does.
    pub(super) fn with_lessons(mut self, lessons: &Arc<Lessons>, board: &Arc<LearnBoard>) -> Self {
        let shown = |lessons: &Arc<Lessons>| {
            let lessons = Arc::clone(lessons);
            move || Some(lessons.text())
        };
        self.learn_take = with_note(self.learn_take, shown(lessons));
        self.learn_record = with_note(self.learn_record, shown(lessons));
        self.keep_learnt = with_note(self.keep_learnt, shown(lessons));
        let board = Arc::clone(board);
        self.learn = with_note(self.learn, move || board.text());
        self
    }
}

impl Seed {
    /// Lets *Capture Seed* show what it has captured.
    pub(super) fn with_captured(mut self, clip_slot: Arc<ClipSlot>) -> Self {
        self.capture = with_note(self.capture, move || Some(format!("{:.1} s captured", clip_slot.get()?.seconds())));
        self
    }
}
