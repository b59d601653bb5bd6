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

/// Catalogues whose numbers are read out of titles, as [`catalogue_words`] spells them.
const CATALOGUES: [&str; 8] = ["bwv", "d", "hob", "hwv", "k", "op", "rv", "woo"];
/// What a part of a title is of a movement's, if such a word stands in it.
const MOVEMENT_WORDS: [&str; 8] = ["mouvement", "movement", "mov", "mvt", "part", "satz", "teil", "tempo"];

/// The name of a work: composer and opus; where there is no opus, the catalogue number that the title tells, or the
/// title without what names a movement. In small letters. Two works may get one name, as pieces of one work must not
/// get two.
pub fn work_of(composer: &str, opus: &str, title: &str) -> String {
    let opus = catalogue_words(whole_opus(opus));
    let work = if opus.is_empty() { number_in(title).unwrap_or_else(|| whole_title(title)) } else { opus.join(" ") };
    format!("{}: {work}", plain(composer))
}

/// In small letters, blanks as one.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words and numbers without punctuation, with one spelling for opus, number and Köchel.
fn catalogue_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for letter in text.to_lowercase().chars() {
        // "Op.10" and "K6" are two words, "453a" is one.
        match words.last_mut() {
            Some(word) if last.is_alphanumeric() && !(last.is_alphabetic() && letter.is_ascii_digit()) => {
                word.extend(letter.is_alphanumeric().then_some(letter));
            }
            _ => words.extend(letter.is_alphanumeric().then(|| letter.to_string())),
        }
        last = letter;
    }
    let one_spelling = |word: String| match &*word {
        "o" | "opus" => "op".into(),
        "n" | "nr" | "nº" | "n°" => "no".into(),
        "kv" => "k".into(),
        _ => word,
    };
    words.into_iter().map(one_spelling).collect()
}

/// An opus without the movement behind it: "O 20, No. 1: 2" is "O 20, No. 1".
fn whole_opus(opus: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match opus.trim().rsplit_once(": ") {
        Some((work, movement)) if is_number(movement.trim()) && work.ends_with(|c: char| c.is_ascii_digit()) => work,
        _ => opus,
    }
}

/// The first catalogue number of a title.
fn number_in(title: &str) -> Option<String> {
    let words = catalogue_words(title);
    let is_number = |word: Option<&String>| word.is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    (0..words.len()).filter(|&at| CATALOGUES.contains(&&*words[at])).find_map(|at| {
        // "BWV Anh. 113" and "Hob. XVI:27" have a word between.
        let between = words.get(at + 1).filter(|word| *word == "anh" || words[at] == "hob" && is_roman(word));
        let mut end = at + 1 + usize::from(between.is_some());
        if !is_number(words.get(end)) {
            return None;
        }
        end += 1;
        if words.get(end).is_some_and(|word| word == "no") && is_number(words.get(end + 1)) {
            end += 2;
        }
        Some(words[at..end].join(" "))
    })
}

/// A title without what names a movement: behind a dash or a colon; "(1st movement)"; ", ii".
fn whole_title(title: &str) -> String {
    let title = plain(title);
    let names_movement =
        |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| MOVEMENT_WORDS.contains(&word));
    let mut work = &title[..];
    for mark in [" - ", " – ", " — ", ": "] {
        work = work.split(mark).next().unwrap_or_default();
    }
    if let Some((before, _)) = work.split_once('(').filter(|(_, inside)| names_movement(inside)) {
        work = before;
    }
    // "Sonate I, II. Menuetto", "Sonate I, 2. Satz"; not "Prelude, Fugue and Allegro".
    let is_movement = |text: &str| {
        let first = text.trim_start().split([' ', '.']).next().unwrap_or_default();
        is_roman(first) || names_movement(text)
    };
    let tail = work.match_indices(',').find(|&(at, _)| is_movement(&work[at + 1..]));
    work = tail.map_or(work, |(at, _)| &work[..at]).trim();
    if work.is_empty() { title } else { work.into() }
}

