//! What is exported has plain names and comes back bit for bit.
#![cfg(feature = "train")]

use crate::common::{models, program::Desk};
use std::fs;
use sympathy::model::{Approach, Cell, Head, ModelConfig, ModelData, Transpose, import::EXPORT_KEY};

#[test]
fn exported_models_come_back_bit_for_bit() {
    let mixture = Head::Mixture { components: 2, residual: true };
    let gru = ModelConfig { cell: Cell::Gru, ..models::config(Approach::Sample, mixture, 0) };
    let clockwork = ModelConfig { cell: Cell::Clockwork, clock_groups: 3, ..gru.clone() };
    let peepholes = ModelConfig { peepholes: true, cell: Cell::Lstm, ..gru.clone() };
    let approach = Approach::Transpose(Transpose { seg_len: 5, num_unrollings: 3, int_cursor_inc: 2 });
    let transpose = ModelConfig { cell: Cell::RnnRelu, ..models::config(approach, mixture, 0) };
    let mut all: Vec<ModelData> = models::all_kinds().into_iter().map(|(_, _, data)| data).collect();
    all.extend([gru, clockwork, peepholes, transpose].map(|config| models::random_model(config, 9)));
    let desk = Desk::new();
    for data in &all {
        data.write(&desk.path("model.safetensors")).expect("space");
        for (out, options) in [("plain.safetensors", ""), ("plain.pt", "--rnn-prefix lstm --linear-prefix fc")] {
            let said = desk.succeed(&format!("export model.safetensors --out {out} {options}"));
            assert!(said.contains("import torch") && said.contains(&format!("FILE = \"{out}\"")), "{said}");
            let config = data.config();
            let no_module = config.peepholes || config.cell == Cell::Clockwork;
            assert_eq!(said.contains("no module of PyTorch"), no_module, "{said}");
            assert_eq!(said.contains("load_state_dict"), !no_module, "{said}");
            let said = desk.succeed(&format!("import {out} --out again.safetensors"));
            assert!(said.contains("restored"), "{said}");
            assert_eq!(&ModelData::read(&desk.path("again.safetensors")).expect("a sound model"), data);
        }
    }
    desk.succeed("export model.safetensors --out plain.pt --script load.py");
    assert!(fs::read_to_string(desk.path("load.py")).expect("a script").contains("nn.RNN(5, 12, num_layers=2"));
}

#[test]
fn exports_hold_plain_names_and_the_configuration() {
    let desk = Desk::new();
    desk.succeed("export model.safetensors --out plain.safetensors --rnn-prefix lstm --linear-prefix fc");
    let bytes = fs::read(desk.path("plain.safetensors")).expect("the file");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    for (name, shape) in [
        ("lstm.weight_ih_l0", &[48, 8][..]),
        ("lstm.bias_hh_l1", &[48]),
        ("fc.weight", &[51, 12]),
        ("fc.bias", &[51]),
        ("pca.basis", &[8, 257]),
    ] {
        assert_eq!(tensors.tensor(name).expect(name).shape(), shape);
    }
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("a header");
    let kept = &header.metadata().as_ref().expect("metadata")[EXPORT_KEY];
    assert!(kept.contains("\"principal_components\":8"), "{kept}");

    desk.fail("export model.safetensors --out plain.onnx", &["a name that ends in .safetensors"]);
    desk.fail("export model.safetensors --out a.pt --rnn-prefix x --linear-prefix x", &["--linear-prefix", "found x"]);
    desk.fail("export nobody --out a.pt", &["\"nobody\"", "found neither"]);
    desk.fail("export model.safetensors --out a.pt --script load.txt", &["a name that ends in .py"]);
    for name in ["a.b", "1", "pca", "", "ü"] {
        let run = desk.run(&format!("export model.safetensors --out a.pt --rnn-prefix={name}"));
        assert_eq!(run.code, Some(2), "{name}: {run:?}");
    }
}
