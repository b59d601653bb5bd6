//! Pure maths on `f32` slices.
//!
//! No dependency on threads, files, models or hosts. Every processing method works on memory that a constructor
//! allocated; transcendental functions come from the `libm` crate and FFTs from the portable code paths of `rustfft`, so
//! that a result depends on the build and not on the machine's C library or processor.

pub mod feedback;
pub mod filter_bank;
pub mod float_mode;
pub mod follower;
pub mod leash;
pub mod level;
pub mod limiter;
pub mod log_spectrum;
pub mod measure;
pub mod noise;
pub mod onset;
pub mod partials;
pub mod phrase;
pub mod pluck;
pub mod random;
pub mod resample;
pub mod seam;
pub mod stft;
pub mod tuning;
pub mod vocoder;
