//! The parameters of the plugin for notes: its table, its choices, and what is made of them.
//!
//! A row has the columns of `table.rs`. Steps and measures are those of the model: a measure is four beats.

use super::{
    choices::{Choice, choice},
    values::{
        CHOICE, End, Format, Kind, NUMBER, PERCENT, ParamSpec, Parameter, RATIO, Range, SWITCH, Stage, WHOLE, choice,
        command, declare, integer, linear, skewed, switch, trigger, with_word,
    },
};

/// Beats of a measure, whatever the song's are.
pub const BEATS_PER_MEASURE: f64 = 4.0;
/// From this value on *Answer Length* ends when the player plays.
pub const UNTIL_PLAYED: f32 = 32.5;

const BEATS: Format = unit("beats", " beats", 2);
const MEASURES: Format = unit("measures", " measures", 0);
const ANSWER_MEASURES: Format =
    with_word(MEASURES, End::Greatest, UNTIL_PLAYED, "until you play", &["until", "∞", "inf"]);
const SEED_MEASURES: Format = with_word(MEASURES, End::Least, 0.0, "all", &["all"]);
const TRIGGER_CHANNEL: Format = with_word(WHOLE, End::Least, 0.0, "off", &["off", "none"]);
const RESEED_MEASURES: Format = with_word(MEASURES, End::Least, 0.0, "never", &["never", "off"]);
const JOURNEY_MEASURES: Format = with_word(MEASURES, End::Least, 0.0, "stays", &["stays", "off"]);
const STEPS: Format = unit("steps", " steps", 0);
const TEMPO: Format = unit("bpm", " bpm", 1);
const KEY: Format = WHOLE;

const fn unit(unit: &'static str, spaced_unit: &'static str, decimals: usize) -> Format {
    Format { unit, spaced_unit, decimals, word: None, is_slot: false }
}

/// The value of a parameter of choices that is not the first.
const fn chosen(choices: &'static [Choice], index: usize) -> Range {
    Range(Kind::Choice(choices), 0.0, (choices.len() - 1) as f32, index as f32)
}

