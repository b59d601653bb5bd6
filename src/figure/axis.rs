//! Axes: from a value to its place, and the values at which something is written.

/// An axis from `low` to `high`; logarithmic ones have `low` above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Value at its beginning.
    pub low: f64,
    /// Value at its end.
    pub high: f64,
    /// Equal steps are equal ratios.
    pub log: bool,
    /// Values between whole numbers have no meaning.
    pub whole: bool,
}

impl Axis {
    /// An axis over the finite values, with a little room at both ends where `room`; logarithmic ones look at positive
    /// values only. None if there is no value.
    pub fn over(values: impl IntoIterator<Item = f64>, log: bool, room: bool) -> Option<Self> {
        let fits = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        let (mut low, mut high) = values
            .into_iter()
            .filter(fits)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return None;
        }
        if log {
            let margin = if low == high { 1.1 } else { libm::pow(high / low, 0.04) };
            if room || low == high {
                (low, high) = ((low / margin).max(f64::MIN_POSITIVE), (high * margin).min(f64::MAX));
            }
        } else if low == high {
            let margin = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
            (low, high) = (low - margin, high + margin);
        } else if room {
            let margin = 0.04 * (high - low);
            (low, high) = (low - margin, high + margin);
        }
        Some(Self { low, high, log, whole: false })
    }

    /// Where a value lies: 0 at `low`, 1 at `high`; values outside lie at the ends.
    pub fn part(&self, value: f64) -> f64 {
        let part = if self.log {
            let value = value.max(f64::MIN_POSITIVE);
            (libm::log(value) - libm::log(self.low)) / (libm::log(self.high) - libm::log(self.low))
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// About `most` round values at most, with their texts.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let decades = if self.log { libm::log10(self.high / self.low) } else { 0.0 };
        if decades < 1.0 {
            return self.even_ticks(most);
        }
        let (first, last) = (libm::floor(libm::log10(self.low)) as i32, libm::ceil(libm::log10(self.high)) as i32);
        let factors: &[f64] = if decades * 3.0 <= most as f64 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let stride = (decades / most as f64).ceil().max(1.0) as usize;
        (first..=last)
            .step_by(stride)
            .flat_map(|power| factors.iter().map(move |factor| factor * libm::pow(10.0, f64::from(power))))
            .filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (value, short(value, significant(value))))
            .collect()
    }

    fn even_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let span = self.high - self.low;
        let mut step = libm::pow(10.0, libm::floor(libm::log10(span / most as f64)));
        for factor in [2.0, 2.5, 2.0] {
            if span / step > most as f64 {
                step *= factor;
            }
        }
        if self.whole {
            step = step.max(1.0);
        }
        if !(step.is_finite() && step > 0.0) {
            return Vec::new();
        }
        let decimals = (-libm::floor(libm::log10(step))).clamp(0.0, 12.0) as usize;
        let first = libm::ceil(self.low / step - 1e-9);
        (0..=most)
            .map(|index| (first + index as f64) * step)
            .take_while(|value| *value <= self.high + 1e-9 * span)
            .map(|value| (value, short(value, decimals)))
            .collect()
    }
}

/// Decimals of a round number of a logarithmic axis.
fn significant(value: f64) -> usize {
    (-libm::floor(libm::log10(value))).clamp(0.0, 12.0) as usize
}

/// A round number with so many decimals; very large and very small ones with a power of ten.
pub fn short(value: f64, decimals: usize) -> String {
    let size = value.abs();
    let text = if size >= 1e6 || (size > 0.0 && size < 1e-4) {
        let power = libm::floor(libm::log10(size) + 1e-9) as i32;
        let mantissa = format!("{:.2}", value / libm::pow(10.0, f64::from(power)));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.').to_string();
        let raised: String = power.to_string().chars().map(raise).collect();
        if mantissa == "1" { format!("10{raised}") } else { format!("{mantissa}·10{raised}") }
    } else if size >= 10_000.0 && decimals == 0 {
        grouped(value.round() as i64)
    } else {
        format!("{value:.decimals$}")
    };
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if zero { text.trim_start_matches('-').to_string() } else { text.replace('-', "−") }
}

/// A whole number in groups of three digits, with narrow spaces.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = if value < 0 { "−".to_string() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn raise(character: char) -> char {
    match character {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn texts(low: f64, high: f64, log: bool) -> Vec<String> {
        Axis { low, high, log, whole: false }.ticks(6).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(texts(0.0, 1.0, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(-30.0, 12.0, false), ["−30", "−20", "−10", "0", "10"]);
        assert_eq!(
            texts(0.0, 50_000.0, false),
            ["0", "10\u{202f}000", "20\u{202f}000", "30\u{202f}000", "40\u{202f}000", "50\u{202f}000"]
        );
        assert_eq!(texts(0.03, 1.2, true), ["0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(texts(1e-7, 1.0, true), ["10⁻⁷", "10⁻⁵", "0.001", "0.1"]);
        assert_eq!(texts(0.31, 0.38, true), ["0.32", "0.34", "0.36", "0.38"]);
        assert_eq!(short(-0.0, 1), "0.0");
        assert_eq!(short(2.5e7, 0), "2.5·10⁷");
        assert_eq!(grouped(-1_234_567), "−1\u{202f}234\u{202f}567");
    }

    #[test]
    fn ticks_are_few_rise_and_lie_inside_for_any_range() {
        let mut random = Random::new(6);
        for round in 0..5000 {
            let log = round % 2 == 0;
            let mut value = || f64::from(random.normal()) * libm::pow(10.0, f64::from(random.below(40) as i32 - 20));
            let mut values = [value(), value()];
            if log {
                values = values.map(f64::abs);
            }
            let Some(axis) = Axis::over(values, log, true) else { continue };
            let ticks = axis.ticks(6);
            assert!(ticks.len() <= 9, "{axis:?}: {ticks:?}");
            assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0), "{axis:?}: {ticks:?}");
            assert!(ticks.iter().all(|(value, _)| (-1e-6..=1.000_001).contains(&axis.part(*value))), "{axis:?}");
            assert!(values.iter().all(|value| (0.0..=1.0).contains(&axis.part(*value))), "{axis:?}");
        }
    }

    #[test]
    fn odd_values_give_an_axis_or_none() {
        assert_eq!(Axis::over([], false, true), None);
        assert_eq!(Axis::over([f64::NAN, f64::INFINITY], false, true), None);
        assert_eq!(Axis::over([0.0, -1.0], true, true), None);
        for values in [[0.0, 0.0], [5.0, 5.0], [-3.0, -3.0], [f64::MIN, f64::MAX], [f64::MIN_POSITIVE, f64::MAX]] {
            for log in [false, true] {
                let Some(axis) = Axis::over(values, log, true) else { continue };
                assert!(axis.ticks(6).len() <= 9 && axis.part(f64::NAN) == 0.0, "{values:?}");
            }
        }
    }
}
