//! Several continuations predict side by side: those of one network step together, so that large weights are read once.

use super::{Continuation, Network};
use crate::nn::{Forwarding, StackState, Stepping};
use std::sync::Arc;

/// So many continuations step at once; more are taken in turn.
const MOST_TOGETHER: usize = 4;

/// One that may predict together with others.
pub trait Predicting {
    /// The continuation and where its next hop goes (`[hop_samples]`); `None` if it sits this one out.
    fn parts(&mut self) -> Option<(&mut Continuation, &mut [f32])>;
}

/// As [`Continuation::predict`] of each. What a continuation says does not depend on the others, nor on how many they are.
///
/// # Realtime safety
/// Does not allocate.
pub fn predict_together<V: Predicting>(voices: &mut [V], daring: f32) {
    for voice in &mut *voices {
        if let Some((continuation, out)) = voice.parts() {
            continuation.sound(daring, out);
        }
    }
    while let Some(network) = voices.iter_mut().find_map(due_network) {
        let mut members: [Option<&mut Continuation>; MOST_TOGETHER] = [const { None }; MOST_TOGETHER];
        let mut count = 0;
        for (continuation, _) in voices.iter_mut().filter_map(V::parts) {
            if count < MOST_TOGETHER && continuation.is_due && Arc::ptr_eq(continuation.network(), &network) {
                continuation.is_due = false;
                members[count] = Some(continuation);
                count += 1;
            }
        }
        step(&network, &mut members[..count]);
    }
}

/// The network of one whose step is due.
fn due_network<V: Predicting>(voice: &mut V) -> Option<Arc<Network>> {
    let (continuation, _) = voice.parts()?;
    continuation.is_due.then(|| Arc::clone(continuation.network()))
}

fn step(network: &Network, members: &mut [Option<&mut Continuation>]) {
    network.stack.step_together(members);
    network.out.forward_together(members);
    members.iter_mut().flatten().for_each(|continuation| continuation.after_step());
}

impl Stepping for Option<&mut Continuation> {
    fn parts(&mut self) -> (&[f32], &mut StackState) {
        taken(self).parts()
    }
}

impl Forwarding for Option<&mut Continuation> {
    fn dense_parts(&mut self) -> (&[f32], &mut [f32]) {
        taken(self).dense_parts()
    }
}

fn taken<'c>(place: &'c mut Option<&mut Continuation>) -> &'c mut Continuation {
    place.as_mut().expect("only places that are taken step")
}