/// Hands the table to the macro named.
macro_rules! with_note_parameters {
    ($then:ident) => {
        $then! {
            /// What plays.
            NoteSlots models "Models" {
                0 Model model "model" "Model" integer(0.0, 127.0, 0.0) WHOLE Prediction "Slot of the model; another one has to hear you anew.";
            }
            /// What a performer reaches for.
            NotePlay play "Play" in "Play" {
                1 Part part "part" "Part" choice(Part::CHOICES) CHOICE Prediction "Whether it answers you or plays along.";
                2 Continue continue_now "continue" "Continue" trigger() SWITCH Prediction "Continues what was just played, each time it goes on.";
                3 Freeze freeze "freeze" "Freeze" switch(false) SWITCH Prediction "Holds what plays: it does not end, and nothing replaces it.";
                4 Panic panic "panic" "Panic" trigger() SWITCH Rendering "Ends every note, yours too, each time it goes on.";
                5 Run run "run" "Run" choice(Run::CHOICES) CHOICE Both "What the steps follow.";
            }
            /// What is heard, and when it answers.
            NoteListening listening "Listening" in "Listening" {
                6 AnswerAfter answer_after "answer_after" "Answer After" skewed(0.25, 16.0, 1.0) BEATS Prediction "How long you must be silent before it answers.";
                7 AnswerLength answer_length "answer_length" "Answer Length" integer(1.0, 33.0, 4.0) ANSWER_MEASURES Prediction "How long an answer is.";
                8 Reseed reseed "reseed" "Re-seed" integer(0.0, 32.0, 4.0) RESEED_MEASURES Prediction "Playing along, it begins anew from what you play every so many measures; 0 is never.";
                9 Hears hears "hears" "Hears" choice(Hears::CHOICES) CHOICE Prediction "Whose notes it goes on from.";
                10 Feedback feedback "feedback" "Feedback" choice(Feedback::CHOICES) CHOICE Prediction "What it hears of itself while it plays.";
                70 Seed seed "seed" "Seed" integer(0.0, 16.0, 0.0) SEED_MEASURES Prediction "How many of the last measures it goes on from; 0 is all since the start. Models with a code go on from as many columns as they have learnt.";
                69 TriggerChannel trigger_channel "trigger_channel" "Trigger Channel" integer(0.0, 16.0, 0.0) TRIGGER_CHANNEL Prediction "A key struck on this MIDI channel continues what was just played, and is neither heard nor passed on; 0 is off.";
                11 Pedal pedal "pedal" "Pedal" switch(false) SWITCH Prediction "Your sustain pedal holds what it hears.";
            }
            /// Which keys are drawn.
            NoteDrawing drawing "Drawing" in "Drawing" {
                12 Drawing drawing "draw" "Draw" choice(Drawing::CHOICES) CHOICE Rendering "How a probability becomes a key.";
                13 Temperature temperature "temperature" "Temperature" skewed(0.0, 10.0, 1.05) RATIO Rendering "How freely keys are tossed; at 0 those that are likelier than not, or with the law Linear none.";
                14 TossLaw law "law" "Law" choice(TossLaw::CHOICES) CHOICE Rendering "What the temperature does to the chance of a key.";
                15 Threshold threshold "threshold" "Threshold" linear(0.0, 1.0, 0.2) RATIO Rendering "Draw by threshold: a key sounds where its probability is larger.";
                16 Density density "density" "Density" linear(-6.0, 6.0, 0.0) NUMBER Rendering "Fewer or more keys: added to the log-odds of each.";
                17 AntiStall anti_stall "anti_stall" "Anti-stall" switch(true) SWITCH Rendering "A key near the middle is added where eight columns are equal.";
                18 RandomSeed random_seed "random_seed" "Random Seed" integer(0.0, 65_535.0, 0.0) WHOLE Rendering "The number from which all that is random follows.";
                75 StayInKey stay_in_key "stay_in_key" "Stay in Key" linear(0.0, 100.0, 25.0) PERCENT Prediction "How much it stays in the key of what you play: keys are likelier the longer you have held their pitch classes of late. Models with a code do not.";
            }
            /// What may sound, and for how long.
            NoteShape shape "Shape" in "Shape" {
                19 Polyphony polyphony "polyphony" "Polyphony" integer(1.0, 16.0, 8.0) WHOLE Rendering "Keys that sound at once, at most.";
                20 Lowest lowest "lowest" "Lowest Key" integer(21.0, 108.0, 21.0) KEY Rendering "The lowest key that sounds; 60 is middle C.";
                21 Highest highest "highest" "Highest Key" integer(21.0, 108.0, 108.0) KEY Rendering "The highest key that sounds.";
                22 Outside outside "outside" "Outside" choice(Outside::CHOICES) CHOICE Rendering "What becomes of keys outside that range.";
                23 Scale scale "scale" "Scale" choice(Scale::CHOICES) CHOICE Rendering "The keys that may sound, from the root; or those of Own Scale.";
                24 Root root "root" "Root" choice(Root::CHOICES) CHOICE Rendering "Where the scale begins.";
                25 Join join "join" "Join" integer(0.0, 2.0, 0.0) STEPS Rendering "A key goes on though it is not drawn, for so many steps.";
                26 Shortest shortest "shortest" "Shortest" integer(1.0, 8.0, 1.0) STEPS Rendering "A note lasts at least as long.";
                27 Longest longest "longest" "Longest" skewed(0.25, 64.0, 16.0) BEATS Rendering "A note lasts at most as long.";
            }
            /// The scale of one's own.
            NoteKeys own_scale "Own Scale" in "Own Scale" {
                39 KeyC key_c "key_c" "Key C" switch(true) SWITCH Rendering "Scale Own: C may sound.";
                40 KeyCSharp key_c_sharp "key_c_sharp" "Key C sharp" switch(true) SWITCH Rendering "Scale Own: C sharp may sound.";
                41 KeyD key_d "key_d" "Key D" switch(true) SWITCH Rendering "Scale Own: D may sound.";
                42 KeyDSharp key_d_sharp "key_d_sharp" "Key D sharp" switch(true) SWITCH Rendering "Scale Own: D sharp may sound.";
                43 KeyE key_e "key_e" "Key E" switch(true) SWITCH Rendering "Scale Own: E may sound.";
                44 KeyF key_f "key_f" "Key F" switch(true) SWITCH Rendering "Scale Own: F may sound.";
                45 KeyFSharp key_f_sharp "key_f_sharp" "Key F sharp" switch(true) SWITCH Rendering "Scale Own: F sharp may sound.";
                46 KeyG key_g "key_g" "Key G" switch(true) SWITCH Rendering "Scale Own: G may sound.";
                47 KeyGSharp key_g_sharp "key_g_sharp" "Key G sharp" switch(true) SWITCH Rendering "Scale Own: G sharp may sound.";
                48 KeyA key_a "key_a" "Key A" switch(true) SWITCH Rendering "Scale Own: A may sound.";
                49 KeyASharp key_a_sharp "key_a_sharp" "Key A sharp" switch(true) SWITCH Rendering "Scale Own: A sharp may sound.";
                50 KeyB key_b "key_b" "Key B" switch(true) SWITCH Rendering "Scale Own: B may sound.";
            }
            /// Where in the space of codes a model that has one plays.
            NoteCode code "Code" in "Code" {
                67 Base base "base" "Base" choice(Base::CHOICES) CHOICE Prediction "Models with a code: from where the sliders go.";
                68 Axes axes "axes" "Axes" choice(Axes::CHOICES) CHOICE Prediction "Models with a code: what the sliders move.";
                51 Slider1 slider_1 "slider_1" "Slider 1" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 1, or to number 1 of the code.";
                52 Slider2 slider_2 "slider_2" "Slider 2" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 2, or to number 2 of the code.";
                53 Slider3 slider_3 "slider_3" "Slider 3" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 3, or to number 3 of the code.";
                54 Slider4 slider_4 "slider_4" "Slider 4" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 4, or to number 4 of the code.";
                55 Slider5 slider_5 "slider_5" "Slider 5" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 5, or to number 5 of the code.";
                56 Slider6 slider_6 "slider_6" "Slider 6" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 6, or to number 6 of the code.";
                57 Slider7 slider_7 "slider_7" "Slider 7" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 7, or to number 7 of the code.";
                58 Slider8 slider_8 "slider_8" "Slider 8" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 8, or to number 8 of the code.";
                59 Slider9 slider_9 "slider_9" "Slider 9" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 9, or to number 9 of the code.";
                60 Slider10 slider_10 "slider_10" "Slider 10" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 10, or to number 10 of the code.";
                61 Slider11 slider_11 "slider_11" "Slider 11" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 11, or to number 11 of the code.";
                62 Slider12 slider_12 "slider_12" "Slider 12" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 12, or to number 12 of the code.";
                63 Slider13 slider_13 "slider_13" "Slider 13" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 13, or to number 13 of the code.";
                64 Slider14 slider_14 "slider_14" "Slider 14" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 14, or to number 14 of the code.";
                65 Slider15 slider_15 "slider_15" "Slider 15" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 15, or to number 15 of the code.";
                66 Slider16 slider_16 "slider_16" "Slider 16" linear(-1.0, 1.0, 0.0) NUMBER Prediction "Models with a code: along axis 16, or to number 16 of the code.";
                71 Morph morph "morph" "Morph" linear(0.0, 100.0, 0.0) PERCENT Prediction "Base Stored: how far on the way from the first of the stored codes to the last.";
                72 Journey journey "journey" "Journey" integer(0.0, 64.0, 0.0) JOURNEY_MEASURES Prediction "Base Stored: it goes around all stored codes in so many measures, by the song's place; 0 stays where Morph is.";
                73 StoreCode store_code "store_code" "Store Code" command() SWITCH Prediction "Stores the code that plays, or that of your last phrase, behind the others in the project, each time it goes on; of eight the first goes.";
                74 ClearCodes clear_codes "clear_codes" "Clear Codes" command() SWITCH Prediction "Forgets all stored codes, each time it goes on.";
            }
            /// When the steps are.
            NoteTime time "Time" in "Time" {
                76 Align align "align" "Align" choice(Align::CHOICES) CHOICE Both "From where the host's song is divided into measures.";
                28 Rate rate "rate" "Rate" chosen(Rate::CHOICES, 1) CHOICE Both "How fast its steps follow each other.";
                29 FreeTempo free_tempo "free_tempo" "Free Tempo" linear(20.0, 300.0, 120.0) TEMPO Both "The tempo where the host tells none, or is not followed.";
                30 Swing swing "swing" "Swing" linear(50.0, 75.0, 50.0) PERCENT Both "Where the second sixteenth of an eighth lies.";
                31 Gate gate "gate" "Gate" linear(10.0, 100.0, 100.0) PERCENT Both "How much of its last step a note lasts; below 100 it decides sooner.";
            }
            /// What is sent.
            NoteOutput output "Output" in "Output" {
                32 Velocity velocity "velocity" "Velocity" integer(1.0, 127.0, 80.0) WHOLE Rendering "How hard its keys are struck.";
                33 Follow follow "follow" "Follow" linear(0.0, 100.0, 50.0) PERCENT Rendering "From that velocity, at 0, to yours, at 100.";
                34 Depth depth "depth" "Velocity Depth" integer(0.0, 64.0, 24.0) WHOLE Rendering "How much softer unlikely keys are struck.";
                35 Accent accent "accent" "Accent" integer(0.0, 64.0, 8.0) WHOLE Rendering "How much harder keys on the beat are struck.";
                36 Channel channel "channel" "Channel" integer(1.0, 16.0, 1.0) WHOLE Rendering "The MIDI channel on which it plays.";
                37 Through through "through" "Through" switch(true) SWITCH Rendering "Your notes are passed on.";
                38 Bypass bypass "bypass" "Bypass" switch(false) SWITCH Rendering "It plays nothing; your notes are passed on.";
            }
        }
    };
}

