//! Material, seeds and sampled outputs: a picture and a player each.

use super::learning::figure;
use crate::{
    audio_file::{Recording, wav::data_uri},
    figure::{
        FigureError, Sound, SoundFigure,
        axis::grouped,
        html::{address, escape, section},
    },
    train::run::journal::{EpochEntry, Journal, SampleEntry},
};
use std::path::{Component, Path};

/// So many of the latest outputs are shown, and their seeds.
const MAX_OUTPUTS: usize = 24;
/// So many earlier ones are listed.
const MAX_LISTED: usize = 500;
/// Bytes of sound within the page.
const EMBEDDED_BYTES: usize = 32 << 20;
/// No larger file is read.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// So much of a sound is shown and heard.
const MAX_SECONDS: usize = 60;

/// The sections of material and outputs.
pub(super) fn sounds(folder: &Path, journal: &Journal) -> Result<String, FigureError> {
    let mut page = Page { folder, left_bytes: EMBEDDED_BYTES };
    let mut html = String::new();
    if let Some(start) = journal.start.as_ref().filter(|start| !start.material.as_os_str().is_empty()) {
        let card = page.card("Material, as it is trained on", &start.material)?;
        let songs = songs(&start.songs, &journal.epochs);
        html.push_str(&section("material", "Material", &format!("<div class=\"grid\">\n{card}{songs}</div>\n")));
    }
    let (earlier, latest) = journal.samples.split_at(journal.samples.len().saturating_sub(MAX_OUTPUTS));
    let mut body = String::new();
    // Outputs of one seed stand together, the latest first.
    let mut seeds: Vec<&Path> = Vec::new();
    latest.iter().rev().map(|sample| sample.seed.as_path()).for_each(|seed| {
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    });
    for seed in seeds {
        let outputs: Vec<&SampleEntry> = latest.iter().rev().filter(|sample| sample.seed == seed).collect();
        body.push_str("<div class=\"grid\">\n");
        body.push_str(&page.card(&format!("Seed{}", places(&outputs)), seed)?);
        for output in &outputs {
            body.push_str(&page.card(&format!("Output{}", places(&[output])), &output.output)?);
        }
        body.push_str("</div>\n");
    }
    if !earlier.is_empty() {
        body.push_str(&list(earlier));
    }
    if !body.is_empty() {
        let note = "<p class=\"note\">What the model made of seeds from the material while it was trained, the latest \
                    first.</p>\n";
        html.push_str(&section("sounds", "Sampled outputs", &format!("{note}{body}")));
    }
    Ok(html)
}

/// The recordings and how well they were learned.
fn songs(names: &[String], epochs: &[EpochEntry]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for (index, name) in names.iter().enumerate() {
        // The last epoch in which it was heard.
        let loss = epochs.iter().rev().find_map(|epoch| *epoch.songs.get(index)?);
        let loss = loss.map_or("–".to_string(), |loss| figure(loss.into()));
        rows.push_str(&format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), escape(&loss)));
    }
    format!(
        "<div><table><thead><tr><th>Recording</th><th>Training loss, last epoch</th></tr></thead><tbody>\n\
         {rows}</tbody></table></div>\n"
    )
}

/// When and in which stream.
fn places(samples: &[&SampleEntry]) -> String {
    let text = |sample: &SampleEntry| {
        let step = i64::try_from(sample.step).map_or_else(|_| sample.step.to_string(), grouped);
        format!("step {step}, stream {}", sample.stream + 1)
    };
    match samples {
        [] => String::new(),
        [one] => format!(" of {}", text(one)),
        [latest, .., first] => format!(" of {} outputs, {} to {}", samples.len(), text(first), text(latest)),
    }
}

struct Page<'a> {
    folder: &'a Path,
    /// So much sound may still go into the page.
    left_bytes: usize,
}

