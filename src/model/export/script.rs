//! The Python that loads an exported file.

use super::{Names, without_module};
use crate::{
    model::{Head, ModelConfig, import::EXPORT_KEY},
    nn::TorchModule,
};

/// A script that loads `file` (its name, `.pt` or `.safetensors`) into a module of the right sizes, or where PyTorch has
/// none, its tensors. Runs with PyTorch alone, and the package safetensors where the file is one.
pub fn python_script(config: &ModelConfig, names: &Names, file: &str) -> String {
    let safetensors = file.to_lowercase().ends_with(".safetensors");
    // JSON's strings are Python's.
    let file = serde_json::Value::from(file);
    let mut lines: Vec<String> = vec!["import json".into(), String::new(), "import torch".into()];
    let load = if safetensors {
        lines.push("from safetensors import safe_open".into());
        lines.push("from safetensors.torch import load_file, save_file".into());
        "load_file(FILE)"
    } else {
        lines.insert(1, "import zipfile".into());
        "torch.load(FILE, weights_only=True)"
    };
    lines.extend(["from torch import nn".into(), String::new(), format!("FILE = {file}"), String::new()]);
    match (without_module(config), config.cell.info().torch) {
        (None, Some(torch)) => {
            lines.push(String::new());
            lines.extend(module(config, torch, names));
            lines.extend(["".into(), "".into(), "model = Model()".into()]);
            lines.push(format!("model.load_state_dict({load})"));
            lines.push("model.eval()".into());
        }
        (part, _) => {
            let part = part.unwrap_or_default();
            lines.push(format!("# No module of PyTorch has {part}: these are the tensors."));
            lines.push(format!("tensors = {load}"));
        }
    }
    lines.push("# How sound becomes inputs and outputs become sound: approach, rate, scaling, head.".into());
    if safetensors {
        lines.push("with safe_open(FILE, framework=\"pt\") as opened:".into());
        lines.push("    metadata = opened.metadata()".into());
        lines.push(format!("config = json.loads(metadata[\"{EXPORT_KEY}\"])[\"config\"]"));
        lines.push("# With other weights, for sympathy import:".into());
        lines.push("# save_file(model.state_dict(), \"trained.safetensors\", metadata=metadata)".into());
    } else {
        lines.push("with zipfile.ZipFile(FILE) as opened:".into());
        lines.push(format!("    config = json.loads(opened.read(\"archive/{EXPORT_KEY}\"))[\"config\"]"));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn module(config: &ModelConfig, torch: TorchModule, names: &Names) -> Vec<String> {
    let (inputs, hidden, layers) = (config.inputs(), config.hidden, config.layers);
    let class = torch.class;
    // tanh is what PyTorch takes by itself.
    let option = match torch.nonlinearity {
        Some(other) if other != "tanh" => format!(", nonlinearity=\"{other}\""),
        _ => String::new(),
    };
    let Names { rnn, linear } = names;
    let mut lines = vec![
        "class Model(nn.Module):".to_string(),
        "    def __init__(self):".into(),
        "        super().__init__()".into(),
        format!("        self.{rnn} = nn.{class}({inputs}, {hidden}, num_layers={layers}{option}, batch_first=True)"),
        format!("        self.{linear} = nn.Linear({hidden}, {})", config.output_size()),
    ];
    if let Some(columns) = config.approach.columns() {
        let outputs = config.output_size();
        lines.push("        # From the outputs of the last columns, the oldest first, to those of one.".into());
        lines.push(format!("        self.columns = nn.Linear({}, {outputs})", columns.num_unrollings * outputs));
    }
    if config.principal_components > 0 {
        lines.push("        # features = basis @ (frame - mean) / scale".into());
        lines.push("        self.pca = nn.Module()".into());
        for tensor in config.tensors() {
            if let Some(part) = tensor.name.strip_prefix("pca.") {
                let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
                lines.push(format!("        self.pca.register_buffer(\"{part}\", torch.zeros({}))", shape.join(", ")));
            }
        }
    }
    let output = if config.tanh_output { format!("torch.tanh(self.{linear}(h))") } else { format!("self.{linear}(h)") };
    lines.extend([
        String::new(),
        "    def forward(self, x, state=None):".into(),
        format!("        \"\"\"x: (batch, steps, {inputs})\"\"\""),
        format!("        h, state = self.{rnn}(x, state)"),
    ]);
    if let Head::Mixture { components, .. } = config.head {
        let features = config.features();
        lines.push(format!(
            "        # {components} logits, {components} x {features} means, {components} x {features} logarithms of scales."
        ));
    }
    lines.push(format!("        return {output}, state"));
    lines
}
