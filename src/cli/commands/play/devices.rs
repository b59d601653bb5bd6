//! Sound cards: listing, selection and capabilities.

use super::ports::{self, Direction};
use crate::cli::{
    error::CliError,
    instrument::{MAX_RATE_HZ, MIN_RATE_HZ},
    one_line,
};
use cpal::{
    BufferSize, Device, Host, HostId, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfigRange,
    traits::{DeviceTrait, HostTrait},
};

/// The value of `--input-device` for no input.
pub const NO_DEVICE: &str = "none";
/// Formats of samples, the best first; other ones are not asked for.
const FORMATS: [SampleFormat; 4] = [SampleFormat::F32, SampleFormat::I32, SampleFormat::I24, SampleFormat::I16];

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Device to play on, by its name or id; the usual one.
    pub output: Option<String>,
    /// Device to listen to; [`NO_DEVICE`]: none.
    pub input: Option<String>,
    /// The one channel that is heard, from 1.
    pub input_channel: Option<u16>,
    /// Sample rate; the device's usual one.
    pub rate: Option<u32>,
    /// Samples a period.
    pub period: u32,
}

/// A device and how it is to run.
pub struct Side {
    /// The device.
    pub device: Device,
    /// Channels, rate, period.
    pub config: StreamConfig,
    /// Its sample format.
    pub format: SampleFormat,
}

/// The selected devices, not running yet.
pub struct Card {
    /// Played on.
    pub output: Side,
    /// Listened to.
    pub input: Option<Side>,
    /// The one channel that is heard, from 1.
    pub input_channel: Option<u16>,
    /// Of both.
    pub sample_rate_hz: u32,
    /// Samples a period, as wanted.
    pub period: usize,
}

impl Card {
    /// Channels that are played.
    pub fn channels(&self) -> usize {
        usize::from(self.output.config.channels).min(2)
    }
}

/// Every backend with its devices, and the MIDI ports.
pub fn list() -> String {
    let mut text = String::new();
    for id in cpal::available_hosts() {
        text += &format!("backend {id}{}\n", if id == cpal::default_host().id() { " (the usual one)" } else { "" });
        let Ok(host) = cpal::host_from_id(id) else {
            continue;
        };
        for is_input in [true, false] {
            let usual = if is_input { host.default_input_device() } else { host.default_output_device() };
            let devices = devices(&host, is_input);
            text += if is_input { "  input devices\n" } else { "  output devices\n" };
            for device in &devices {
                let mark = if usual.as_ref() == Some(device) { " (the usual one)" } else { "" };
                text += &format!("    {}{mark}\n", label(device));
            }
            if devices.is_empty() {
                text += "    none\n";
            }
        }
    }
    for direction in [Direction::In, Direction::Out] {
        text += &format!("{direction}s\n");
        let names = ports::names(direction);
        names.iter().for_each(|name| text += &format!("  {}\n", one_line(name)));
        if names.is_empty() {
            text += "  none\n";
        }
    }
    text
}

/// The devices that the options mean, and configurations that both can run in.
///
/// # Errors
/// Which option cannot be met, and what could be.
pub fn choose(backend: Option<&str>, chosen: &Chosen) -> Result<Card, CliError> {
    let host = host(backend)?;
    let output = match &chosen.output {
        Some(name) => find(&host, false, "--output-device", name)?,
        None => host.default_output_device().ok_or_else(|| CliError::Option {
            option: "--output-device",
            expected: format!("a sound card for {} (--dummy plays without one, --list tells all)", host.id()),
            actual: "none".into(),
        })?,
    };
    let input = match chosen.input.as_deref() {
        Some(NO_DEVICE) => None,
        Some(name) => Some(find(&host, true, "--input-device", name)?),
        None => host.default_input_device(),
    };
    let usual = output.default_output_config().map_err(|error| refused(&output, "opened", &error))?;
    let sample_rate_hz = chosen.rate.unwrap_or(usual.sample_rate());
    let output = side(output, false, sample_rate_hz, chosen.period)?;
    let input = input.map(|device| side(device, true, sample_rate_hz, chosen.period)).transpose()?;
    if let (Some(channel), Some(input)) = (chosen.input_channel, &input)
        && channel > input.config.channels
    {
        return Err(CliError::Option {
            option: "--input-channel",
            expected: format!("1 to {} for {}", input.config.channels, label(&input.device)),
            actual: channel.to_string(),
        });
    }
    let (input_channel, period) = (chosen.input_channel, chosen.period as usize);
    Ok(Card { output, input, input_channel, sample_rate_hz, period })
}

/// Names of the output devices and of the input devices of a backend, as they can be chosen by.
pub fn names(backend: Option<&str>) -> [Vec<String>; 2] {
    let Ok(host) = host(backend) else { return Default::default() };
    [false, true].map(|is_input| devices(&host, is_input).iter().map(label).collect())
}

fn host(name: Option<&str>) -> Result<Host, CliError> {
    let Some(name) = name else {
        return Ok(cpal::default_host());
    };
    let ids = cpal::available_hosts();
    let id = name.parse::<HostId>().ok().filter(|id| ids.contains(id)).ok_or_else(|| CliError::Option {
        option: "--backend",
        expected: ids.iter().map(HostId::to_string).collect::<Vec<_>>().join(" or "),
        actual: format!("{name:?}"),
    })?;
    cpal::host_from_id(id).map_err(|error| CliError::Device {
        device: format!("backend {id}"),
        action: "opened",
        reason: one_line(&error.to_string()),
    })
}

