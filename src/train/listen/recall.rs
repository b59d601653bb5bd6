//! What followed the moments that were like this one: a continuous cache (Grave, Joulin and Usunier 2017) over the last
//! seconds, whose keys are learned.
//!
//! Rows are `[stream][step]` here. Of what earlier segments left, keys and frames are kept without a gradient.

use super::{arithmetic::by_rows, network::Sizes};
use crate::{
    nn::{exp, grad::dot, vectorize},
    train::net::{
        cells::{Packed, View, for_each, multiply_rows},
        workspace::{Buffer, Workspace},
    },
};
use std::sync::Arc;

/// How much the short average counts in what a moment is known by.
const SHORT_AVERAGE: f32 = 0.7;

/// The moments of earlier segments that a stream can recall, from old to new.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ring {
    /// What they are known by, `[moment][key_size]`.
    pub keys: Vec<f32>,
    /// The frames that followed them, `[moment][bin]`.
    pub values: Vec<f32>,
}

impl Ring {
    /// How many there are.
    fn len(&self, sizes: &Sizes) -> usize {
        self.keys.len() / sizes.key_size
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
    }

    /// Takes the moments of a segment, of which at most `most` stay.
    fn append<'a>(&mut self, keys: &[f32], values: impl Iterator<Item = &'a [f32]>, most: usize, sizes: &Sizes) {
        self.keys.extend_from_slice(keys);
        values.for_each(|frame| self.values.extend_from_slice(frame));
        let gone = self.len(sizes).saturating_sub(most);
        self.keys.drain(..gone * sizes.key_size);
        self.values.drain(..gone * sizes.bins);
    }
}

/// The weights.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `(key_size, 2·bins)`
    pub query: &'a [f32],
    /// `(key_size, 2·bins)`
    pub key: &'a [f32],
    /// ln β
    pub sharpness: f32,
}

/// The gradients of the weights.
pub(super) struct Gradients<'a> {
    pub query: &'a mut [f32],
    pub key: &'a mut [f32],
    pub sharpness: &'a mut f32,
}

/// A segment's recall, with what its backward pass needs.
pub(super) struct Recall {
    sizes: Sizes,
    /// Room for the moments of a stream: those of the ring, then those of the segment.
    moments: usize,
    beta: f32,
    /// What moments are known by before the projection, `[row][2·bins]`.
    looks: Buffer,
    queries: Buffer,
    keys: Buffer,
    query_norms: Vec<f32>,
    key_norms: Vec<f32>,
    /// `[row][moments]`
    cosines: Buffer,
    weights: Buffer,
    /// The moment that is most like this one; none where nothing can be recalled.
    nearest: Vec<Option<u32>>,
    /// The frame that is to be expected from what is recalled, `[row][bin]`; where nothing is, what is heard.
    pub suggestions: Vec<f32>,
    /// Cosine of the nearest moment, 0…1, `[row]`.
    pub sureness: Vec<f32>,
}

/// One stream's part of a pass.
struct Stream<'a> {
    index: usize,
    cosines: &'a mut [f32],
    weights: &'a mut [f32],
    suggestions: &'a mut [f32],
    sureness: &'a mut [f32],
    nearest: &'a mut [Option<u32>],
}

/// The same of the backward pass.
struct BackwardStream<'a> {
    index: usize,
    /// In: nothing. Out: of the queries and keys before they were brought to length 1.
    queries: &'a mut [f32],
    keys: &'a mut [f32],
    sharpness: &'a mut f64,
}

