//! Parameters whose values are words. Each value is declared once: key, name and meaning, in the order of the numbers.

use super::{ParamId, ParamValues};

/// A value that is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The word on the command line and in files; never changes.
    pub key: &'static str,
    /// What hosts show.
    pub name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
}

/// The type of the parameter of the same name. Its first value is the default.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($values:tt)+ }) => {
        choice!([ParamId, ParamValues] $(#[$doc])* $name { $($values)+ });
    };
    ([$Id:ident, $Values:ident] $(#[$doc:meta])* $name:ident { $($value:ident $key:literal $label:literal $meaning:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $meaning] $value,)+
        }

        impl $name {
            /// All values, in the order of the parameter's numbers.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];
            /// Key, name and meaning of each.
            pub const CHOICES: &'static [Choice] = &[$(Choice { key: $key, name: $label, meaning: $meaning },)+];

            /// The one that is chosen.
            pub fn of(values: &$Values) -> Self {
                Self::ALL[(values.get($Id::$name) as usize).min(Self::ALL.len() - 1)]
            }

            /// The parameter's number.
            pub fn value(self) -> f32 {
                f32::from(self as u8)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }
    };
}
#[cfg(feature = "notes")]
pub(super) use choice;

choice! {
    /// What a listening model may recall: [`ParamId::Recall`].
    Recall {
        You "you" "You" "What was heard, of the last 20 seconds.";
        Both "both" "You and Itself" "Its own predictions too: it wanders off.";
    }
}

choice! {
    /// How loud a listening model is while the performer plays: [`ParamId::Dynamics`].
    Dynamics {
        Own "own" "Own" "As it goes on by itself.";
        Follow "follow" "Follow" "Loud where the performer is loud.";
        Opposite "opposite" "Opposite" "Soft where the performer is loud.";
    }
}

choice! {
    /// What seeds are made of: [`ParamId::SeedSource`].
    SeedSource {
        Input "input" "Input" "The input.";
        Sidechain "sidechain" "Sidechain" "The sidechain, which is then all that is listened to.";
        White "white" "White Noise" "White noise.";
        Perlin "perlin" "Perlin Noise" "Perlin noise.";
        Captured "captured" "Captured" "What Capture Seed has stored.";
    }
}

impl SeedSource {
    /// True for what is listened to; the others are there without any input.
    pub fn is_heard(self) -> bool {
        matches!(self, Self::Input | Self::Sidechain)
    }
}

choice! {
    /// What models hear of two channels: [`ParamId::Stereo`].
    Stereo {
        Mid "mid" "Mid" "The middle.";
        Linked "linked" "Linked" "Each channel for itself, with the same chance.";
        Dual "dual" "Dual" "Each channel for itself, with a chance of its own.";
    }
}

choice! {
    /// Which bins of a magnitude frame sound: [`ParamId::Peaks`].
    Peaks {
        Trained "trained" "As Trained" "As the model's maker chose.";
        Off "all" "All Bins" "All of them.";
        On "peaks" "Peaks Only" "Those larger than both their neighbours.";
    }
}

choice! {
    /// Where the bands of the strings lie: [`ParamId::Tuning`].
    Tuning {
        ConstantQ "constant_q" "Constant Q" "Equally far apart on a logarithmic scale.";
        Chromatic "chromatic" "Chromatic" "All twelve notes of an octave.";
        EMinor "e_minor" "E minor" "The natural minor scale on E.";
        OpenStrings "open_strings" "Open Strings" "The open strings of a guitar (E2 A2 D3 G3 B3 E4) and their harmonics 2, 3 and 4; of those within 30 cents the lowest.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_its_number_and_keys_are_frozen() {
        for &source in SeedSource::ALL {
            let mut values = ParamValues::default();
            values.set(ParamId::SeedSource, source.value());
            assert_eq!(SeedSource::of(&values), source);
        }
        assert_eq!(SeedSource::of(&ParamValues::default()), SeedSource::Input);
        let all =
            [SeedSource::CHOICES, Stereo::CHOICES, Peaks::CHOICES, Tuning::CHOICES, Recall::CHOICES, Dynamics::CHOICES];
        let keys = all.map(|choices| choices.iter().map(|choice| choice.key).collect::<Vec<_>>().join(" "));
        assert_eq!(
            keys,
            [
                "input sidechain white perlin captured",
                "mid linked dual",
                "trained all peaks",
                "constant_q chromatic e_minor open_strings",
                "you both",
                "own follow opposite"
            ],
            "a changed key loses users' presets"
        );
    }
}
