//! FLAC files that are written.

use super::Depth;
use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, Stream},
    config::Encoder,
    encode_fixed_size_frame,
    error::{Verified, Verify},
    source::{Context, Fill, FrameBuf},
};
use std::{
    fmt::Display,
    fs::File,
    io::{self, BufWriter, Seek, Write},
    path::Path,
};

/// A FLAC file that is written block by block; no more than a frame of it is in memory.
pub struct FlacFile {
    file: BufWriter<File>,
    config: Verified<Encoder>,
    depth: Depth,
    /// Holds the facts, and no frames: they are in the file.
    stream: Stream,
    frame: (FrameBuf, Context),
    /// Samples that do not fill a frame yet, interleaved.
    pending: Vec<i32>,
    /// The shortest and the longest frame, bytes.
    sizes: Option<(usize, usize)>,
}

impl FlacFile {
    /// Begins a file, in place of one that is there. `depth`: of whole numbers.
    ///
    /// # Errors
    /// The system's, and for what FLAC cannot hold.
    pub fn create(path: &Path, sample_rate_hz: u32, channels: usize, depth: Depth) -> io::Result<Self> {
        let config = Encoder::default().into_verified().map_err(|(_, error)| wrong(error))?;
        let (bits, block) = (usize::from(depth.bits()), config.block_size);
        let mut stream = Stream::new(sample_rate_hz as usize, channels, bits).map_err(wrong)?;
        // The last block, which is shorter, does not count.
        stream.stream_info_mut().set_block_sizes(block, block).map_err(wrong)?;
        let frame = (FrameBuf::with_size(channels, block).map_err(wrong)?, Context::new(bits, channels));
        let mut file = BufWriter::new(File::create(path)?);
        // Its place; what it says is known at the end.
        write_bits(&mut file, &stream)?;
        Ok(Self { file, config, depth, stream, frame, pending: Vec::new(), sizes: None })
    }

    /// Adds samples; `block`: `[channel][sample]`, equally long.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, block: &[&[f32]]) -> io::Result<()> {
        let full = self.config.block_size * self.stream.stream_info().channels();
        for index in 0..block.iter().map(|channel| channel.len()).min().unwrap_or(0) {
            self.pending.extend(block.iter().map(|channel| self.depth.whole(channel[index])));
            if self.pending.len() >= full {
                self.write_frame()?;
            }
        }
        Ok(())
    }

    fn write_frame(&mut self) -> io::Result<()> {
        self.frame.fill_interleaved(&self.pending).map_err(wrong)?;
        self.pending.clear();
        let (samples, context) = &self.frame;
        let number = context.current_frame_number().unwrap_or(0);
        let frame = encode_fixed_size_frame(&self.config, samples, number, self.stream.stream_info()).map_err(wrong)?;
        let size = write_bits(&mut self.file, &frame)?;
        let (least, most) = self.sizes.unwrap_or((size, size));
        self.sizes = Some((least.min(size), most.max(size)));
        Ok(())
    }

    /// Ends the file; without it, it is not whole.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.write_frame()?;
        }
        let (context, facts) = (&self.frame.1, self.stream.stream_info_mut());
        facts.set_md5_digest(&context.md5_digest());
        facts.set_total_samples(context.total_samples());
        if let Some((least, most)) = self.sizes {
            facts.set_frame_sizes(least, most).map_err(wrong)?;
        }
        self.file.rewind()?;
        write_bits(&mut self.file, &self.stream)?;
        self.file.flush()
    }
}

/// Writes a part of a file; gives its bytes.
fn write_bits(file: &mut impl Write, part: &impl BitRepr) -> io::Result<usize> {
    let mut sink = ByteSink::new();
    part.write(&mut sink).map_err(wrong)?;
    file.write_all(sink.as_slice())?;
    Ok(sink.as_slice().len())
}

fn wrong(error: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;
    use flacenc::source::MemSource;

    /// The encoder's own way, with all in memory.
    fn at_once(samples: &[i32], channels: usize, depth: Depth) -> Vec<u8> {
        let config = Encoder::default().into_verified().expect("the usual");
        let source = MemSource::from_samples(samples, channels, depth.bits().into(), 48_000);
        let mut stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size).expect("samples");
        stream.stream_info_mut().set_block_sizes(config.block_size, config.block_size).expect("the usual");
        let mut sink = ByteSink::new();
        stream.write(&mut sink).expect("memory");
        sink.as_slice().to_vec()
    }

    #[test]
    fn block_by_block_the_file_is_that_of_all_at_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.flac");
        let mut random = Random::new(1);
        for (channels, length) in [(1, 1), (2, 4096), (2, 20_000), (1, 8192)] {
            for depth in [Depth::Int16, Depth::Int24] {
                let sound: Vec<Vec<f32>> = (0..channels)
                    .map(|_| (0..length).map(|i| 0.4 * libm::sinf(0.03 * i as f32) + 0.1 * random.normal()).collect())
                    .collect();
                let mut file = FlacFile::create(&path, 48_000, channels, depth).expect("space");
                let mut start = 0;
                while start < length {
                    let end = (start + 1 + random.below(3000) as usize).min(length);
                    let block: Vec<&[f32]> = sound.iter().map(|channel| &channel[start..end]).collect();
                    file.write(&block).expect("space");
                    start = end;
                }
                file.finish().expect("space");
                let whole: Vec<i32> =
                    (0..length).flat_map(|i| sound.iter().map(move |channel| depth.whole(channel[i]))).collect();
                let found = std::fs::read(&path).expect("the file");
                assert!(found == at_once(&whole, channels, depth), "{channels} channels, {length} samples, {depth:?}");
            }
        }
    }
}
