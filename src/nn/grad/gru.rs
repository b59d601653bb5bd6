//! A step of PyTorch's `nn.GRU` between its matrix products, forward and backward: n = tanh(W_in·x + b_in + r ∘ (W_hn·h + b_hn)),
//! h ← (1 − z) ∘ n + z ∘ h. Biases stay apart, as that of the recurrent part is inside the reset gate.

use crate::nn::{sigmoid, tanh};

/// One stream at one step.
pub(crate) struct GruRow<'a> {
    /// In: W_ih·x `[3·hidden]`. Out: r, z, n, m.
    pub gates: &'a mut [f32],
    pub recurrent: &'a [f32],
    pub bias_ih: &'a [f32],
    pub bias_hh: &'a [f32],
    pub last: &'a [f32],
    pub h: &'a mut [f32],
}

impl GruRow<'_> {
    #[inline(always)]
    pub fn forward(self) {
        let hidden = self.h.len();
        let (r, rest) = self.gates.split_at_mut(hidden);
        let (z, rest) = rest.split_at_mut(hidden);
        let (n, m) = rest.split_at_mut(hidden);
        let (last, h) = (&self.last[..hidden], self.h);
        let [xr, xz, xn] = thirds(self.bias_ih, hidden);
        let [hr, hz, hn] = thirds(self.bias_hh, hidden);
        let [from_r, from_z, from_n] = thirds(self.recurrent, hidden);
        for k in 0..hidden {
            r[k] = sigmoid(r[k] + xr[k] + (from_r[k] + hr[k]));
            z[k] = sigmoid(z[k] + xz[k] + (from_z[k] + hz[k]));
            m[k] = from_n[k] + hn[k];
            n[k] = tanh(n[k] + xn[k] + r[k] * m[k]);
            h[k] = n[k] + z[k] * (last[k] - n[k]);
        }
    }
}

/// A slice by gate.
#[inline(always)]
fn thirds(values: &[f32], hidden: usize) -> [&[f32]; 3] {
    std::array::from_fn(|gate| &values[gate * hidden..][..hidden])
}

/// The same of the backward pass.
pub(crate) struct GruBackwardRow<'a> {
    /// Out: of the sums in r, z and n, and of m. `[4·hidden]`
    pub of_sums: &'a mut [f32],
    pub gates: &'a [f32],
    /// The h that was heard.
    pub last: &'a [f32],
    /// From the layers above at this step.
    pub grad_h: &'a [f32],
    /// From the next step.
    pub from_later: &'a [f32],
    /// Out: what reaches the last h through z.
    pub through_z: &'a mut [f32],
}

impl GruBackwardRow<'_> {
    #[inline(always)]
    pub fn backward(self) {
        let hidden = self.last.len();
        let (r, rest) = self.gates.split_at(hidden);
        let (z, rest) = rest.split_at(hidden);
        let (n, m) = rest.split_at(hidden);
        let (of_r, rest) = self.of_sums.split_at_mut(hidden);
        let (of_z, rest) = rest.split_at_mut(hidden);
        let (of_n, of_m) = rest.split_at_mut(hidden);
        let (grad_h, from_later) = (&self.grad_h[..hidden], &self.from_later[..hidden]);
        let through_z = &mut self.through_z[..hidden];
        for k in 0..hidden {
            let of_h = grad_h[k] + from_later[k];
            of_z[k] = of_h * (self.last[k] - n[k]) * z[k] * (1.0 - z[k]);
            of_n[k] = of_h * (1.0 - z[k]) * (1.0 - n[k] * n[k]);
            of_m[k] = of_n[k] * r[k];
            of_r[k] = of_n[k] * m[k] * r[k] * (1.0 - r[k]);
            through_z[k] = of_h * z[k];
        }
    }
}
