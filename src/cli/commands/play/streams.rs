//! The callbacks of a sound card. That of the output is the audio thread.

use super::{
    bridge::{InputEnd, OutputEnd, bridge},
    devices::{Card, NO_DEVICE, Side, label, refused},
    performer::{MAX_BLOCK, Monitor},
    sound_card::Guest,
};
use crate::cli::terminal::remark;
use crate::cli::{error::CliError, one_line};
use cpal::{
    Error, ErrorKind, FromSample, I24, Sample, SampleFormat, SizedSample, Stream,
    traits::{DeviceTrait, StreamTrait},
};
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// Running streams; they end when this goes.
pub struct Streams {
    /// What to call the devices.
    pub name: String,
    /// The output and the input, as they can be chosen by.
    pub devices: [String; 2],
    _streams: Vec<Stream>,
}

/// Calls a generic function with the type of a format.
macro_rules! with_type {
    ($side:expr, $function:ident($($argument:expr),*)) => {
        match $side.format {
            SampleFormat::F32 => $function::<f32>($($argument),*),
            SampleFormat::I32 => $function::<i32>($($argument),*),
            SampleFormat::I24 => $function::<I24>($($argument),*),
            SampleFormat::I16 => $function::<i16>($($argument),*),
            other => Err(CliError::Device {
                device: $side.device.to_string(),
                action: "opened",
                reason: format!("expected samples of 16, 24 or 32 bits, found {other}"),
            }),
        }
    };
}

/// Opens and starts the devices of a card.
///
/// # Errors
/// The system's word.
pub(crate) fn open(card: &Card, guest: Guest, monitor: &Arc<Monitor>) -> Result<Streams, CliError> {
    let mut streams = Vec::new();
    let mut from_input = None;
    if let Some(side) = &card.input {
        let (input, output) = bridge(side.config.channels, card.input_channel, card.period, monitor);
        from_input = Some(output);
        streams.push(with_type!(side, listen(side, input, monitor))?);
    }
    let (side, channels) = (&card.output, card.channels());
    streams.push(with_type!(side, speak(side, guest, from_input, channels, monitor))?);
    for stream in &streams {
        match stream.play() {
            // Served as any other thread is: more overruns, but sound.
            Err(error) if error.kind() == ErrorKind::RealtimeDenied => {
                remark!("warning: {}", one_line(&error.to_string()));
            }
            played => played.map_err(|error| refused(&side.device, "played", &error))?,
        }
    }
    let ears = card.input.as_ref().map_or_else(|| "no input".into(), |side| format!("listening to {}", side.device));
    let input = card.input.as_ref().map_or_else(|| NO_DEVICE.into(), |side| label(&side.device));
    let devices = [label(&card.output.device), input];
    Ok(Streams { devices, name: one_line(&format!("{}, {ears},", card.output.device)), _streams: streams })
}

fn listen<T: SizedSample>(side: &Side, mut input: InputEnd, monitor: &Arc<Monitor>) -> Result<Stream, CliError>
where
    f32: FromSample<T>,
{
    let callback = move |data: &[T], _: &cpal::InputCallbackInfo| input.push(data, f32::from_sample);
    let stream = side.device.build_input_stream(side.config, callback, watch(monitor), None);
    stream.map_err(|error| refused(&side.device, "opened", &error))
}

fn speak<T: SizedSample + FromSample<f32>>(
    side: &Side,
    mut guest: Guest,
    mut from_input: Option<OutputEnd>,
    channels: usize,
    monitor: &Arc<Monitor>,
) -> Result<Stream, CliError> {
    let device_channels = usize::from(side.config.channels);
    let mut sound = [vec![0.0f32; MAX_BLOCK], vec![0.0f32; MAX_BLOCK]];
    let callback = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        for chunk in data.chunks_mut(MAX_BLOCK * device_channels) {
            let samples = chunk.len() / device_channels;
            let [left, right] = &mut sound;
            let mut block = [&mut left[..samples], &mut right[..samples]];
            let block = &mut block[..channels];
            match &mut from_input {
                Some(input) => input.fill(block),
                None => block.iter_mut().for_each(|channel| channel.fill(0.0)),
            }
            guest.play(block);
            for (i, frame) in chunk.chunks_exact_mut(device_channels).enumerate() {
                for (channel, sample) in frame.iter_mut().enumerate() {
                    *sample = block.get(channel).map_or(T::EQUILIBRIUM, |sound| T::from_sample(sound[i]));
                }
            }
        }
    };
    let stream = side.device.build_output_stream(side.config, callback, watch(monitor), None);
    stream.map_err(|error| refused(&side.device, "opened", &error))
}

/// Counts what passes by itself; notes what ends the sound, for the terminal.
fn watch(monitor: &Arc<Monitor>) -> impl FnMut(Error) + Send + 'static {
    let monitor = Arc::clone(monitor);
    move |error| match error.kind() {
        ErrorKind::Xrun => _ = monitor.overruns.fetch_add(1, Relaxed),
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        // The first reason is the reason.
        _ => _ = monitor.failure.set(one_line(&error.to_string())),
    }
}
