//! tract, on an ONNX graph with `LSTM` and `Gemm`, states going in and out.

use super::{
    peer::Net,
    work::{Start, Work},
};
use tract_onnx::{pb, prelude::*};

/// Sequence and batch of one.
pub struct Tract {
    state: TypedSimpleState,
    /// h and c of every layer, `[1][1][hidden]`.
    states: TVec<TValue>,
}

impl Tract {
    pub fn new(work: &Work, start: &Start) -> TractResult<Self> {
        let model = tract_onnx::onnx().model_for_proto_model(&model(work))?;
        let state = |values: &[f32]| Tensor::from_shape(&[1, 1, values.len()], values).map(IntoTValue::into_tvalue);
        let states = start.h.iter().zip(&start.c).flat_map(|(h, c)| [state(h), state(c)]);
        let states = states.collect::<TractResult<_>>()?;
        Ok(Self { state: model.into_optimized()?.into_runnable()?.spawn()?, states })
    }

    fn step(&mut self, x: &[f32], out: &mut [f32]) -> TractResult<()> {
        let mut inputs = tvec![Tensor::from_shape(&[1, 1, x.len()], x)?.into_tvalue()];
        inputs.append(&mut self.states);
        let mut outputs = self.state.run(inputs)?;
        let y = outputs.remove(0);
        out.copy_from_slice(y.try_as_plain_ram()?.as_slice::<f32>()?);
        self.states = outputs;
        Ok(())
    }
}

impl Net for Tract {
    fn forward(&mut self, x: &[f32], out: &mut [f32]) {
        self.step(x, out).expect("the graph fits");
    }
}

fn model(work: &Work) -> pb::ModelProto {
    let config = work.config;
    let hidden = config.hidden;
    let mut graph = pb::GraphProto { name: "peer".into(), ..Default::default() };
    graph.input.push(value("x", &[1, 1, config.inputs]));
    graph.output.push(value("y", &[1, config.outputs]));
    let mut below = "x".to_string();
    for (index, layer) in work.layers.iter().enumerate() {
        let named = |name: &str| format!("{name}{index}");
        let gates = |values: &[f32]| reordered(values, hidden);
        let biases = [gates(&layer.bias_ih), gates(&layer.bias_hh)].concat();
        graph.initializer.extend([
            tensor(&named("w"), &[1, 4 * hidden, layer.inputs], &gates(&layer.weight_ih)),
            tensor(&named("r"), &[1, 4 * hidden, hidden], &gates(&layer.weight_hh)),
            tensor(&named("b"), &[1, 8 * hidden], &biases),
        ]);
        for name in ["h", "c"] {
            graph.input.push(value(&named(name), &[1, 1, hidden]));
            graph.output.push(value(&named(&format!("{name}_next")), &[1, 1, hidden]));
        }
        graph.node.push(node(
            "LSTM",
            &[&below, &named("w"), &named("r"), &named("b"), "", &named("h"), &named("c")],
            &["", &named("h_next"), &named("c_next")],
            &[("hidden_size", hidden as i64)],
        ));
        below = named("h_next");
    }
    graph.initializer.extend([
        tensor("shape", &[2], &[]),
        tensor("out_weight", &[config.outputs, hidden], &work.out_weight),
        tensor("out_bias", &[config.outputs], &work.out_bias),
    ]);
    if let Some(shape) = graph.initializer.iter_mut().find(|tensor| tensor.name == "shape") {
        shape.data_type = pb::tensor_proto::DataType::Int64 as i32;
        shape.raw_data = [1, hidden as i64].iter().flat_map(|length| length.to_le_bytes()).collect();
    }
    graph.node.push(node("Reshape", &[&below, "shape"], &["flat"], &[]));
    graph.node.push(node("Gemm", &["flat", "out_weight", "out_bias"], &["y"], &[("transB", 1)]));
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 14 }],
        graph: Some(graph),
        ..Default::default()
    }
}

/// PyTorch's order i, f, g, o to ONNX's i, o, f, g; a part is a quarter of the values.
fn reordered(values: &[f32], hidden: usize) -> Vec<f32> {
    let part = |gate: usize| &values[gate * values.len() / 4..][..values.len() / 4];
    debug_assert!(values.len().is_multiple_of(4 * hidden));
    [part(0), part(3), part(1), part(2)].concat()
}

fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, i64)]) -> pb::NodeProto {
    let strings = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let attribute = |&(name, i): &(&str, i64)| pb::AttributeProto {
        name: name.into(),
        r#type: pb::attribute_proto::AttributeType::Int as i32,
        i,
        ..Default::default()
    };
    pb::NodeProto {
        name: format!("{op} {}", outputs.last().unwrap_or(&"")),
        op_type: op.into(),
        input: strings(inputs),
        output: strings(outputs),
        attribute: attributes.iter().map(attribute).collect(),
        ..Default::default()
    }
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&length| length as i64).collect(),
        data_type: pb::tensor_proto::DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Default::default()
    }
}

fn value(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    let dim = |&length: &usize| pb::tensor_shape_proto::Dimension {
        value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(length as i64)),
        ..Default::default()
    };
    let tensor = pb::type_proto::Tensor {
        elem_type: pb::tensor_proto::DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let value = Some(pb::type_proto::Value::TensorType(tensor));
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(pb::TypeProto { value, ..Default::default() }),
        doc_string: String::new(),
    }
}
