//! Sound within a page.

use super::Recording;
use base64::{Engine, engine::general_purpose::STANDARD};

/// A WAV file of 16-bit samples as an address that holds it.
pub fn data_uri(recording: &Recording) -> String {
    let channels = recording.channels.len() as u16;
    let data_bytes = (2 * recording.length_samples() * usize::from(channels)) as u32;
    let mut file = Vec::with_capacity(44 + data_bytes as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    // 1: PCM.
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&recording.sample_rate_hz.to_le_bytes());
    file.extend_from_slice(&(recording.sample_rate_hz * 2 * u32::from(channels)).to_le_bytes());
    file.extend_from_slice(&(2 * channels).to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    for index in 0..recording.length_samples() {
        for channel in &recording.channels {
            let sample = (channel[index] * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
            file.extend_from_slice(&sample.to_le_bytes());
        }
    }
    format!("data:audio/wav;base64,{}", STANDARD.encode(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_comes_back_within_half_a_step() {
        let channels = vec![vec![0.0, 0.5, -0.25, 2.0], vec![1.0, -1.0, 1e-6, -2.0]];
        let recording = Recording { path: "a.wav".into(), sample_rate_hz: 22_050, channels };
        let uri = data_uri(&recording);
        let file = STANDARD.decode(uri.strip_prefix("data:audio/wav;base64,").expect("an address")).expect("base64");
        let mut reader = hound::WavReader::new(std::io::Cursor::new(file)).expect("a WAV file");
        assert_eq!((reader.spec().channels, reader.spec().sample_rate, reader.spec().bits_per_sample), (2, 22_050, 16));
        let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
        assert_eq!(samples, [0, 32_767, 16_384, -32_767, -8192, 0, 32_767, -32_768]);
    }
}
