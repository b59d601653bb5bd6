//! Files that are given for a model and are none: what each is, in a musician's words, and what to do with it.
//!
//! A file is told by its content where a look at its beginning and its end is enough, else by its name.

use std::path::Path;

/// So much of a file's beginning, and of its end, is looked at.
pub(super) const LOOK_BYTES: usize = 64 << 10;
/// Where an exported file keeps the configuration of its model: key of the metadata, or record of the archive.
pub const EXPORT_KEY: &str = "sympathy_export";
/// Where a checkpoint of a training keeps its numbers: key of the metadata.
pub(crate) const CHECKPOINT_KEY: &str = "sympathy-checkpoint";
/// Where a data set of piano rolls keeps its rules and pieces: key of the metadata.
pub const ROLL_KEY: &str = "sympathy_roll";

/// A file that is something else than a model of Sympathy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Empty,
    Zeros,
    Nam,
    /// The JSON of RTNeural: AIDA-X and its kin.
    RtNeural,
    /// The JSON of GuitarML: Proteus, SmartAmp, NeuralPi.
    GuitarMl,
    Onnx,
    TorchScript,
    /// `torch.save` since PyTorch 1.6.
    Torch,
    /// `torch.save` before, and pickles of other programs.
    OldTorch,
    /// A safetensors file without a description of ours.
    PlainTensors,
    Exported,
    Checkpoint,
    /// A data set of piano rolls.
    Roll,
    Keras,
    TensorFlowLite,
    Gguf,
    Numpy,
    Sound,
    Midi,
    Picture,
    Preset,
    TrainingConfig,
    OtherJson,
    WebPage,
    LfsPointer,
    Archive,
    Text,
}

use Foreign::*;

impl Foreign {
    /// What the file is, from its first and last bytes and its name; none for what may be a safetensors file and for what
    /// nobody knows.
    pub fn of(head: &[u8], tail: &[u8], size: u64, path: &Path) -> Option<Self> {
        if size == 0 {
            return Some(Empty);
        }
        if head.get(4..9) == Some(b"\0\0\0\0{") {
            return None;
        }
        by_content(head, tail, path).or_else(|| by_name(path)).or_else(|| is_text(head).then_some(Text))
    }

