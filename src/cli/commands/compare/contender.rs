//! The models that are compared.

use crate::{
    hyperparameters::TrainConfig,
    nn::{CELLS, Cell, CellInfo},
};

/// The models of Table 1 of the study, with its seconds for 5 epochs on a GTX 960M.
pub const TABLE_1: [(&str, f64); 12] = [
    ("vanilla-1", 79.0),
    ("vanilla-2", 169.0),
    ("vanilla-3", 254.0),
    ("gru-1", 215.0),
    ("gru-2", 507.0),
    ("gru-3", 761.0),
    ("lstm-1", 311.0),
    ("lstm-2", 620.0),
    ("lstm-3", 1868.0),
    ("clockwork-1", 393.0),
    ("clockwork-2", 892.0),
    ("clockwork-3", 1346.0),
];
/// Against its time all others are measured.
pub const REFERENCE: &str = "vanilla-1";
/// A clockwork has at most so many groups, their periods 1 to 128.
const MAX_GROUPS: usize = 8;
/// A large one (Jozefowicz et al. 2015).
const FORGET_BIAS: f32 = 3.0;

/// A model of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// As it was asked for: cell, layers and, where it has its own, the width.
    pub name: String,
    /// Its cell.
    pub cell: Cell,
    /// Layers of cells.
    pub layers: usize,
    /// Units of a layer.
    pub hidden: usize,
}

impl Contender {
    /// Reads a list such as `lstm-2,gru-1x256`, or `all` for Table 1; each model once.
    ///
    /// # Errors
    /// The name that is none.
    pub fn list(text: &str, width: usize) -> Result<Vec<Self>, String> {
        if text.trim().eq_ignore_ascii_case("all") {
            return TABLE_1.iter().map(|(name, _)| Self::read(name, width)).collect();
        }
        let mut all: Vec<Self> = Vec::new();
        for name in text.split(',') {
            let contender = Self::read(&name.trim().to_lowercase(), width)?;
            if !all.contains(&contender) {
                all.push(contender);
            }
        }
        Ok(all)
    }

    fn read(name: &str, width: usize) -> Result<Self, String> {
        let wrong = || name.to_string();
        let (cell, rest) = name.split_once('-').ok_or_else(wrong)?;
        let named = |info: &&CellInfo| info.name == cell || info.aliases.contains(&cell);
        let cell = CELLS.iter().find(named).ok_or_else(wrong)?.cell;
        let (layers, hidden) = rest.split_once('x').map_or((rest, None), |(layers, hidden)| (layers, Some(hidden)));
        let number = |text: &str, most: usize| text.parse().ok().filter(|number| (1..=most).contains(number));
        let layers = number(layers, 8).ok_or_else(wrong)?;
        let hidden = hidden.map_or(Some(width), |hidden| number(hidden, 4096)).ok_or_else(wrong)?;
        Ok(Self { name: name.into(), cell, layers, hidden })
    }

    /// Its configuration: `base` with its network. The LSTM has peepholes and a large bias of its forget gate, as there.
    pub fn config(&self, base: &TrainConfig) -> TrainConfig {
        let lstm = self.cell == Cell::Lstm;
        let groups = (0..=MAX_GROUPS.ilog2()).rev().map(|power| 1 << power);
        TrainConfig {
            name: self.name.clone(),
            cell: self.cell,
            layers: self.layers,
            hidden: self.hidden,
            peepholes: lstm,
            forget_bias: if lstm { FORGET_BIAS } else { base.forget_bias },
            clock_groups: groups.into_iter().find(|&groups| self.hidden.is_multiple_of(groups)).unwrap_or(1),
            ..base.clone()
        }
    }

    /// What a step costs, in multiplications; for an estimate of the time left.
    pub fn cost(&self, inputs: usize) -> f64 {
        let layer = |index: usize| (if index == 0 { inputs } else { self.hidden }) + self.hidden;
        let cells: usize = (0..self.layers).map(layer).sum();
        // What is no product of matrices costs about as much as so many of them.
        const OVERHEAD: usize = 20_000;
        ((cells * self.cell.gates() + inputs) * self.hidden + OVERHEAD * self.layers) as f64
    }

    /// The study's seconds for 5 epochs; none for a model that it did not have.
    pub fn published_seconds(&self) -> Option<f64> {
        TABLE_1.iter().find(|(name, _)| *name == self.name).map(|(_, seconds)| *seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperparameters::Preset;

    #[test]
    fn lists_are_read() {
        let all = Contender::list("all", 128).expect("Table 1");
        assert_eq!(all.len(), 12);
        assert!(all.iter().all(|model| model.hidden == 128 && model.published_seconds().is_some()));
        let some = Contender::list(" LSTM-2, gru-1x256,lstm-2,relu-1 ", 64).expect("a list");
        let names: Vec<&str> = some.iter().map(|model| &model.name[..]).collect();
        assert_eq!(names, ["lstm-2", "gru-1x256", "relu-1"]);
        assert_eq!((some[0].hidden, some[1].hidden, some[1].published_seconds()), (64, 256, None));
        for text in
            ["", "lstm", "lstm-", "lstm-0", "lstm-9", "gru-1x0", "gru-1x5000", "gru-1x", "transformer-1", "lstm-2,,"]
        {
            assert!(Contender::list(text, 64).is_err(), "{text}");
        }
    }

    #[test]
    fn configurations_are_good() {
        let overrides = [r#"files=[{"path": "a.wav"}]"#.to_string()];
        let preset = Preset::by_name("comparison").expect("the preset");
        let base = TrainConfig::from_json(preset.json, &overrides).expect("a good preset");
        for width in [16, 100, 127, 2048] {
            for model in Contender::list("all", width).expect("Table 1") {
                let config = model.config(&base);
                assert_eq!(config.problems(), [], "{}", model.name);
                assert_eq!(config.peepholes, config.cell == Cell::Lstm);
            }
        }
        let cost = |name: &str| Contender::list(name, 128).expect("a model")[0].cost(129);
        assert!(cost("vanilla-1") < cost("gru-1") && cost("gru-1") < cost("lstm-1") && cost("lstm-1") < cost("lstm-3"));
    }
}
