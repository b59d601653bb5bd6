//! An evaluation as a page that needs nothing else: figures, and every seed with its continuation to be seen and heard.

use super::{
    grade::{CRITERIA, grade_consistency, grade_speed},
    report::{Evaluation, Shown},
    seeds::Seed,
};
use crate::{
    audio_file::{Recording, wav::data_uri},
    figure::{FigureError, Mark, Sound, SoundFigure, html},
};
use std::fmt::Write;

/// So many are shown first.
const WORST: usize = 5;
/// So many pictures are drawn.
const MAX_PICTURES: usize = 64;
/// Bytes of sound within the page.
const MAX_SOUND_BYTES: usize = 64 << 20;

/// The page. `title` and `notes` are text; `speed`: whether what continued the seeds computed at all.
///
/// # Errors
/// [`FigureError`], which no input brings about.
pub fn page(
    title: &str,
    notes: &[String],
    evaluation: &Evaluation,
    seeds: &[Seed],
    speed: bool,
) -> Result<String, FigureError> {
    let order = evaluation.worst_first();
    let (worst, others) = order.split_at(order.len().min(WORST));
    let mut left = Left { sound_bytes: MAX_SOUND_BYTES, pictures: MAX_PICTURES };
    let mut cards = |numbers: &[usize]| -> Result<String, FigureError> {
        let mut body = String::new();
        for &number in numbers {
            if let (Some(seed), Some(Some(shown))) = (seeds.get(number), evaluation.shown.get(number)) {
                body.push_str(&card(evaluation.sample_rate_hz, number, seed, shown, &mut left)?);
            }
        }
        Ok(if body.is_empty() { body } else { format!("<div class=\"grid\">\n{body}</div>\n") })
    };
    let table = format!(
        "<pre class=\"card\" style=\"overflow-x: auto; padding: 12px 14px\">{}</pre>\n",
        html::escape_lines(&evaluation.table(speed))
    );
    let sections = [
        html::section("figures", "Figures", &table),
        html::section("worst", "The worst continuations", &cards(worst)?),
        html::section("others", "The others, from the worst to the best", &cards(others)?),
    ]
    .concat();
    let notes: String = notes.iter().map(|note| format!("<p>{}</p>\n", html::escape(note))).collect();
    let body = format!(
        "<header>\n<h1>{}</h1>\n{notes}{}</header>\n<main>\n{}{sections}</main>\n\
         <footer>Written by Sympathy {}. This page holds all that it shows and loads nothing.</footer>\n",
        html::escape(title),
        html::contents(&sections),
        tiles(evaluation, speed),
        env!("CARGO_PKG_VERSION")
    );
    Ok(html::page(&format!("{title}: evaluation"), &body))
}

fn tiles(evaluation: &Evaluation, speed: bool) -> String {
    let mut tiles = String::new();
    let mut tile = |name: &str, value: String, note: String| {
        _ = writeln!(tiles, "<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>");
    };
    for found in evaluation.summaries() {
        tile(found.criterion.name(), format!("{:.2}", found.score), found.grade.to_string());
    }
    let consistency = evaluation.consistency();
    tile("consistency", format!("{consistency:.2}"), grade_consistency(consistency).to_string());
    if speed {
        let factor = evaluation.real_time_factor();
        tile("speed", format!("{factor:.0} ×"), format!("real time; {}", grade_speed(factor)));
    }
    format!("<dl class=\"tiles\">\n{tiles}</dl>\n")
}

/// What may still go into the page.
struct Left {
    sound_bytes: usize,
    pictures: usize,
}

fn card(
    sample_rate_hz: u32,
    number: usize,
    seed: &Seed,
    shown: &Shown,
    left: &mut Left,
) -> Result<String, FigureError> {
    let name = format!("{}. {}", number + 1, seed.name);
    let mut body = String::new();
    if left.pictures > 0 {
        left.pictures -= 1;
        let samples: Vec<f32> = seed.sound.iter().chain(&shown.sound).copied().collect();
        let sounds = [Sound { title: name.clone(), samples: &samples }];
        let mark = Mark { seconds: seed.sound.len() as f64 / f64::from(sample_rate_hz.max(1)), label: "the seed ends" };
        body +=
            &SoundFigure { sample_rate_hz, sounds: &sounds, mark: Some(mark), seeds: &[], envelope: false }.svg()?;
    } else {
        _ = writeln!(body, "<h3>{}</h3>", html::escape(&name));
    }
    let random = format!("continuation, random seed {}", shown.random_seed);
    for (label, samples) in [("seed", &seed.sound), (random.as_str(), &shown.sound)] {
        body += &player(label, sample_rate_hz, samples, left);
    }
    let mut rows = String::new();
    for criterion in CRITERIA {
        let score = shown.judgement.score(criterion);
        _ = writeln!(
            rows,
            "<tr><th>{}</th><td>{score:.2}</td><td>{}</td></tr>",
            criterion.name(),
            criterion.grade(score)
        );
    }
    let listening = &shown.judgement.listening;
    _ = writeln!(
        rows,
        "<tr><th>own / other / rank</th><td colspan=\"2\">{:.2} / {:.2} / {:.2}; last 5 s: {:.2}</td></tr>",
        listening.whole.own, listening.whole.other, listening.whole.rank, listening.last.own
    );
    Ok(format!("<figure class=\"card sound\">{body}<table><tbody>\n{rows}</tbody></table></figure>\n"))
}

fn player(label: &str, sample_rate_hz: u32, samples: &[f32], left: &mut Left) -> String {
    let recording =
        Recording { path: Default::default(), sample_rate_hz, channels: vec![samples.to_vec()], warnings: Vec::new() };
    let sound = data_uri(&recording);
    let Some(rest) = left.sound_bytes.checked_sub(sound.len()) else {
        let most = MAX_SOUND_BYTES >> 20;
        return format!(
            "<p class=\"missing\">{label}: not in this page, which holds at most {most} MiB of sound</p>\n"
        );
    };
    left.sound_bytes = rest;
    format!(
        "<figcaption>{label}</figcaption>\n<audio controls preload=\"metadata\" aria-label=\"{label}\" src=\"{sound}\">\
         </audio>\n"
    )
}