fn devices(host: &Host, is_input: bool) -> Vec<Device> {
    let all = host.devices().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let fits = |device: &Device| if is_input { device.supports_input() } else { device.supports_output() };
    all.into_iter().filter(fits).collect()
}

/// A device's name, and its id where several may have one name.
pub fn label(device: &Device) -> String {
    let name = device.description().map(|description| description.name().to_owned()).unwrap_or_default();
    one_line(&device.id().map_or(name.clone(), |id| format!("{name} [{id}]")))
}

fn find(host: &Host, is_input: bool, option: &'static str, name: &str) -> Result<Device, CliError> {
    let devices = devices(host, is_input);
    let is_meant = |device: &&Device| {
        label(device) == name
            || device.id().is_ok_and(|id| id.to_string() == name || id.id() == name)
            || device.description().is_ok_and(|description| description.name() == name)
    };
    devices.iter().find(is_meant).cloned().ok_or_else(|| {
        let labels: Vec<String> = devices.iter().map(label).collect();
        let there = if labels.is_empty() { "there is none".into() } else { labels.join(", ") };
        CliError::Option {
            option,
            expected: format!("a device of {} ({there})", host.id()),
            actual: format!("{name:?}"),
        }
    })
}

/// How a device can run at a rate.
fn side(device: Device, is_input: bool, sample_rate_hz: u32, period: u32) -> Result<Side, CliError> {
    let configs: Result<Vec<SupportedStreamConfigRange>, cpal::Error> = if is_input {
        device.supported_input_configs().map(Iterator::collect)
    } else {
        device.supported_output_configs().map(Iterator::collect)
    };
    let configs = configs.map_err(|error| refused(&device, "asked what it can do", &error))?;
    let best = best(&configs, sample_rate_hz).ok_or_else(|| CliError::Option {
        option: "--rate",
        expected: format!("a rate of {} ({})", label(&device), rates(&configs)),
        actual: format!("{sample_rate_hz}"),
    })?;
    let buffer_size = match *best.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => BufferSize::Fixed(period.clamp(min, max)),
        _ => BufferSize::Default,
    };
    let config = StreamConfig { channels: best.channels(), sample_rate: sample_rate_hz, buffer_size };
    Ok(Side { config, format: best.sample_format(), device })
}

/// Two channels or the next more, then one; of equal ones the best format.
fn best(configs: &[SupportedStreamConfigRange], sample_rate_hz: u32) -> Option<SupportedStreamConfigRange> {
    let rank = |config: &SupportedStreamConfigRange| {
        let format = FORMATS.iter().position(|format| *format == config.sample_format())?;
        let channels = config.channels();
        let distance = if channels >= 2 { channels - 2 } else { u16::MAX };
        (channels > 0 && config.contains_rate(sample_rate_hz)).then_some((distance, format))
    };
    let ranked = configs.iter().filter_map(|config| Some((rank(config)?, *config)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, config)| config)
}

fn rates(configs: &[SupportedStreamConfigRange]) -> String {
    let mut ranges: Vec<String> = configs
        .iter()
        .filter(|config| FORMATS.contains(&config.sample_format()))
        .map(|config| (config.min_sample_rate().max(MIN_RATE_HZ), config.max_sample_rate().min(MAX_RATE_HZ)))
        .filter(|(min, max)| min <= max)
        .map(|(min, max)| if min == max { format!("{min}") } else { format!("{min} to {max}") })
        .collect();
    ranges.sort();
    ranges.dedup();
    if ranges.is_empty() { "it has none that can be played".into() } else { ranges.join(", ") + " Hz" }
}

/// What the system says of a device.
pub fn refused(device: &Device, action: &'static str, error: &cpal::Error) -> CliError {
    CliError::Device { device: label(device), action, reason: one_line(&error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_configuration_is_stereo_in_floats_at_the_rate() {
        let any = SupportedBufferSize::Unknown;
        let config = |channels, min, max, format| SupportedStreamConfigRange::new(channels, min, max, any, format);
        let configs = [
            config(1, 44_100, 48_000, SampleFormat::F32),
            config(8, 44_100, 48_000, SampleFormat::F32),
            config(2, 44_100, 48_000, SampleFormat::I16),
            config(2, 44_100, 48_000, SampleFormat::I32),
            config(2, 96_000, 96_000, SampleFormat::F32),
            config(2, 44_100, 48_000, SampleFormat::U8),
        ];
        let found = |rate| best(&configs, rate).map(|config| (config.channels(), config.sample_format()));
        assert_eq!(found(48_000), Some((2, SampleFormat::I32)));
        assert_eq!(found(96_000), Some((2, SampleFormat::F32)));
        assert_eq!(found(22_050), None);
        assert_eq!(best(&configs[..1], 48_000).map(|config| config.channels()), Some(1));
        assert_eq!(rates(&configs), "44100 to 48000, 96000 Hz");
        assert_eq!(rates(&[]), "it has none that can be played");
    }
}