impl Recall {
    /// `inputs`: `[step][stream][frame, short, middle, long average]`.
    pub fn run(sizes: Sizes, inputs: &[f32], weights: Weights<'_>, rings: &[Ring], work: &Arc<Workspace>) -> Self {
        let Sizes { streams, steps, bins, key_size, skip, .. } = sizes;
        let rows = sizes.rows();
        let mut looks = work.take(rows * 2 * bins);
        by_rows(&mut looks, 2 * bins, |first, looks| {
            for (index, look) in looks.chunks_exact_mut(2 * bins).enumerate() {
                let input = &inputs[sizes.row_of_step_first(first + index) * sizes.inputs()..][..sizes.inputs()];
                let ((frame, short), long) = (input.split_at(bins), &input[3 * bins..]);
                let (now, lately) = look.split_at_mut(bins);
                for k in 0..bins {
                    now[k] = frame[k] - long[k];
                    lately[k] = SHORT_AVERAGE * (short[k] - long[k]);
                }
            }
        });
        let project = |weight: &[f32]| {
            let mut out = work.take(rows * key_size);
            let weight = View::whole(weight, key_size, 2 * bins).t();
            multiply_rows(View::whole(&looks, rows, 2 * bins), weight, &mut out, key_size, work);
            let norms: Vec<f32> = out
                .chunks_exact_mut(key_size)
                .map(|row| {
                    let norm = dot(row, row).sqrt().max(1e-12);
                    row.iter_mut().for_each(|x| *x /= norm);
                    norm
                })
                .collect();
            (out, norms)
        };
        let ((queries, query_norms), (keys, key_norms)) = (project(weights.query), project(weights.key));
        let moments = rings.iter().map(|ring| ring.len(&sizes)).max().unwrap_or(0) + steps;
        let mut recall = Self {
            sizes,
            moments,
            beta: libm::expf(weights.sharpness),
            cosines: work.take(rows * moments),
            weights: work.take(rows * moments),
            nearest: vec![None; rows],
            suggestions: vec![0.0; rows * bins],
            sureness: vec![0.0; rows],
            looks,
            queries,
            keys,
            query_norms,
            key_norms,
        };
        let (beta, queries, keys) = (recall.beta, &recall.queries, &recall.keys);
        let of_streams = recall.cosines.chunks_exact_mut(steps * moments);
        let of_streams = of_streams.zip(recall.weights.chunks_exact_mut(steps * moments));
        let of_streams = of_streams.zip(recall.suggestions.chunks_exact_mut(steps * bins));
        let of_streams = of_streams.zip(recall.sureness.chunks_exact_mut(steps));
        let of_streams = of_streams.zip(recall.nearest.chunks_exact_mut(steps));
        let jobs = of_streams.enumerate().map(|(index, ((((cosines, weights), suggestions), sureness), nearest))| {
            Stream { index, cosines, weights, suggestions, sureness, nearest }
        });
        for_each(jobs.collect(), |stream: Stream<'_>| {
            let ring = &rings[stream.index];
            let len = ring.len(&sizes);
            let at = stream.index * steps * key_size;
            let queries = View::whole(&queries[at..][..steps * key_size], steps, key_size);
            let keys = View::whole(&keys[at..][..steps * key_size], steps, key_size);
            if len > 0 {
                let old = Packed::new(View::whole(&ring.keys, len, key_size).t(), work);
                old.multiply(queries, stream.cosines, moments, false);
            }
            Packed::new(keys.t(), work).multiply(queries, &mut stream.cosines[len..], moments, false);
            let arch = pulp::Arch::new();
            for step in 0..steps {
                let cosines = &stream.cosines[step * moments..][..moments];
                let weights = &mut stream.weights[step * moments..][..moments];
                let count = (len + step + 1).saturating_sub(skip);
                weights[count..].fill(0.0);
                let nearest = (0..count).fold(None, |best: Option<usize>, moment| match best {
                    Some(best) if cosines[best] >= cosines[moment] => Some(best),
                    _ => Some(moment),
                });
                if let Some(nearest) = nearest {
                    let most = cosines[nearest];
                    vectorize(
                        arch,
                        #[inline(always)]
                        || softmax(&cosines[..count], most, beta, &mut weights[..count]),
                    );
                    stream.nearest[step] = Some(nearest as u32);
                    stream.sureness[step] = most.clamp(0.0, 1.0);
                }
            }
            let (weights, frames) = (&*stream.weights, followers(sizes, inputs, stream.index));
            if len > 0 {
                let old = Packed::new(View::whole(&ring.values, len, bins), work);
                old.multiply(View::new(weights, steps, len, moments), stream.suggestions, bins, false);
            }
            let new = View::new(&weights[len..], steps, steps - 1, moments);
            Packed::new(frames, work).multiply(new, stream.suggestions, bins, len > 0);
            for step in (0..steps).filter(|&step| stream.nearest[step].is_none()) {
                let heard = &inputs[(step * streams + stream.index) * sizes.inputs()..][..bins];
                stream.suggestions[step * bins..][..bins].copy_from_slice(heard);
            }
        });
        recall
    }

    /// Fills the gradients of the weights from those of the suggestions, `[row][bin]`, and of the sureness, `[row]`.
    pub fn backward(
        &self,
        inputs: &[f32],
        rings: &[Ring],
        of_suggestions: &[f32],
        of_sureness: &[f32],
        gradients: Gradients<'_>,
        work: &Arc<Workspace>,
    ) {
        let Self { sizes, moments, beta, .. } = *self;
        let Sizes { streams, steps, bins, key_size, skip, .. } = sizes;
        let rows = sizes.rows();
        let (mut of_queries, mut of_keys) = (work.take(rows * key_size), work.take(rows * key_size));
        let mut of_sharpness = vec![0.0f64; streams];
        let of_streams = of_queries.chunks_exact_mut(steps * key_size);
        let of_streams = of_streams.zip(of_keys.chunks_exact_mut(steps * key_size)).zip(&mut of_sharpness);
        let jobs = of_streams.enumerate().map(|(index, ((queries, keys), sharpness))| BackwardStream {
            index,
            queries,
            keys,
            sharpness,
        });
        for_each(jobs.collect(), |stream: BackwardStream<'_>| {
            let ring = &rings[stream.index];
            let len = ring.len(&sizes);
            let first = stream.index * steps;
            let of_suggestions = View::whole(&of_suggestions[first * bins..][..steps * bins], steps, bins);
            let frames = followers(sizes, inputs, stream.index);
            // First by the weights, then by the cosines.
            let mut by_moment = work.take(steps * moments);
            if len > 0 {
                let old = Packed::new(View::whole(&ring.values, len, bins).t(), work);
                old.multiply(of_suggestions, &mut by_moment, moments, false);
            }
            Packed::new(frames.t(), work).multiply(of_suggestions, &mut by_moment[len..], moments, false);
            let arch = pulp::Arch::new();
            for step in 0..steps {
                let row = first + step;
                let of_row = &mut by_moment[step * moments..][..moments];
                let count = (len + step + 1).saturating_sub(skip);
                of_row[count..].fill(0.0);
                let (weights, cosines) =
                    (&self.weights[row * moments..][..count], &self.cosines[row * moments..][..count]);
                *stream.sharpness += f64::from(vectorize(
                    arch,
                    #[inline(always)]
                    || by_cosine(weights, cosines, beta, &mut of_row[..count]),
                ));
                if let Some(nearest) = self.nearest[row].map(|nearest| nearest as usize)
                    && (0.0..=1.0).contains(&cosines[nearest])
                {
                    of_row[nearest] += of_sureness[row];
                }
            }
            let queries = View::whole(&self.queries[first * key_size..][..steps * key_size], steps, key_size);
            let keys = View::whole(&self.keys[first * key_size..][..steps * key_size], steps, key_size);
            if len > 0 {
                let old = Packed::new(View::whole(&ring.keys, len, key_size), work);
                old.multiply(View::new(&by_moment, steps, len, moments), stream.queries, key_size, false);
            }
            let new = View::new(&by_moment[len..], steps, steps, moments);
            Packed::new(keys, work).multiply(new, stream.queries, key_size, len > 0);
            Packed::new(queries, work).multiply(new.t(), stream.keys, key_size, false);
            let lengths =
                [(&self.queries, &self.query_norms, stream.queries), (&self.keys, &self.key_norms, stream.keys)];
            for (ones, norms, gradients) in lengths {
                for (step, gradient) in gradients.chunks_exact_mut(key_size).enumerate() {
                    let one = &ones[(first + step) * key_size..][..key_size];
                    let (along, norm) = (dot(one, gradient), norms[first + step]);
                    gradient.iter_mut().zip(one).for_each(|(g, x)| *g = (*g - x * along) / norm);
                }
            }
        });
        let looks = View::whole(&self.looks, rows, 2 * bins);
        for (of_rows, gradient) in [(&of_queries, gradients.query), (&of_keys, gradients.key)] {
            multiply_rows(View::whole(of_rows, rows, key_size).t(), looks, gradient, 2 * bins, work);
        }
        *gradients.sharpness = of_sharpness.iter().sum::<f64>() as f32;
    }

    /// Adds the moments of this segment to what can be recalled, at most `most` of each stream. `followed`: the frames that
    /// followed, `[step][stream][bin]`.
    pub fn keep(&self, rings: &mut [Ring], followed: &[f32], most: usize) {
        let Sizes { streams, steps, bins, key_size, .. } = self.sizes;
        for (stream, ring) in rings.iter_mut().enumerate() {
            let keys = &self.keys[stream * steps * key_size..][..steps * key_size];
            let values = (0..steps).map(|step| &followed[(step * streams + stream) * bins..][..bins]);
            ring.append(keys, values, most, &self.sizes);
        }
    }
}

