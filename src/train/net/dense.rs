//! The dense layer while it is trained, as one candle operation.

use super::{
    cells::{Tools, View, multiply_rows, sum_rows},
    tensors::{slice, values},
};
use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

/// x·Wᵀ + b: `x` `(rows, inputs)`, `weight` `(outputs, inputs)`, `bias` `(outputs)`. The gradients of the last two are left under
/// their `names`.
pub(crate) fn dense(x: &Tensor, weight: &Tensor, bias: &Tensor, names: [String; 2], tools: &Tools) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    x.apply_op3(weight, bias, Dense { names, tools: tools.clone(), rows: x.dim(0)?, inputs, outputs })
}

struct Dense {
    names: [String; 2],
    tools: Tools,
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl CustomOp3 for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Self { rows, inputs, outputs, .. } = *self;
        let (x, weight) = (slice(x, x_layout)?, slice(weight, weight_layout)?);
        let bias = slice(bias, bias_layout)?;
        let mut y = vec![0.0; rows * outputs];
        let weight = View::whole(weight, outputs, inputs).t();
        multiply_rows(View::whole(x, rows, inputs), weight, &mut y, outputs, &self.tools.work);
        for row in y.chunks_exact_mut(outputs) {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Self { rows, inputs, outputs, .. } = *self;
        let mut grad_x = vec![0.0; rows * inputs];
        let names = [&self.names[0][..], &self.names[1]];
        let [mut grad_weight, mut grad_bias] = self.tools.sink.take(names, [outputs * inputs, outputs]);
        values([x, weight, &grad_y.contiguous()?], |[x, weight, grad_y]| {
            let (grad_y, work) = (View::whole(grad_y, rows, outputs), &self.tools.work);
            multiply_rows(grad_y, View::whole(weight, outputs, inputs), &mut grad_x, inputs, work);
            multiply_rows(grad_y.t(), View::whole(x, rows, inputs), &mut grad_weight, inputs, work);
            sum_rows(grad_y, &mut grad_bias);
        })?;
        self.tools.sink.put(names, [grad_weight, grad_bias]);
        Ok((Some(Tensor::from_vec(grad_x, x.shape(), &Device::Cpu)?), None, None))
    }
}
