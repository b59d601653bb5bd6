//! The report of a run, as a file and in a browser.
#![cfg(feature = "train")]

use crate::common::{browser::Browser, journals::write_run};
use std::{collections::HashSet, fs, io::BufReader, path::Path};
use sympathy::train::{report, run::journal::*};
use tempfile::TempDir;

const HOSTILE: &str = "Hostile </title><script>document.title='broken'</script> \"name\" & 'so on'";
/// One seed and one output at four places of the run, and the material.
const SOUNDS: usize = 9;
/// Curves, sounds and tensors.
const PICTURES: usize = 7 + SOUNDS + 6;

fn run_folder(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_run(folder.path(), name);
    folder
}

fn written(folder: &Path) -> String {
    let path = report::write(folder).expect("a good run");
    assert_eq!(path, folder.join(report::REPORT_NAME));
    fs::read_to_string(path).expect("the report")
}

/// Tags of a page in order, with their attributes.
fn tags(html: &str) -> Vec<&str> {
    let body = html.split("<!DOCTYPE html>").nth(1).expect("a declaration of HTML 5");
    body.split('<').skip(1).map(|rest| rest.split_once('>').expect("an end of every tag").0).collect()
}

#[test]
fn a_report_is_whole_well_formed_and_needs_nothing_else() {
    let folder = run_folder("A run");
    let html = written(folder.path());
    let mut open = Vec::new();
    for tag in tags(&html) {
        let name = tag.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> ends what was opened");
        } else if !tag.ends_with('/') && !["meta"].contains(&name) {
            open.push(name);
        }
        assert_ne!(name, "script");
        // Attributes that load or lead somewhere.
        for attribute in ["src=\"", "href=\"", "url("] {
            for value in tag.split(attribute).skip(1) {
                let inside = value.starts_with("data:image/png;base64,") || value.starts_with("data:audio/wav;base64,");
                assert!(
                    inside
                        || value.starts_with('#')
                        || (name == "a" && value.starts_with("samples/"))
                        || value.starts_with("material.wav"),
                    "{tag:.200}"
                );
            }
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag:.200}");
    }
    assert_eq!(open, [""; 0]);
    let addresses: HashSet<&str> = html.split('"').filter(|text| text.contains("://")).collect();
    assert_eq!(addresses, HashSet::from(["http://www.w3.org/2000/svg"]), "a namespace is loaded from nowhere");
    assert_eq!(html.matches("<svg ").count(), PICTURES);
    assert_eq!(html.matches("<audio ").count(), SOUNDS);
    let titles = html.matches("<title>").count();
    assert_eq!(titles, 1 + PICTURES, "every picture has a title");
    for text in
        ["Loss per step", "take 2.wav", "Parameters", "214\u{202f}336", "rnn.weight_hh_l0", "approach.hop", "MBE"]
    {
        assert!(html.contains(text), "{text}");
    }
    // Nothing but the report was added.
    assert!(!folder.path().join("report.html.part").exists());
}

#[test]
fn every_link_leads_to_a_file_of_the_run() {
    let folder = run_folder("A run");
    let html = written(folder.path());
    let links: Vec<&str> = html
        .split("<a href=\"")
        .skip(1)
        .filter(|link| !link.starts_with('#'))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links.len(), SOUNDS);
    for link in links {
        let name = link.replace("%20", " ").replace("%2C", ",");
        assert!(folder.path().join(&name).is_file(), "{link}");
    }
}

#[test]
fn hostile_names_are_only_text() {
    let folder = run_folder(HOSTILE);
    let html = written(folder.path());
    assert!(!html.contains("<script") && html.contains("Hostile &lt;/title&gt;&lt;script&gt;"));
}

#[test]
fn a_run_that_has_hardly_begun_has_a_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = report::write(folder.path()).expect_err("no journal").to_string();
    assert!(error.contains("journal.jsonl: cannot be read"), "{error}");
    let path = folder.path().join(report::JOURNAL_NAME);
    let mut journal = JournalFile::create(&path).expect("space");
    assert!(written(folder.path()).contains("Training run"));
    journal.append(&Entry::Step(StepEntry { step: 1, loss: -2.0, rate: 0.0, gradient_norm: f64::NAN })).expect("space");
    assert!(written(folder.path()).contains("Loss per step"));
    let output = SampleEntry { step: 1, stream: 0, seed: "/etc/passwd".into(), output: "absent.wav".into() };
    journal.append(&Entry::Sample(output)).expect("space");
    let html = written(folder.path());
    assert!(
        html.contains("/etc/passwd: expected a file inside the run") && html.contains("absent.wav: cannot be read")
    );
    fs::write(&path, "no journal\n").expect("space");
    let error = report::write(folder.path()).expect_err("no journal").to_string();
    assert!(error.contains("journal.jsonl: line 1: expected an entry"), "{error}");
    assert!(fs::read_to_string(folder.path().join(report::REPORT_NAME)).expect("the old report") == html);
}

