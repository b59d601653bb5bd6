//! The bundle as hosts load it, from its file, on whatever system this program runs on.

use super::{
    SET,
    host::{Job, Plugin},
    job, material, shared,
};
use crate::common::{assert_same_bits, phrase};
use clack_extensions::render::RenderMode as HostMode;
use std::path::PathBuf;

/// Names the file.
const FILE_VARIABLE: &str = "SYMPATHY_TEST_CLAP";

#[test]
#[ignore = "needs a bundle: cargo xtask hosts"]
fn a_bundle_plays_what_the_plugin_in_this_program_plays() {
    let _shared = shared();
    let path = PathBuf::from(std::env::var_os(FILE_VARIABLE).expect("SYMPATHY_TEST_CLAP names a file"));
    let model = material::model();
    for sample_rate_hz in [44_100, 48_000] {
        let input = phrase(sample_rate_hz, 3.0, 2);
        let first_insert = Job { automation: &[], ..job(sample_rate_hz, &input, &[512]) };
        for (what, job, travels) in [
            ("a model of the project", job(sample_rate_hz, &input, &[441]), true),
            ("a first insert", first_insert, false),
        ] {
            let [loaded, own] = [Plugin::from_file(&path), Plugin::new()].map(|mut plugin| {
                if travels {
                    assert!(plugin.load(&material::state(&model)));
                    SET.iter().for_each(|&(id, normalised)| plugin.set(id, normalised));
                }
                plugin.set_render_mode(HostMode::Offline);
                plugin.play(&job)
            });
            let wet = loaded.iter().flatten().zip(input.iter().flatten());
            assert!(
                wet.map(|(out, dry)| (out - dry * 0.5_f32.sqrt()).abs()).fold(0.0, f32::max) > 1e-3,
                "{what} is heard"
            );
            assert_same_bits(&loaded, &own, &format!("{what} at {sample_rate_hz} Hz"));
        }
    }
}
