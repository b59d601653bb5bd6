//! What a release hands out for a system: both bundles, the licences and the notices, in one archive.

use crate::{
    bundle::{Profile, bundle, check_size},
    notices, run,
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
    let triple = triple.unwrap_or(run::host());
    let name = format!("sympathy-{}-{triple}", version()?);
    let root = run::root()?;
    let folder = run::target_folder()?.join("release-files");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let notices = folder.join(format!("{name}-notices.txt"));
    // Both processors of a universal bundle need the same crates.
    notices::write(if triple == crate::bundle::UNIVERSAL { "aarch64-apple-darwin" } else { triple }, &notices)?;
    let archive = folder.join(format!("{name}.zip"));
    let file = File::create(&archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for bundle in [&bundles.clap, &bundles.vst3] {
        add(&mut zip, bundle, &format!("{name}/{}", file_name(bundle)))?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        add(&mut zip, &root.join(licence), &format!("{name}/{licence}.txt"))?;
    }
    add(&mut zip, &notices, &format!("{name}/THIRD-PARTY-NOTICES.txt"))?;
    zip.finish()?.flush()?;
    fs::remove_file(&notices)?;
    println!("{}", archive.display());
    Ok(archive)
}

/// The version of the package.
fn version() -> Result<String> {
    let metadata = run::metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let ours = packages.iter().find(|package| package["name"] == crate::features::PACKAGE);
    let version = ours.and_then(|package| package["version"].as_str()).context("the package has no version")?;
    Ok(version.into())
}

/// Adds a file, or a folder with all it holds.
fn add(zip: &mut ZipWriter<BufWriter<File>>, path: &Path, name: &str) -> Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(zip, entry, &format!("{name}/{}", file_name(entry))));
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    // Plugin files are programs: macOS and Linux want them so.
    let mode = if name.ends_with(".txt") { 0o644 } else { 0o755 };
    // Most of it is models, which hardly shrink.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(mode);
    zip.start_file(name, options)?;
    Ok(zip.write_all(&bytes)?)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
