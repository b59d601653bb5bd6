//! Whoever takes part, and the loop around those that know a network's step only.

use super::work::{Feeding, Start, Work};

/// Whoever does the work, one step after the other; each step needs what the last one said.
pub trait Peer {
    /// One step.
    fn step(&mut self);

    /// What the last step predicted: `[outputs]`.
    fn prediction(&self) -> &[f32];
}

/// A network's step.
pub trait Net {
    /// `x`: `[inputs]`, or `[rows][inputs]` of a network that takes all columns; `out`: `[outputs]` or `[rows]`.
    fn forward(&mut self, x: &[f32], out: &mut [f32]);
}

/// The loop around a network: feeds back what it says.
pub struct Looped<N> {
    net: N,
    feeding: Feeding,
    /// True where the network takes all columns of a transpose at once.
    literal: bool,
    inputs: usize,
    stimuli: std::sync::Arc<[f32]>,
    columns_weight: Vec<f32>,
    columns_bias: f32,
    t: usize,
    x: Vec<f32>,
    out: Vec<f32>,
    /// What the dense layer said of the newest column; as long as the columns reach back, a ring.
    numbers: Vec<f32>,
    newest: usize,
    y: Vec<f32>,
}

impl<N: Net> Looped<N> {
    /// A network that takes one vector a step.
    pub fn new(net: N, work: &Work, start: &Start) -> Self {
        Self::with_rows(net, work, start, 1)
    }

    /// A network that takes all columns of a transpose at once.
    pub fn literal(net: N, work: &Work, start: &Start) -> Self {
        Self::with_rows(net, work, start, work.config.rows())
    }

    fn with_rows(net: N, work: &Work, start: &Start, rows: usize) -> Self {
        let config = work.config;
        let x = match config.feeding {
            Feeding::Frames => vec![0.0; config.inputs],
            _ => work.seed[work.seed.len() - rows * config.inputs..].to_vec(),
        };
        let reach = (config.rows() - 1) * config.inputs + 1;
        let numbers: Vec<f32> = start.numbers.iter().rev().take(reach).rev().copied().collect();
        Self {
            net,
            feeding: config.feeding,
            literal: rows > 1,
            inputs: config.inputs,
            stimuli: work.stimuli.clone(),
            columns_weight: work.columns_weight.clone(),
            columns_bias: work.columns_bias,
            t: 0,
            x,
            out: vec![0.0; config.outputs * rows],
            newest: numbers.len().saturating_sub(1),
            numbers,
            y: start.y.clone(),
        }
    }

    /// The second dense layer over what the columns say.
    fn combine(&mut self) -> f32 {
        if self.literal {
            return self.columns_bias + self.columns_weight.iter().zip(&self.out).map(|(w, n)| w * n).sum::<f32>();
        }
        let length = self.numbers.len();
        self.newest = (self.newest + 1) % length;
        self.numbers[self.newest] = self.out[0];
        let (mut sum, mut at) = (self.columns_bias, self.newest);
        for weight in self.columns_weight.iter().rev() {
            sum += weight * self.numbers[at];
            at = if at >= self.inputs { at - self.inputs } else { at + length - self.inputs };
        }
        sum
    }
}

impl<N: Net> Peer for Looped<N> {
    fn step(&mut self) {
        if self.feeding == Feeding::Frames {
            let stimulus = &self.stimuli[self.t * self.inputs % self.stimuli.len()..][..self.inputs];
            for ((x, y), u) in self.x.iter_mut().zip(&self.y).zip(stimulus) {
                *x = 0.5 * y + u;
            }
            self.t += 1;
            self.net.forward(&self.x, &mut self.y);
            return;
        }
        self.x.copy_within(1.., 0);
        *self.x.last_mut().expect("a column has samples") = self.y[0];
        self.net.forward(&self.x, &mut self.out);
        self.y[0] = if self.feeding == Feeding::Column { self.out[0] } else { self.combine() };
    }

    fn prediction(&self) -> &[f32] {
        &self.y
    }
}
