//! The table of all parameters: the one place that knows them.
//!
//! [`with_parameters`] hands its rows to another macro. [`super::values`] makes [`ParamId`](super::ParamId) and
//! [`SPECS`](super::values::SPECS) of them, `crate::params` the groups under which hosts show them.
//!
//! A group: what it holds, the type and the field of its parameters in the plugin, its title, and, unless hosts show its
//! parameters outside all groups, the title there. A row:
//!
//! - its number, which is its place in [`SPECS`](super::values::SPECS): a new parameter takes the next one, wherever it
//!   stands, and none is ever used again;
//! - its name in [`ParamId`](super::ParamId) and its field in the plugin;
//! - its key, which is its id in hosts, states and files and never changes, and its name as it is shown;
//! - its kind, with least, greatest and default value: a constructor of [`super::values`];
//! - how its numbers are written: a constant of [`super::values`];
//! - where it acts, and what it does.
//!
//! Within a group rows stand in the order in which hosts show them. Defaults let the first insert make sound.

/// Hands the table to the macro named.
macro_rules! with_parameters {
    ($then:ident) => {
        $then! {
            /// Which models play.
            Slots slots "Models" {
                4 Model model "model" "Model" integer(0.0, 127.0, 3.0) SLOT Prediction "Slot of the model: 0 to 63 embedded, 64 to 127 your own.";
                48 MorphModel morph_model "morph_model" "Morph Model" integer(-1.0, 127.0, -1.0) SECOND_SLOT Prediction "Slot of a second model that continues the same seed; -1 is none.";
            }
            /// What a performer reaches for.
            Play play "Play" in "Play" {
                0 Mix mix "mix" "Mix" linear(0.0, 100.0, 50.0) PERCENT Rendering "Dry to wet at equal power; exactly dry at 0 and exactly wet at 100.";
                3 Temperature temperature "temperature" "Temperature" linear(0.0, 2.0, 1.0) RATIO Prediction "Spread of the predictions, as a multiple of what the model's maker recommends; of a listening model at a low Listen, of what it learnt.";
                8 Hold hold "hold" "Hold" skewed(1.0, 61.0, 12.0) HOLD Prediction "How long a continuation plays when no new seed replaces it; above 60 without end.";
                12 Continue continue_now "continue" "Continue" trigger() SWITCH Prediction "Seeds a continuation from what was just heard, each time it goes on.";
                13 Freeze freeze "freeze" "Freeze" switch(false) SWITCH Prediction "Holds what sounds: nothing replaces it and it does not end, until Freeze goes off.";
                10 Stop stop "stop" "Stop" switch(false) SWITCH Rendering "Fades everything in 20 ms and starts nothing while on.";
            }
            /// What is heard, and when it seeds a continuation.
            Seed seed "Seed" in "Seed" {
                5 InputGain input_gain "input_gain" "Input Gain" linear(-24.0, 24.0, 0.0) DECIBELS Both "Gain of what is listened to, by models, triggers, ducking and strings; the dry signal is not touched.";
                7 Gate gate "gate" "Gate" linear(-90.0, 0.0, -60.0) FULL_SCALE Both "Input whose RMS lies below this is silence: it seeds nothing and ends a phrase.";
                1 SeedLength seed_length "seed_length" "Seed Length" skewed(0.05, 10.0, 2.0) TIME Prediction "How many of the last seconds of input seed a continuation.";
                9 RandomSeed random_seed "random_seed" "Random Seed" integer(0.0, 65_535.0, 0.0) WHOLE Prediction "The number from which all that is random follows.";
                14 AutoStart auto_start "auto_start" "Auto Start" switch(true) SWITCH Prediction "Begins by itself once Seed Length of sound has been heard and nothing plays.";
                2 ReseedInterval reseed_interval "reseed_interval" "Re-seed Interval" skewed(0.0, 60.0, 8.0) INTERVAL Prediction "Time from one seed to the next, counted from song position 0; 0 is never.";
                51 SeedSource seed_source "seed_source" "Seed Source" choice(SeedSource::CHOICES) CHOICE Both "What seeds continuations.";
                52 Capture capture "capture" "Capture Seed" trigger() SWITCH Prediction "Stores the last Seed Length of the input in the project, each time it goes on: the seed source Captured.";
                15 IntervalBeats interval_beats "interval_beats" "Re-seed Beats" integer(0.0, 64.0, 0.0) BEATS Prediction "Beats of the song from one seed to the next, while the transport runs; 0 is never.";
                16 StartTrigger start_trigger "start_trigger" "Start Trigger" switch(false) SWITCH Prediction "Seeds a continuation when the song starts, as soon as the first quarter second of sound was heard.";
                17 OnsetTrigger onset_trigger "onset_trigger" "Onset Trigger" switch(false) SWITCH Prediction "Every attack in the input seeds a continuation.";
                18 Sensitivity sensitivity "sensitivity" "Sensitivity" linear(0.0, 100.0, 50.0) PERCENT Prediction "How soft an attack may be that still counts.";
                19 Answer answer "answer" "Answer" switch(false) SWITCH Prediction "Call and response: when a phrase has ended, it seeds its continuation.";
                20 AnswerAfter answer_after "answer_after" "Answer After" skewed(0.02, 4.0, 0.25) TIME Prediction "How long the input must lie below the gate before a phrase has ended.";
                21 MidiTrigger midi_trigger "midi_trigger" "MIDI Trigger" switch(false) SWITCH Prediction "Every note-on seeds a continuation, as loud as its velocity says.";
            }
            /// How models that listen answer what they hear.
            Listening listening "Listening" in "Listening" {
                54 Listen listen "listen" "Listen" linear(0.0, 100.0, 80.0) PERCENT Prediction "How closely a listening model keeps to what it recalls of you: at 0 it plays freely, at 100 it recombines what you played.";
                56 Thread thread "thread" "Thread" skewed(0.05, 20.0, 0.5) TIME Prediction "How long a listening model follows one memory, on average, before it jumps to another that is alike.";
                57 Recency recency "recency" "Recency" skewed(0.0, 10.0, 3.0) PER_SECOND Prediction "How fast a listening model leaves behind what you played before, while you play on: at 0 all of the last 20 seconds counts the same.";
                58 Loyalty loyalty "loyalty" "Loyalty" linear(0.0, 100.0, 0.0) PERCENT Prediction "How reluctant a listening model is to play notes that it did not hear.";
                59 Dynamics dynamics "dynamics" "Dynamics" choice(Dynamics::CHOICES) CHOICE Prediction "How loud a listening model is while you play.";
                60 LevelTemperature level_temperature "level_temperature" "Level Temperature" linear(-1.0, 1.0, 0.0) RATIO Prediction "Added to Temperature where a listening model decides how loud it is.";
                55 Recall recall "recall" "Recall" choice(Recall::CHOICES) CHOICE Prediction "What a listening model may recall.";
            }
            /// How it learns from what is played.
            Learning learning "Learning" in "Learning" {
                61 Learn learn "learn" "Learn" switch(false) SWITCH Prediction "A listening model goes on learning from what it hears; while off, what it has learnt stays.";
                62 LearnRate learn_rate "learn_rate" "Learn Rate" linear(0.0, 100.0, 50.0) PERCENT Prediction "How fast it learns; at 0 not at all.";
                63 LearnAmount learn_amount "learn_amount" "Learn Amount" linear(0.0, 100.0, 100.0) PERCENT Prediction "From the model as it was, at 0, to what it has learnt.";
                64 LearnMemory learn_memory "learn_memory" "Learn Memory" linear(8.0, 120.0, 60.0) LONG_TIME Prediction "How far back it takes what it learns from.";
                65 LearnPull learn_pull "learn_pull" "Learn Pull" linear(0.0, 100.0, 30.0) PERCENT Prediction "How strongly it is held to what it knew before.";
                66 LearnForget learn_forget "learn_forget" "Forget" trigger() SWITCH Prediction "Forgets what was learnt, each time it goes on.";
                67 CarryOn carry_on "carry_on" "Carry On" switch(false) SWITCH Prediction "What was learnt stays when the song starts anew or jumps; two passes then differ.";
                68 KeepLearnt keep_learnt "keep_learnt" "Keep Learnt" command() SWITCH Prediction "Makes a model of your own of what was learnt (plugin and `play`).";
                69 LearnTake learn_take "learn_take" "Learn Take" command() SWITCH Rendering "Makes a model of your own that has learnt from the last Take Length of what you played (plugin and `play`).";
                70 LearnRecord learn_record "learn_record" "Learn Record" command() SWITCH Rendering "Marks where a take to learn from begins; when it goes off, what was played since is learnt (plugin and `play`).";
                71 LearnSeconds learn_seconds "learn_seconds" "Take Length" linear(5.0, 120.0, 60.0) LONG_TIME Rendering "How many of the last seconds Learn Take learns from.";
            }
            /// How many continuations sound, and where.
            Voices voices "Voices" in "Voices" {
                30 VoiceLevel voice_level "voice_level" "Voice Level" linear(-60.0, 12.0, 0.0) LEVEL Rendering "Gain of the continuations; at -60 there are none, only what sounds in sympathy.";
                23 Voices voices "voices" "Voices" integer(1.0, 4.0, 1.0) WHOLE Prediction "Continuations that sound at once; one more replaces the oldest.";
                24 Stagger stagger "stagger" "Stagger" skewed(0.0, 4.0, 0.25) TIME Prediction "Least time from the start of one voice to that of the next, with two voices and more.";
                25 Spread spread "spread" "Spread" linear(0.0, 100.0, 70.0) PERCENT Both "How far voices, and neighbouring bands of the strings, stand apart in the stereo field.";
                22 MidiTranspose midi_transpose "midi_transpose" "MIDI Transpose" switch(false) SWITCH Prediction "The note transposes its continuation; C3 (60) leaves the pitch.";
                50 Stereo stereo "stereo" "Stereo" choice(Stereo::CHOICES) CHOICE Prediction "What models hear of two channels; Linked and Dual cost twice as much.";
            }
            /// How they differ from what their model would say.
            Colour colour "Colour" in "Colour" {
                44 Stretch stretch "stretch" "Time Stretch" skewed(0.25, 8.0, 1.0) RATIO Prediction "Hop size of magnitude and listening models as a multiple of their own: 2 is half the speed at the same pitch.";
                45 Peaks peaks "peaks" "Peak Picking" choice(Peaks::CHOICES) CHOICE Prediction "Which bins of magnitude models sound.";
                46 Dropout dropout "dropout" "Dropout" linear(0.0, 90.0, 0.0) PERCENT Prediction "Part of the network that is silenced while it predicts, another part with every frame.";
                47 Drift drift "drift" "Drift" linear(0.0, 100.0, 0.0) PERCENT Prediction "How far the parts of the network slowly wander from their levels, away from what it has learnt.";
                49 Morph morph "morph" "Morph" linear(0.0, 100.0, 50.0) PERCENT Prediction "From the first model to the second, at equal power.";
            }
            /// The strings that answer at once.
            Sympathy sympathy "Sympathy" in "Sympathy" {
                31 SwellLevel swell_level "swell_level" "Swell Level" linear(-60.0, 24.0, -60.0) LEVEL Rendering "Gain of the swell: what you play opens silent loops of predictions, band by band. -60 is off.";
                32 ShimmerLevel shimmer_level "shimmer_level" "Shimmer Level" linear(-60.0, 24.0, -60.0) LEVEL Rendering "Gain of the swell with a tremolo that quickens and deepens with the envelope. -60 is off.";
                33 SympathyAttack sympathy_attack "sympathy_attack" "Sympathy Attack" skewed(0.001, 2.0, 0.05) SHORT_TIME Rendering "How fast a band opens.";
                34 SympathyRelease sympathy_release "sympathy_release" "Sympathy Release" skewed(0.05, 10.0, 1.5) TIME Rendering "How fast a band closes.";
                40 TremoloRate tremolo_rate "tremolo_rate" "Tremolo Rate" skewed(0.5, 20.0, 8.0) HERTZ Rendering "Rate of the shimmer's tremolo in a band that is fully open.";
                41 TremoloDepth tremolo_depth "tremolo_depth" "Tremolo Depth" linear(0.0, 100.0, 100.0) PERCENT Rendering "Depth of the shimmer's tremolo in a band that is fully open.";
                42 LoopLength loop_length "loop_length" "Loop Length" linear(0.5, 8.0, 4.0) LONG_TIME Prediction "Length of the loops; each is cut where it best fits.";
                39 Tuning tuning "tuning" "Tuning" choice(Tuning::CHOICES) CHOICE Rendering "Where the bands lie.";
                35 Bands bands "bands" "Bands" integer(8.0, 48.0, 36.0) WHOLE Rendering "Bands of the filter bank, at most; a tuning may have fewer notes.";
                36 LowHz low_hz "low_hz" "Lowest Band" skewed(40.0, 2000.0, 80.0) HERTZ Rendering "Where the bands begin.";
                37 HighHz high_hz "high_hz" "Highest Band" skewed(200.0, 12_000.0, 2500.0) HERTZ Rendering "Where the bands end.";
                38 BandQ band_q "band_q" "Band Q" skewed(2.0, 120.0, 30.0) NUMBER Rendering "How narrow a band is: its centre divided by its width.";
            }
            /// What becomes of them.
            Output output "Output" in "Output" {
                6 WetGain wet_gain "wet_gain" "Wet Gain" linear(-24.0, 12.0, 0.0) DECIBELS Rendering "Gain of the continuation, before the soft limit.";
                26 DuckWet duck_wet "duck_wet" "Duck Wet" linear(-60.0, 0.0, 0.0) LEVEL Rendering "Gain of the wet while the input lies above the gate; -60 is silence.";
                27 DuckDry duck_dry "duck_dry" "Duck Dry" linear(-60.0, 0.0, 0.0) LEVEL Rendering "Gain of the dry while the input lies below the gate; -60 is silence.";
                28 DuckAttack duck_attack "duck_attack" "Duck Attack" skewed(0.005, 1.0, 0.05) SHORT_TIME Rendering "How long ducking takes once the input rises above the gate.";
                29 DuckRelease duck_release "duck_release" "Duck Release" skewed(0.01, 5.0, 0.5) TIME Rendering "How long ducking takes to go back once the input lies below the gate.";
                43 FeedbackGuard feedback_guard "feedback_guard" "Feedback Guard" switch(true) SWITCH Rendering "Lowers the wet by 12 dB while the input contains it, through the room or a bus.";
                11 Bypass bypass "bypass" "Bypass" switch(false) SWITCH Rendering "Dry only, bit for bit, after a 10 ms cross-fade.";
                53 Keep keep "keep" "Save Take" trigger() SWITCH Rendering "Writes the last two minutes of wet and of dry to files, each time it goes on (plugin and `play`).";
            }
        }
    };
}

pub(crate) use with_parameters;
