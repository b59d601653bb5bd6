//! Several continuations predict side by side: those of one network step together, so that large weights are read once.

use super::{Generator, Manner, Network};
use crate::nn::{Forwarding, StackState, Stepping};
use std::sync::Arc;

/// So many continuations step at once; more are taken in turn.
const MAX_TOGETHER: usize = 4;

/// One that may predict together with others.
pub trait Predicting {
    /// The continuation and where its next hop goes (`[hop_samples]`); `None` if it sits this one out.
    fn parts(&mut self) -> Option<(&mut Generator, &mut [f32])>;
}

/// As [`Generator::predict`] of each. What a continuation says does not depend on the others, nor on how many they are.
///
/// # Realtime safety
/// Does not allocate.
pub fn predict_together<'a, V: Predicting>(voices: &mut [V], manner: impl Into<Manner<'a>>) {
    let manner = manner.into();
    for voice in &mut *voices {
        if let Some((generator, out)) = voice.parts() {
            generator.sound(manner, out);
        }
    }
    while let Some(network) = voices.iter_mut().find_map(due_network) {
        let mut members: [Option<&mut Generator>; MAX_TOGETHER] = [const { None }; MAX_TOGETHER];
        let mut count = 0;
        for (generator, _) in voices.iter_mut().filter_map(V::parts) {
            if count < MAX_TOGETHER && generator.is_due && Arc::ptr_eq(generator.network(), &network) {
                generator.is_due = false;
                members[count] = Some(generator);
                count += 1;
            }
        }
        step(&network, &mut members[..count]);
    }
}

/// The network of one whose step is due.
fn due_network<V: Predicting>(voice: &mut V) -> Option<Arc<Network>> {
    let (generator, _) = voice.parts()?;
    generator.is_due.then(|| Arc::clone(generator.network()))
}

fn step(network: &Network, members: &mut [Option<&mut Generator>]) {
    network.stack.step_together(members);
    network.out.forward_together(members);
    members.iter_mut().flatten().for_each(|generator| generator.after_step());
}

impl Stepping for Option<&mut Generator> {
    fn parts(&mut self) -> (&[f32], &mut StackState) {
        taken(self).parts()
    }
}

impl Forwarding for Option<&mut Generator> {
    fn dense_parts(&mut self) -> (&[f32], &mut [f32]) {
        taken(self).dense_parts()
    }
}

fn taken<'c>(place: &'c mut Option<&mut Generator>) -> &'c mut Generator {
    place.as_mut().expect("only places that are taken step")
}
