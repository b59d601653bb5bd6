//! The range of every number of a model's configuration.

use super::{
    config::{Head, ModelConfig},
    range::{Check, FieldProblem},
};
use crate::nn::Cell;

impl ModelConfig {
    /// Checks every number against its range. Ranges are generous for real models and small enough that no product of
    /// sizes can overflow or exhaust memory.
    pub(crate) fn problem(&self) -> Option<FieldProblem> {
        let size = |field, value: usize, least: usize, most: usize| {
            (!(least..=most).contains(&value)).then(|| (field, format!("{least} to {most}"), value.to_string()))
        };
        let number = |field, value: f32, least: f32, most: f32| {
            // A NaN lies in no range.
            (!(least..=most).contains(&value)).then(|| (field, format!("{least} to {most}"), value.to_string()))
        };
        let mut own = Check::default();
        self.approach.framing().check(&mut own);
        let needs = |field, holds: bool, rule: &str, value: String| (!holds).then(|| (field, rule.to_string(), value));
        let groups_fit = match self.cell {
            Cell::Clockwork => {
                (1..=16).contains(&self.clock_groups) && self.hidden.is_multiple_of(self.clock_groups.max(1))
            }
            _ => self.clock_groups == 0,
        };
        own.0
            .into_iter()
            .next()
            .or_else(|| size("layers", self.layers, 1, 16))
            .or_else(|| size("hidden", self.hidden, 1, 8192))
            .or_else(|| {
                let rule = "1 to 16, a divisor of `hidden`, with a clockwork cell; 0 with others";
                needs("clock_groups", groups_fit, rule, self.clock_groups.to_string())
            })
            .or_else(|| {
                let holds = !self.peepholes || self.cell == Cell::Lstm;
                needs("peepholes", holds, "false, as the cell is no LSTM", "true".into())
            })
            .or_else(|| {
                let holds = !self.tanh_output || self.head == Head::Mse;
                needs("tanh_output", holds, "false, as the head is a mixture", "true".into())
            })
            .or_else(|| {
                let most = if self.slides() { 0 } else { self.frame_size() };
                size("principal_components", self.principal_components, 0, most)
            })
            .or_else(|| match self.head {
                Head::Mixture { components, .. } => size("components", components, 1, 64),
                Head::Autoregressive(tier) => size("levels", tier.levels, 8, 64)
                    .or_else(|| size("head.hidden", tier.hidden, 8, 512))
                    .or_else(|| size("context", tier.context, 1, 64))
                    .or_else(|| size("position", tier.position, 1, 64))
                    .or_else(|| size("band_hidden", tier.band_hidden, 8, 1024)),
                Head::Mse => None,
            })
            .or_else(|| {
                let is_autoregressive = matches!(self.head, Head::Autoregressive(_));
                let holds = is_autoregressive == self.approach.listening().is_some();
                let rule = "autoregressive with the approach listening, and with no other";
                needs("head", holds, rule, if is_autoregressive { "autoregressive" } else { "another" }.into())
            })
            .or_else(|| {
                let holds = self.approach.listening().is_none() || self.principal_components == 0;
                needs("principal_components", holds, "0 with the approach listening", "more".into())
            })
            .or_else(|| self.approach.framing().memory_problem(self.output_size()))
            .or_else(|| number("emphasis", self.emphasis, 0.0, if self.slides() { 0.999 } else { 0.0 }))
            .or_else(|| {
                let least = if self.principal_components > 0 { 1.0 } else { 0.0 };
                number("sound_spread", self.sound_spread, least, 1.0)
            })
            .or_else(|| size("sample_rate_hz", self.sample_rate_hz as usize, 2000, 192_000))
            .or_else(|| self.approach.listening().and_then(|own| own.rate_problem(self.sample_rate_hz)))
            .or_else(|| number("scaling.mean", self.scaling.mean, -1.0, 1.0))
            .or_else(|| number("scaling.std", self.scaling.std, 1e-6, 1e6))
            .or_else(|| number("feedback_noise", self.feedback_noise, 0.0, 10.0))
            .or_else(|| number("temperature", self.temperature, 0.0, 10.0))
            .or_else(|| number("warmup_speed", self.warmup_speed, 1.0, 1000.0))
            .or_else(|| {
                let characters = self.name.chars().count();
                (!(1..=80).contains(&characters) || self.name.chars().any(char::is_control))
                    .then(|| ("name", "1 to 80 printable characters".into(), format!("{characters} characters")))
            })
    }
}
