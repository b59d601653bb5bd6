//! What a release hands out for a system: both bundles, the licences, the notices and the bills of materials, in one archive.

use crate::{
    bundle::{Profile, UNIVERSAL, bundle, check_size},
    notices, reproduce, run, sbom,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Builds it and returns the archive, `target/release-files/sympathy-VERSION-TRIPLE.zip`.
pub fn release(triple: Option<&str>) -> Result<PathBuf> {
    let bundles = bundle(Profile::Bundle, triple)?;
    check_size(&bundles.clap_file())?;
    reproduce::check_paths(&bundles.clap_file())?;
    let triple = triple.unwrap_or(run::host());
    let name = name(triple)?;
    let root = run::root()?;
    let folder = run::target_folder()?.join("release-files");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let notices = folder.join(format!("{name}-notices.txt"));
    notices::write(of_one_processor(triple), &notices)?;
    let bills = sbom::write(of_one_processor(triple), &folder, &name)?;
    let archive = folder.join(format!("{name}.zip"));
    let file = File::create(&archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    // Most of it is models, which hardly shrink.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(reproduce::archive_time()?);
    // Plugin files are programs: macOS and Linux want them so.
    let (program, text) = (options.unix_permissions(0o755), options.unix_permissions(0o644));
    for bundle in [&bundles.clap, &bundles.vst3] {
        add(&mut zip, bundle, &format!("{name}/{}", file_name(bundle)), program)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        add(&mut zip, &root.join(licence), &format!("{name}/{licence}.txt"), text)?;
    }
    add(&mut zip, &notices, &format!("{name}/THIRD-PARTY-NOTICES.txt"), text)?;
    for (bill, (what, _)) in bills.iter().zip(sbom::BILLS) {
        add(&mut zip, bill, &format!("{name}/SBOM-{what}.cdx.json"), text)?;
    }
    zip.finish()?.flush()?;
    fs::remove_file(&notices)?;
    println!("{}", archive.display());
    Ok(archive)
}

/// `cargo xtask sbom`: the bills of materials alone, where a release puts them.
///
/// # Errors
/// As [`sbom::write`].
pub fn bills(triple: Option<&str>) -> Result<()> {
    let triple = triple.unwrap_or(run::host());
    sbom::write(of_one_processor(triple), &run::target_folder()?.join("release-files"), &name(triple)?).map(|_| ())
}

/// The beginning of the names of everything that is handed out for a system.
fn name(triple: &str) -> Result<String> {
    Ok(format!("sympathy-{}-{triple}", version()?))
}

/// Both processors of a universal bundle need the same crates.
fn of_one_processor(triple: &str) -> &str {
    if triple == UNIVERSAL { "aarch64-apple-darwin" } else { triple }
}

/// The version of the package.
fn version() -> Result<String> {
    let metadata = run::metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let ours = packages.iter().find(|package| package["name"] == crate::features::PACKAGE);
    let version = ours.and_then(|package| package["version"].as_str()).context("the package has no version")?;
    Ok(version.into())
}

/// Adds a file, or a folder with all it holds in the order of the names.
fn add(zip: &mut ZipWriter<BufWriter<File>>, path: &Path, name: &str, options: SimpleFileOptions) -> Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        entries.sort();
        let add = |entry: &PathBuf| add(zip, entry, &format!("{name}/{}", file_name(entry)), options);
        return entries.iter().try_for_each(add);
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    zip.start_file(name, options)?;
    Ok(zip.write_all(&bytes)?)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
