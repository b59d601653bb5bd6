//! What the programs of `fuzz_targets/` share.

pub mod targets;

pub use libfuzzer_sys;
use std::panic;

/// The program of a target: `fuzz!("its name")`.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(init: $crate::expect_panics(), |bytes: &[u8]| {
            $crate::targets::run($name, bytes);
        });
    };
}

/// libFuzzer's hook ends the program at every panic. Those of symphonia are caught where it is called and are no finding; what leaves
/// a target ends the program then.
pub fn expect_panics() {
    panic::set_hook(Box::new(|panic| {
        if !panic.location().is_some_and(|place| place.file().contains("symphonia")) {
            eprintln!("{panic}");
        }
    }));
}