    /// Which of the safetensors files without a description of ours it is.
    pub fn of_tensors<'a>(mut keys: impl Iterator<Item = &'a str>) -> Self {
        keys.find_map(|key| match key {
            CHECKPOINT_KEY => Some(Checkpoint),
            EXPORT_KEY => Some(Exported),
            ROLL_KEY => Some(Roll),
            _ => None,
        })
        .unwrap_or(PlainTensors)
    }

    /// What it is.
    pub fn found(self) -> &'static str {
        match self {
            Empty => "an empty file",
            Zeros => "nothing but zeros",
            Nam => {
                "a capture of Neural Amp Modeler (.nam), which answers each sample of an amplifier's input with one of its output"
            }
            RtNeural => "a model of RTNeural, as AIDA-X plays it: an amplifier or a pedal, one sample in and one out",
            GuitarMl => "a capture of GuitarML (Proteus, NeuralPi): an amplifier or a pedal, one sample in and one out",
            Onnx => "an ONNX model, a program of another runtime",
            TorchScript => "a TorchScript export, as RAVE's .ts: a program for PyTorch",
            Torch => "weights as PyTorch saves them",
            OldTorch => "a pickle, as PyTorch saved before 1.6",
            PlainTensors => "plain tensors in safetensors, without the description of a model of Sympathy",
            Exported => "a model that sympathy export wrote for PyTorch",
            Checkpoint => "the checkpoint of a training with sympathy train",
            Roll => "a data set of piano rolls, by which a model is yet to be made",
            Keras => "a model of Keras or another HDF5 file",
            TensorFlowLite => "a TensorFlow Lite model",
            Gguf => "a language model (GGUF)",
            Numpy => "arrays of NumPy",
            Sound => "a sound file",
            Midi => "a MIDI file",
            Picture => "a picture or a document",
            Preset => "a preset, which holds the values of parameters and no network",
            TrainingConfig => "the configuration of a training, by which a model is yet to be made",
            OtherJson => "JSON of another program",
            WebPage => "a web page: the download saved the page instead of the file",
            LfsPointer => "the placeholder that Git LFS leaves for a file that was not fetched",
            Archive => "an archive of other files",
            Text => "a text",
        }
    }

    /// What to do with it.
    pub fn remedy(self, path: &Path) -> String {
        let (file, stem) = (path.display(), path.file_stem().unwrap_or_default().to_string_lossy());
        let import = |what: &str| format!("{what}sympathy import {file} --out {stem}-model.safetensors");
        let play =
            "Sympathy goes on by itself from what it hears; load that file in its own plugin, before or after Sympathy";
        let retrain = "only recurrent networks whose weights PyTorch saved can be imported: \
                       torch.save(model.state_dict(), \"model.pt\"), then sympathy import model.pt";
        match self {
            Empty | Zeros => "copy or download it again, from where it is whole".into(),
            Nam | RtNeural | GuitarMl => play.into(),
            Onnx | Keras | TensorFlowLite | Gguf | Numpy => retrain.into(),
            TorchScript => format!(
                "if it is a recurrent network, save its weights in Python with torch.save(torch.jit.load(\"{file}\").state_dict(), \
                 \"model.pt\"), then sympathy import model.pt; RAVE and its like have plugins of their own"
            ),
            OldTorch => {
                "load it in Python, save its weights with torch.save(model.state_dict(), \"model.pt\"), then sympathy import model.pt"
                    .into()
            }
            Torch | PlainTensors | Exported => import("make a model of it: "),
            Checkpoint => "the model is the .safetensors file beside it; sympathy train --resume goes on from the checkpoint".into(),
            Roll => format!("sympathy roll {file} tells what is in it"),
            Sound => format!("learn from it: sympathy train {file} --out {stem}.safetensors"),
            Midi => "it belongs behind --midi of sympathy render".into(),
            Preset => format!("it belongs behind --preset {file}"),
            TrainingConfig => format!("train the model: sympathy train {file} --out {stem}.safetensors"),
            WebPage | LfsPointer => "download the file itself".into(),
            Archive => "unpack it first".into(),
            Picture | OtherJson | Text => "sympathy models lists the models there are".into(),
        }
    }

    #[cfg(feature = "train")]
    /// It is another program's, or nothing at all, also where weights of PyTorch are expected.
    pub fn is_no_import(self) -> bool {
        !matches!(self, Torch | PlainTensors | Exported)
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn by_content(head: &[u8], tail: &[u8], path: &Path) -> Option<Foreign> {
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let found = match () {
        () if has(0, b"\x89HDF\r\n\x1a\n") => Keras,
        () if has(4, b"TFL3") => TensorFlowLite,
        () if has(0, b"GGUF") => Gguf,
        () if has(0, b"\x93NUMPY") => Numpy,
        () if has(0, b"PK\x03\x04") => zip(head, tail),
        () if has(0, b"MThd") => Midi,
        () if is_sound(head) => Sound,
        () if has(0, b"\x89PNG") || has(0, b"\xff\xd8\xff") || has(0, b"%PDF") || has(0, b"GIF8") => Picture,
        () if has(0, b"version https://git-lfs") => LfsPointer,
        () if has(0, b"\x1f\x8b") || has(0, b"7z\xbc\xaf") || has(0, b"Rar!") => Archive,
        () if has(257, b"ustar") => {
            if has_extension(path, &["pt", "pth", "ckpt"]) {
                OldTorch
            } else {
                Archive
            }
        }
        () if matches!(head, [0x80, 1..=5, ..]) => OldTorch,
        () if is_onnx(head) => Onnx,
        () if head.iter().chain(tail).all(|&byte| byte == 0) => Zeros,
        () => return text(head, tail),
    };
    Some(found)
}

fn is_sound(head: &[u8]) -> bool {
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let starts = [
        &b"RIFF"[..],
        b"RF64",
        b"BW64",
        b"RIFX",
        b"fLaC",
        b"OggS",
        b"ID3",
        b"caff",
        b"FORM",
        b".snd",
        b"wvpk",
        b"riff\x2e\x91",
    ];
    // Frames of MPEG audio begin with eleven ones, a version, a layer and a bit rate that exist.
    let mpeg = matches!(head, &[0xff, second, third, ..]
        if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 != 0 && third & 0xf0 != 0xf0 && third & 0x0c != 0x0c);
    starts.iter().any(|start| has(0, start)) || has(4, b"ftyp") || mpeg
}

/// The first fields of the protocol buffer: `ir_version`, then `producer_name` or `opset_import` and so on, of a text.
fn is_onnx(head: &[u8]) -> bool {
    match head {
        [0x08, 1..=20, 0x12, length @ 1..=60, rest @ ..] => {
            rest.get(..usize::from(*length)).is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
        }
        _ => false,
    }
}

/// The names of an archive's records stand at its end, the first one's at the beginning.
fn zip(head: &[u8], tail: &[u8]) -> Foreign {
    let names = |part: &[u8]| contains(tail, part) || contains(head, part);
    match () {
        () if names(b"/constants.pkl") || names(b"/code/__torch__") => TorchScript,
        () if names(b"data.pkl") => Torch,
        () if names(b"model.weights.h5") => Keras,
        () if names(b".npy") => Numpy,
        () => Archive,
    }
}

fn text(head: &[u8], tail: &[u8]) -> Option<Foreign> {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |with: &str| start.len() >= with.len() && start[..with.len()].eq_ignore_ascii_case(with.as_bytes());
    if begins("<!doctype html") || begins("<html") {
        return Some(WebPage);
    }
    if !matches!(start.first(), Some(b'{' | b'[')) || !is_text(head) {
        return None;
    }
    let key = |key: &str| {
        let key = format!("\"{key}\"");
        contains(head, key.as_bytes()) || contains(tail, key.as_bytes())
    };
    let any = |keys: &[&str]| keys.iter().any(|name| key(name));
    Some(match () {
        () if key("architecture") && any(&["config", "weights"]) => Nam,
        () if key("model_data") && key("state_dict") => GuitarMl,
        () if key("layers") && any(&["in_shape", "weights"]) => RtNeural,
        () if key("parameters") && any(&["name", "description", "kept"]) => Preset,
        () if any(&["files", "epochs", "max_minutes", "num_unrollings", "approach", "bptt", "max_steps"]) => {
            TrainingConfig
        }
        () => OtherJson,
    })
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A letter may be cut in two at the end.
        Err(error) if error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().count() >= 4 && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|own| extensions.iter().any(|extension| own.eq_ignore_ascii_case(extension)))
}