impl Page<'_> {
    /// The picture and the player of a file, or why there are none.
    fn card(&mut self, title: &str, path: &Path) -> Result<String, FigureError> {
        let content = match self.read(path) {
            Ok(recording) => self.sound(title, path, recording)?,
            Err(reason) => format!("<h3>{}</h3>\n<p class=\"missing\">{}</p>\n", escape(title), escape(&reason)),
        };
        Ok(format!("<figure class=\"card sound\">{content}</figure>\n"))
    }

    fn sound(&mut self, title: &str, path: &Path, mut recording: Recording) -> Result<String, FigureError> {
        let rate = recording.sample_rate_hz;
        let most = MAX_SECONDS * rate as usize;
        let length_seconds = recording.length_samples() as f64 / f64::from(rate);
        let mut notes = vec![format!("{length_seconds:.1} s")];
        if recording.length_samples() > most {
            recording.channels.iter_mut().for_each(|channel| channel.truncate(most));
            notes.push(format!("the first {MAX_SECONDS} s are shown"));
        }
        let mono = recording.mono();
        let sounds = [Sound { title: title.into(), samples: &mono }];
        let picture =
            SoundFigure { sample_rate_hz: rate, sounds: &sounds, mark: None, seeds: &[], envelope: true }.svg()?;
        let sound = data_uri(&recording);
        let player = if sound.len() <= self.left_bytes {
            self.left_bytes -= sound.len();
            format!("<audio controls preload=\"metadata\" aria-label=\"{}\" src=\"{sound}\"></audio>\n", escape(title))
        } else {
            notes.push(format!(
                "not in this page, which holds at most {} MiB of sound: open the file",
                EMBEDDED_BYTES >> 20
            ));
            String::new()
        };
        Ok(format!("{picture}{player}<figcaption>{}, {}</figcaption>\n", link(path), escape(&notes.join("; "))))
    }

    /// Reads a file of the run.
    fn read(&self, path: &Path) -> Result<Recording, String> {
        if !is_inside(path) {
            return Err(format!("{}: expected a file inside the run's folder, found another path", path.display()));
        }
        let place = self.folder.join(path);
        let told = |error: &dyn std::fmt::Display| format!("{}: cannot be read: {error}", path.display());
        let bytes = std::fs::metadata(&place).map_err(|error| told(&error))?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(format!("{}: expected at most {MAX_FILE_BYTES} bytes, found {bytes}", path.display()));
        }
        Recording::read(&place).map_err(|error| error.to_string())
    }
}

/// Outputs that are not shown, as links to their files.
fn list(samples: &[SampleEntry]) -> String {
    let mut html = format!(
        "<details><summary>{} earlier outputs are not in this page; their files lie in the run's folder</summary>\n<ul>\n",
        samples.len()
    );
    for sample in samples.iter().rev().take(MAX_LISTED) {
        let place = places(&[sample]);
        let (seed, output) = (link(&sample.seed), link(&sample.output));
        html.push_str(&format!("<li>{output}{}, from {seed}</li>\n", escape(&place.replacen(" of ", ", ", 1))));
    }
    if samples.len() > MAX_LISTED {
        html.push_str(&format!("<li>and {} more</li>\n", samples.len() - MAX_LISTED));
    }
    html.push_str("</ul></details>\n");
    html
}

/// A link to a file of the run; the mere name of another one.
fn link(path: &Path) -> String {
    let name = escape(&path.display().to_string());
    if !is_inside(path) {
        return name;
    }
    let parts: Vec<String> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    format!("<a href=\"{}\">{name}</a>", address(&parts.join("/")))
}

/// A relative path that does not lead out of the folder that it is relative to.
fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_nowhere_else() {
        for (path, inside) in
            [("a.wav", true), ("samples/a b.wav", true), ("../a.wav", false), ("/etc/passwd", false), ("", false)]
        {
            assert_eq!(is_inside(Path::new(path)), inside, "{path}");
        }
        assert_eq!(link(Path::new("s/a \"b\".wav")), "<a href=\"s/a%20%22b%22.wav\">s/a &quot;b&quot;.wav</a>");
        assert_eq!(link(Path::new("../<b>")), "../&lt;b&gt;");
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut page = Page { folder: folder.path(), left_bytes: 0 };
        let card = page.card("Seed", Path::new("absent.wav")).expect("a card");
        assert!(card.contains("absent.wav: cannot be read") && !card.contains("<audio"), "{card}");
        let card = page.card("Seed", Path::new("../absent.wav")).expect("a card");
        assert!(card.contains("inside the run") && !card.contains("<svg"), "{card}");
    }
}