/// The frames that follow the steps of a stream within its segment: what is heard from the second step on.
fn followers(sizes: Sizes, inputs: &[f32], stream: usize) -> View<'_> {
    let from = (sizes.streams + stream).min(inputs.len() / sizes.inputs()) * sizes.inputs();
    View::new(&inputs[from..], sizes.steps - 1, sizes.bins, sizes.streams * sizes.inputs())
}

/// Softmax of β · cosine, of which the largest is `most`.
#[inline(always)]
fn softmax(cosines: &[f32], most: f32, beta: f32, weights: &mut [f32]) {
    for (weight, cosine) in weights.iter_mut().zip(cosines) {
        *weight = exp((beta * (cosine - most)).max(-87.0));
    }
    let sum: f32 = {
        let mut sums = [0.0; 16];
        let (whole, rest) = weights.as_chunks::<16>();
        whole.iter().for_each(|values| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value));
        sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
    };
    let gain = 1.0 / sum;
    weights.iter_mut().for_each(|weight| *weight *= gain);
}

/// From the gradient by the weights of a softmax to that by the cosines, in place; returns that by ln β.
#[inline(always)]
fn by_cosine(weights: &[f32], cosines: &[f32], beta: f32, gradient: &mut [f32]) -> f32 {
    let mean = dot(weights, gradient);
    for (g, weight) in gradient.iter_mut().zip(weights) {
        *g = beta * weight * (*g - mean);
    }
    dot(gradient, cosines)
}
