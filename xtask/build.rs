//! Tells xtask for which system it is compiled.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(target) = std::env::var("TARGET") {
        println!("cargo::rustc-env=HOST_TRIPLE={target}");
    }
}