#[test]
fn of_many_outputs_the_latest_are_shown_and_the_others_listed() {
    let folder = run_folder("A run");
    let mut journal = JournalFile::resume(&folder.path().join(report::JOURNAL_NAME), u64::MAX).expect("the journal");
    for step in 1..=30 {
        let (seed, output) = ("samples/step 000500, stream 0, seed.wav".into(), "material.wav".into());
        journal.append(&Entry::Sample(SampleEntry { step: 10_000 + step, stream: 1, seed, output })).expect("space");
    }
    let html = written(folder.path());
    // The material, the one seed and 24 of the 34 outputs.
    assert_eq!(html.matches("<svg ").count(), 7 + 26 + 6);
    assert!(html.contains("10 earlier outputs are not in this page"));
    assert_eq!(html.matches("<li>").count(), 10);
}

/// Width, height and pixels, RGB or RGBA.
fn pixels(path: &Path) -> (u32, u32, Vec<[u8; 3]>) {
    let file = BufReader::new(fs::File::open(path).expect("the picture"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG file");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a picture that fits into memory")];
    let info = reader.next_frame(&mut bytes).expect("a whole picture");
    let size = info.color_type.samples();
    (info.width, info.height, bytes.chunks_exact(size).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}

#[test]
fn a_browser_draws_it_wide_and_narrow() {
    let Some(browser) = Browser::find() else { return };
    let folder = run_folder(HOSTILE);
    written(folder.path());
    for (width, height) in [(1400, 5200), (390, 9000)] {
        let picture = folder.path().join("page.png");
        browser.photograph(&folder.path().join(report::REPORT_NAME), width, height, &picture);
        let (w, h, pixels) = pixels(&picture);
        assert_eq!((w, h), (width, height));
        let colours: HashSet<[u8; 3]> = pixels.iter().copied().collect();
        assert!(colours.len() > 500, "curves, spectrograms and their shades, {} colours at {width}", colours.len());
        let coloured = pixels.iter().filter(|[r, g, b]| r.abs_diff(*g).max(g.abs_diff(*b)) > 40).count();
        let part = coloured as f64 / pixels.len() as f64;
        assert!((0.02..0.6).contains(&part), "{part} of the page at {width} is coloured");
    }
}

/// What a browser sees of a page, once it knows all sounds.
const SCRIPT: &str = "<script>addEventListener('load', () => {
    const seen = what => [...document.querySelectorAll(what)].map(element => element.getBoundingClientRect())
        .filter(box => box.width > 2 && box.height > 50).length;
    const sounds = [...document.querySelectorAll('audio')];
    const tell = () => document.body.setAttribute('data-told', JSON.stringify({
        title: document.title, pictures: seen('svg'), images: seen('svg image'),
        texts: document.querySelectorAll('svg text').length,
        wide: document.documentElement.scrollWidth > innerWidth,
        seconds: sounds.map(sound => sound.duration), errors: sounds.filter(sound => sound.error).length,
    }));
    sounds.forEach(sound => ['loadedmetadata', 'error'].forEach(event => sound.addEventListener(event, tell)));
    tell();
});</script></body>";

/// The answer of [`SCRIPT`] and the lengths of the sounds that were known by then.
fn asked(browser: &Browser, page: &Path) -> (serde_json::Value, Vec<f64>) {
    let dom = browser.dump(page);
    let told = dom.split("data-told=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an answer");
    let told = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(told.to_string(), |text, (entity, character)| text.replace(entity, character));
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let seconds = told["seconds"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
    (told, seconds)
}

#[test]
fn a_browser_finds_every_picture_and_can_play_every_sound() {
    let Some(browser) = Browser::find() else { return };
    let folder = run_folder(HOSTILE);
    let html = written(folder.path());
    // A copy in which a script may ask the browser; the report itself refuses scripts.
    let asking = html.replacen("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'", 1);
    assert_ne!(asking, html);
    let page = folder.path().join("asking.html");
    fs::write(&page, asking.replace("</body>", SCRIPT)).expect("space");
    let (mut told, mut seconds) = asked(&browser, &page);
    // A busy machine may decode later than the browser answers.
    for _ in 0..10 {
        if seconds.len() == SOUNDS {
            break;
        }
        (told, seconds) = asked(&browser, &page);
    }
    assert_eq!(told["title"], format!("{HOSTILE}: training report"), "{told}");
    assert_eq!(told["pictures"], PICTURES, "{told}");
    // A spectrogram and its colours for each sound, a heat map for each tensor.
    assert_eq!(told["images"], 2 * SOUNDS + 6, "{told}");
    assert!(told["texts"].as_u64().is_some_and(|texts| texts > 200), "{told}");
    assert_eq!((&told["wide"], &told["errors"]), (&false.into(), &0.into()), "{told}");
    assert_eq!(seconds.len(), SOUNDS, "{told}");
    assert!((seconds[0] - 8.0).abs() < 0.01, "the material: {told}");
    assert!((seconds[1] - 2.0).abs() < 0.01, "a seed: {told}");
}
