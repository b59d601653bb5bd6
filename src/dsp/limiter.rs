//! The output's soft limiter: memoryless, so that no prediction exceeds −0.3 dBFS.

/// −0.3 dBFS as an amplitude: 10^(−0.3/20).
pub const CEILING: f32 = 0.966_050_9;
/// Below this amplitude (−6 dBFS) a sample passes unchanged.
const KNEE: f32 = 0.5;

/// Bends `x` smoothly below [`CEILING`]; exact identity up to the knee, slope 1 there, odd, monotone; NaN becomes 0.
///
/// # Realtime safety
/// Safe on the audio thread.
pub fn soft_limit(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude <= KNEE {
        return x;
    }
    if magnitude.is_nan() {
        return 0.0;
    }
    // u/(1+u) has slope 1 at 0 and tends to 1; u is the excess in units of the room that is left.
    let room = CEILING - KNEE;
    let u = (magnitude - KNEE) / room;
    let bent = if u.is_finite() { KNEE + room * (u / (1.0 + u)) } else { CEILING };
    bent.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_below_the_knee_and_never_over_the_ceiling() {
        assert!((CEILING - libm::powf(10.0, -0.3 / 20.0)).abs() < 1e-6);
        for i in -500..=500 {
            let x = i as f32 / 1000.0;
            assert_eq!(soft_limit(x).to_bits(), x.to_bits());
        }
        let mut last = 0.0;
        for i in 0..10_000 {
            let y = soft_limit(i as f32 * 0.01);
            assert!(y >= last && y <= CEILING, "at {}", i as f32 * 0.01);
            last = y;
        }
        assert_eq!(soft_limit(f32::INFINITY), CEILING);
        assert_eq!(soft_limit(f32::NEG_INFINITY), -CEILING);
        assert_eq!(soft_limit(f32::NAN), 0.0);
        assert_eq!(soft_limit(f32::MAX), CEILING);
    }
}