fn is_roman(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| b"ivx".contains(&byte))
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
    const FROZEN: [(&str, Split); 4] = [
        ("bachjs: bwv 1079", Split::Training),
        ("bachjs: bwv 784", Split::Validation),
        ("handelgf: air", Split::Test),
        ("mozartwa: k 331", Split::Training),
    ];

    #[test]
    fn a_work_is_its_opus_or_else_what_its_title_tells() {
        for (composer, opus, title, work) in [
            ("BachJS", " BWV  1080", "Contrapunctus I", "bachjs: bwv 1080"),
            ("BachJS", "", "Aria", "bachjs: aria"),
            ("BachJS", "", "Fuga 15 - BWV 860", "bachjs: bwv 860"),
            ("BachJS", "", "Praeludium 15 - BWV 860", "bachjs: bwv 860"),
            ("BachJS", "BWV Anh. 113", "Menuet", "bachjs: bwv anh 113"),
            ("BachJS", "", "Menuet, BWV Anh. 113", "bachjs: bwv anh 113"),
            ("KuhlauF", "O 20, No. 1: 1", "Sonatine I - Allegro", "kuhlauf: op 20 no 1"),
            ("KuhlauF", "O 20, No. 1: 3", "Sonatine I - Rondo", "kuhlauf: op 20 no 1"),
            ("KuhlauF", "", "Sonatine Op.20 No.1 - Rondo", "kuhlauf: op 20 no 1"),
            ("HaydnFJ", "", "Sonate Hob. XVI:27, Menuetto", "haydnfj: hob xvi 27"),
            ("HaydnFJ", "Hob. XVI: 27", "Sonate", "haydnfj: hob xvi 27"),
            ("HaydnFJ", "", "Sonate I, I - Allegro con brio", "haydnfj: sonate i"),
            ("HaydnFJ", "", "Sonate II, I - Allegro moderato", "haydnfj: sonate ii"),
            ("HaydnFJ", "", "Sonate II, II - Menuetto", "haydnfj: sonate ii"),
            ("HaydnFJ", "", "Sonate II, III. Presto", "haydnfj: sonate ii"),
            ("BendaJA", "", "Sonate, 3. Satz", "bendaja: sonate"),
            (
                "BeethovenLv",
                "",
                "Sonata No. 8 “Pathétique” (1st Movement: Grave, Allegro molto e con brio)",
                "beethovenlv: sonata no. 8 “pathétique”",
            ),
            (
                "BeethovenLv",
                "",
                "Sonata No. 8 “Pathétique” (3rd Movement: Rondo)",
                "beethovenlv: sonata no. 8 “pathétique”",
            ),
            ("MozartWA", "KV 453a", "Marche funebre", "mozartwa: k 453a"),
            ("SatieE", "", "Gymnopédie No. 2", "satiee: gymnopédie no. 2"),
            ("Mendelssohn", "", "Lied Ohne Worte - Opus 53 No. 5 - Volkslied", "mendelssohn: op 53 no 5"),
            ("Alkan", "", " - ", "alkan: -"),
        ] {
            assert_eq!(work_of(composer, opus, title), work, "{opus:?} {title:?}");
        }
    }

    #[test]
    fn a_sonata_in_eight_files_is_one_work() {
        let parts = [
            "Tema",
            "Variation 1",
            "Variation 2",
            "Variation 3",
            "Variation 4",
            "Variation 5",
            "Variation 6",
            "Menuetto",
        ];
        for part in parts {
            let title = format!("Sonate Opus KV 331 - {part}");
            assert_eq!(work_of("MozartWA", "", &title), "mozartwa: k 331", "{title}");
            assert_eq!(work_of("MozartWA", "", &title.replace("Opus KV 331", "in A")), "mozartwa: sonate in a");
        }
    }
}
