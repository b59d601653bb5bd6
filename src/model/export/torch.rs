//! The archive of `torch.save`: a pickle of protocol 2 and a record of numbers for each tensor.

use super::{Names, little_endian};
use crate::model::{ModelData, import::EXPORT_KEY};
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// The folder of all records.
const FOLDER: &str = "archive";
/// PyTorch maps records into memory, where numbers lie on such borders.
const ALIGNMENT: u16 = 64;

/// The archive's bytes. `exported`: a text that PyTorch leaves alone.
pub(super) fn archive(model: &ModelData, names: &Names, exported: &str) -> Vec<u8> {
    let mut records = vec![
        ("data.pkl".to_string(), pickle(model, names)),
        ("byteorder".into(), b"little".to_vec()),
        (EXPORT_KEY.into(), exported.as_bytes().to_vec()),
    ];
    for (index, tensor) in model.config().tensors().iter().enumerate() {
        records.push((format!("data/{index}"), little_endian(model.tensor(&tensor.name))));
    }
    records.push(("version".into(), b"3\n".to_vec()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(ALIGNMENT);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in records {
        zip.start_file(format!("{FOLDER}/{name}"), options).expect("names are short and unique");
        zip.write_all(&bytes).expect("memory takes all");
    }
    zip.finish().expect("memory takes all").into_inner()
}

/// An `OrderedDict` of tensors. Nothing is remembered: every object is written out.
fn pickle(model: &ModelData, names: &Names) -> Vec<u8> {
    let mut pickle = Pickle(vec![0x80, 2]);
    pickle.empty_dictionary();
    pickle.op(b'(');
    for (index, tensor) in model.config().tensors().iter().enumerate() {
        let count = tensor.shape.iter().product();
        pickle.text(&names.theirs(&tensor.name));
        pickle.class("torch._utils", "_rebuild_tensor_v2");
        pickle.op(b'(');
        // The storage: BINPERSID of ("storage", class, record, device, count).
        pickle.op(b'(');
        pickle.text("storage");
        pickle.class("torch", "FloatStorage");
        pickle.text(&index.to_string());
        pickle.text("cpu");
        pickle.number(count);
        pickle.op(b't');
        pickle.op(b'Q');
        // Offset, size, stride, requires_grad, hooks.
        pickle.number(0);
        pickle.numbers(&tensor.shape);
        let stride_of = |axis: usize| tensor.shape[axis + 1..].iter().product();
        pickle.numbers(&(0..tensor.shape.len()).map(stride_of).collect::<Vec<usize>>());
        pickle.op(0x89);
        pickle.empty_dictionary();
        pickle.op(b't');
        pickle.op(b'R');
    }
    pickle.op(b'u');
    pickle.op(b'.');
    pickle.0
}

struct Pickle(Vec<u8>);

impl Pickle {
    fn op(&mut self, code: u8) {
        self.0.push(code);
    }

    /// BINUNICODE
    fn text(&mut self, text: &str) {
        self.op(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    /// GLOBAL
    fn class(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").as_bytes());
    }

    /// BININT: a tensor of a model has less than 2³¹ numbers.
    fn number(&mut self, number: usize) {
        self.op(b'J');
        self.0.extend((number as i32).to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[usize]) {
        self.op(b'(');
        numbers.iter().for_each(|&number| self.number(number));
        self.op(b't');
    }

    /// REDUCE of `OrderedDict` and no arguments.
    fn empty_dictionary(&mut self) {
        self.class("collections", "OrderedDict");
        self.op(b')');
        self.op(b'R');
    }
}