/// [`declare`] of this table.
macro_rules! declare_note_parameters {
    ($($rows:tt)*) => {
        declare!([NoteParam, NOTE_PARAM_COUNT, NOTE_ROWS, NOTE_SPECS, NoteValues] $($rows)*);
    };
}

with_note_parameters!(declare_note_parameters);

#[cfg(feature = "plugin")]
pub(crate) use with_note_parameters;

/// All parameters of notes as the table has them: group by group, in the order in which hosts show them.
pub fn notes_by_group() -> impl Iterator<Item = &'static ParamSpec<NoteParam>> {
    NoteParam::by_group()
}

choice! {
    [NoteParam, NoteValues]
    /// How it plays with the performer: [`NoteParam::Part`].
    Part {
        Answer "answer" "Answer" "When you have been silent, it goes on.";
        Alongside "alongside" "Alongside" "It plays along, hearing you and itself.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// What the steps follow: [`NoteParam::Run`].
    Run {
        Transport "transport" "With Transport" "The host's song: while it stands, nothing plays.";
        Free "free" "Free" "Free Tempo, whatever the host does.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// Whose notes it goes on from: [`NoteParam::Hears`].
    Hears {
        You "you" "You" "What you play.";
        Both "both" "You and Itself" "What it has played, too: answers go on from each other.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// What a network hears of itself: [`NoteParam::Feedback`].
    Feedback {
        Played "played" "Played" "The keys that sounded.";
        Raw "raw" "Raw" "Its probabilities, whatever sounded.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// How a probability becomes a key: [`NoteParam::Drawing`].
    Drawing {
        Toss "toss" "Toss" "Each key by a toss of its own.";
        Threshold "threshold" "Threshold" "Keys whose probability is larger than Threshold.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// What the temperature does: [`NoteParam::TossLaw`].
    TossLaw {
        Logit "logit" "Log-odds" "The log-odds are divided by it.";
        Linear "linear" "Linear" "It multiplies the probability.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// What becomes of keys outside the range: [`NoteParam::Outside`].
    Outside {
        Mute "mute" "Mute" "They are silent.";
        Fold "fold" "Fold" "They move by octaves into it.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// The keys that may sound: [`NoteParam::Scale`].
    Scale {
        Off "off" "Off" "All.";
        Major "major" "Major" "The major scale.";
        Minor "minor" "Minor" "The natural minor scale.";
        HarmonicMinor "harmonic_minor" "Harmonic Minor" "Minor with a major seventh.";
        Dorian "dorian" "Dorian" "Minor with a major sixth.";
        Mixolydian "mixolydian" "Mixolydian" "Major with a minor seventh.";
        Pentatonic "pentatonic" "Pentatonic" "Major without fourth and seventh.";
        MinorPentatonic "minor_pentatonic" "Minor Pentatonic" "Minor without second and sixth.";
        WholeTone "whole_tone" "Whole Tone" "Every second key.";
        Own "own" "Own" "Those that are on under Own Scale, whatever the root.";
    }
}

/// The keys of a scale of one's own, from C up.
const OWN_SCALE: [NoteParam; 12] = [
    NoteParam::KeyC,
    NoteParam::KeyCSharp,
    NoteParam::KeyD,
    NoteParam::KeyDSharp,
    NoteParam::KeyE,
    NoteParam::KeyF,
    NoteParam::KeyFSharp,
    NoteParam::KeyG,
    NoteParam::KeyGSharp,
    NoteParam::KeyA,
    NoteParam::KeyASharp,
    NoteParam::KeyB,
];

impl Scale {
    /// The pitch classes that may sound, C in the lowest bit.
    pub fn pitch_classes(values: &NoteValues) -> u16 {
        let steps: &[u32] = match Self::of(values) {
            Self::Off => return 0xfff,
            Self::Own => {
                let own = OWN_SCALE.iter().enumerate().filter(|(_, key)| values.get(**key) >= 0.5);
                return own.fold(0, |classes, (class, _)| classes | 1 << class);
            }
            Self::Major => &[0, 2, 4, 5, 7, 9, 11],
            Self::Minor => &[0, 2, 3, 5, 7, 8, 10],
            Self::HarmonicMinor => &[0, 2, 3, 5, 7, 8, 11],
            Self::Dorian => &[0, 2, 3, 5, 7, 9, 10],
            Self::Mixolydian => &[0, 2, 4, 5, 7, 9, 10],
            Self::Pentatonic => &[0, 2, 4, 7, 9],
            Self::MinorPentatonic => &[0, 3, 5, 7, 10],
            Self::WholeTone => &[0, 2, 4, 6, 8, 10],
        };
        let root = Root::of(values) as u32;
        steps.iter().fold(0, |classes, step| classes | 1 << ((step + root) % 12))
    }
}

choice! {
    [NoteParam, NoteValues]
    /// Where a scale begins: [`NoteParam::Root`].
    Root {
        C "c" "C" "C.";
        CSharp "c#" "C♯" "C♯ or D♭.";
        D "d" "D" "D.";
        DSharp "d#" "D♯" "D♯ or E♭.";
        E "e" "E" "E.";
        F "f" "F" "F.";
        FSharp "f#" "F♯" "F♯ or G♭.";
        G "g" "G" "G.";
        GSharp "g#" "G♯" "G♯ or A♭.";
        A "a" "A" "A.";
        ASharp "a#" "A♯" "A♯ or B♭.";
        B "b" "B" "B.";
    }
}

/// The sliders, in the order of a code's numbers and axes.
pub const SLIDERS: [NoteParam; 16] = [
    NoteParam::Slider1,
    NoteParam::Slider2,
    NoteParam::Slider3,
    NoteParam::Slider4,
    NoteParam::Slider5,
    NoteParam::Slider6,
    NoteParam::Slider7,
    NoteParam::Slider8,
    NoteParam::Slider9,
    NoteParam::Slider10,
    NoteParam::Slider11,
    NoteParam::Slider12,
    NoteParam::Slider13,
    NoteParam::Slider14,
    NoteParam::Slider15,
    NoteParam::Slider16,
];

choice! {
    [NoteParam, NoteValues]
    /// From where the sliders go: [`NoteParam::Base`].
    Base {
        You "you" "You" "The code of your last measures, taken where it begins to play.";
        Mean "mean" "Mean" "The mean code of what the model has learnt.";
        Zero "zero" "Zero" "The code of zeros: with raw axes the sliders are the code.";
        Stored "stored" "Stored" "The codes that you have stored: a place on the way from one to the next. While there is none, yours.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// What the sliders move: [`NoteParam::Axes`].
    Axes {
        Principal "principal" "Principal" "Directions in which the model's codes spread, the widest first; the ends are three deviations away.";
        Raw "raw" "Raw" "The numbers of the code.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// From where measures are counted: [`NoteParam::Align`].
    Align {
        Song "song" "Song Position" "A measure every four beats from the song's beginning.";
        Bars "bars" "Bars" "A measure begins with every bar: after an upbeat, and where bars are not four beats long. As the song where the host tells no bars.";
    }
}

choice! {
    [NoteParam, NoteValues]
    /// How fast steps follow each other: [`NoteParam::Rate`].
    Rate {
        Half "half" "Half" "Half as fast as the model has learnt.";
        Normal "normal" "Normal" "As the model has learnt.";
        Double "double" "Double" "Twice as fast.";
    }
}

#[cfg(test)]
mod tests {
    use super::{super::text, *};

    #[test]
    fn the_table_is_sound_and_its_keys_are_frozen() {
        for (index, spec) in NOTE_SPECS.iter().enumerate() {
            assert_eq!(spec.id as usize, index);
            assert!(spec.min < spec.max && spec.accepts(spec.default), "{}", spec.key);
            assert_eq!(NoteParam::by_key(spec.key), Some(spec.id));
            assert_eq!(text::parameter(spec.name), Ok(spec.id));
            for value in [spec.min, spec.default, spec.max] {
                assert_eq!(text::value(spec, &text::typed(spec, value)), Ok(value), "{}", spec.key);
                assert_eq!(text::nearest_value(spec, &text::shown(spec, value)), Some(value), "{}", spec.key);
            }
        }
        assert_eq!(
            NOTE_SPECS.each_ref().map(|spec| spec.key).join(" "),
            "model part continue freeze panic run answer_after answer_length reseed hears feedback pedal draw temperature law \
             threshold density anti_stall random_seed polyphony lowest highest outside scale root join shortest longest rate \
             free_tempo swing gate velocity follow depth accent channel through bypass key_c key_c_sharp key_d key_d_sharp key_e key_f key_f_sharp key_g \
             key_g_sharp key_a key_a_sharp key_b slider_1 slider_2 slider_3 slider_4 slider_5 slider_6 slider_7 slider_8 slider_9 slider_10 slider_11 \
             slider_12 slider_13 slider_14 slider_15 slider_16 base axes trigger_channel seed morph journey store_code clear_codes stay_in_key align",
            "a changed key loses users' automation"
        );
        assert_eq!(notes_by_group().count(), NOTE_PARAM_COUNT);
    }

    #[test]
    fn scales_begin_with_their_root_and_ones_own_is_what_is_switched_on() {
        let mut values = NoteValues::default();
        assert_eq!(Scale::pitch_classes(&values), 0xfff);
        for scale in Scale::ALL {
            values.set(NoteParam::Scale, scale.value());
            for root in Root::ALL {
                values.set(NoteParam::Root, root.value());
                assert_eq!(Scale::pitch_classes(&values) >> *root as u32 & 1, 1, "{scale:?} {root:?}");
            }
        }
        values.set(NoteParam::Scale, Scale::Major.value());
        values.set(NoteParam::Root, Root::D.value());
        assert_eq!(Scale::pitch_classes(&values), 0b1010_1101_0110, "D major");
        values.set(NoteParam::Scale, Scale::Own.value());
        for key in OWN_SCALE {
            values.set(key, 0.0);
        }
        assert_eq!(Scale::pitch_classes(&values), 0);
        values.set(NoteParam::KeyFSharp, 1.0);
        assert_eq!(Scale::pitch_classes(&values), 1 << 6);
    }
}
