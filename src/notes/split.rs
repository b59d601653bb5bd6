//! Which pieces a network is trained on. All pieces of a work are in one split: a segment of a sonata whose other
//! movement was trained on is no test.

use crate::dsp::random::mix64;
use serde::{Deserialize, Serialize};

/// The part of the works that tests, and the part that validates: that of the published data.
const HELD_OUT: f64 = 0.063;

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Networks learn from it.
    Training,
    /// It decides when a training ends.
    Validation,
    /// It judges a network that is done.
    Test,
}

impl Split {
    /// All, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// The split of a work: by a hash of its name, so that it stays where it is when others come or go.
    pub fn of_work(work: &str) -> Self {
        // FNV-1a, whose last bytes reach only some bits before they are mixed.
        let hash = work
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let place = (mix64(hash) >> 11) as f64 / (1u64 << 53) as f64;
        match place {
            place if place < HELD_OUT => Self::Test,
            place if place < 2.0 * HELD_OUT => Self::Validation,
            _ => Self::Training,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The name of a work: composer and opus, or the title where there is no opus; in small letters, blanks as one.
pub fn work_of(composer: &str, opus: &str, title: &str) -> String {
    let plain = |text: &str| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let (opus, title) = (plain(opus), plain(title));
    format!("{}: {}", plain(composer), if opus.is_empty() { title } else { opus })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_stay_in_their_split_and_one_in_sixteen_is_tested() {
        for (work, split) in FROZEN {
            assert_eq!(Split::of_work(work), split, "{work}");
        }
        let count = |wanted| (0..10_000).filter(|n| Split::of_work(&format!("composer: op. {n}")) == wanted).count();
        for held_out in [Split::Test, Split::Validation] {
            assert!((560..700).contains(&count(held_out)), "{held_out:?}: {}", count(held_out));
        }
    }

    /// A change moves test pieces into trainings.
    const FROZEN: [(&str, Split); 3] =
        [("bachjs: bwv 1079", Split::Training), ("bachjs: bwv 784", Split::Validation), ("handelgf: air", Split::Test)];

    #[test]
    fn a_work_is_its_opus_or_else_its_title() {
        assert_eq!(work_of("BachJS", " BWV  1080", "Contrapunctus I"), "bachjs: bwv 1080");
        assert_eq!(work_of("BachJS", "", "Aria"), "bachjs: aria");
    }
}