fn by_name(path: &Path) -> Option<Foreign> {
    let named = |extensions: &[&str]| has_extension(path, extensions);
    match () {
        () if named(&["nam"]) => Some(Nam),
        () if named(&["aidax", "aidadspmodel"]) => Some(RtNeural),
        () if named(&["onnx", "ort"]) => Some(Onnx),
        () if named(&["ts", "torchscript", "ptl"]) => Some(TorchScript),
        () if named(&["h5", "keras", "hdf5"]) => Some(Keras),
        () if named(&["tflite"]) => Some(TensorFlowLite),
        () if named(&["npy", "npz"]) => Some(Numpy),
        () if named(&["mid", "midi"]) => Some(Midi),
        () if named(&["wav", "flac", "mp3", "aif", "aiff", "aifc", "caf", "ogg", "opus", "m4a", "aac", "wma"]) => {
            Some(Sound)
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8], name: &str) -> Option<Foreign> {
        Foreign::of(bytes, bytes, bytes.len() as u64, Path::new(name))
    }

    #[test]
    fn files_are_told_by_what_is_in_them_and_else_by_their_names() {
        for (bytes, name, kind) in [
            (&b""[..], "a.safetensors", Some(Empty)),
            (&[0; 100], "a.safetensors", Some(Zeros)),
            (b"\xef\xbb\xbf {\"version\": \"0.5.0\", \"architecture\": \"WaveNet\", \"config\": {}, \"weights\": [1]}", "a", Some(Nam)),
            (b"{\"in_shape\": [null, null, 1], \"layers\": [{\"type\": \"lstm\"}]}", "a.json", Some(RtNeural)),
            (b"{\"model_data\": {\"unit_type\": \"LSTM\"}, \"state_dict\": {}}", "a.json", Some(GuitarMl)),
            (b"{\"name\": \"Rain\", \"parameters\": {\"mix\": 50}}", "rain.json", Some(Preset)),
            (b"{\"files\": [\"a.wav\"], \"epochs\": 3}", "guitar.json", Some(TrainingConfig)),
            (b"{\"a\": 1}", "a.json", Some(OtherJson)),
            (b"\x08\x08\x12\x07pytorch\x1a\x052.0.0", "model", Some(Onnx)),
            (b"?????", "net.onnx", Some(Onnx)),
            (b"\x01\x02?", "amp.NAM", Some(Nam)),
            (b"PK\x03\x04....a/data.pkl....a/code/__torch__.py", "v.ts", Some(TorchScript)),
            (b"PK\x03\x04....a/data.pkl....", "model.ckpt", Some(Torch)),
            (b"PK\x03\x04....config.json....model.weights.h5", "m.keras", Some(Keras)),
            (b"PK\x03\x04....letter.txt", "m.zip", Some(Archive)),
            (b"\x80\x02ccollections\n", "m.pth", Some(OldTorch)),
            (b"\x89HDF\r\n\x1a\n", "m", Some(Keras)),
            (b"\x1c\0\0\0TFL3", "m.bin", Some(TensorFlowLite)),
            (b"RIFF\x24\0\0\0WAVEfmt ", "song.safetensors", Some(Sound)),
            (b"\xff\xfb\x90\x64", "song", Some(Sound)),
            (b"\0\0\0\x20ftypM4A ", "song", Some(Sound)),
            (b"MThd\0\0\0\x06", "song", Some(Midi)),
            (b"<!DOCTYPE HTML><html>", "guitar.safetensors", Some(WebPage)),
            (b"version https://git-lfs.github.com/spec/v1", "guitar.safetensors", Some(LfsPointer)),
            (b"This is a letter.", "guitar.safetensors", Some(Text)),
            (b"\x10\0\0\0\0\0\0\0{\"x\": 1}", "song.wav", None),
            (b"\xfe\x10\xff\xff\xff\xff\xff\xff\xff", "guitar.safetensors", None),
        ] {
            assert_eq!(of(bytes, name), kind, "{name}: {:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn every_start_of_every_file_is_looked_at_without_harm() {
        let whole = b"PK\x03\x04\x80\x02{\"architecture\": 1}\x08\x07\x12\x20\xff\xfb\xc3";
        for start in 0..whole.len() {
            for end in start..whole.len() {
                of(&whole[start..end], "x");
            }
        }
    }
}
