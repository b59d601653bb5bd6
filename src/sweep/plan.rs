//! The plan of a sweep: one JSON object, every field with a default, checked as a whole before anything runs.

use super::{
    halving::Halving,
    space::{Training, Values},
};
use crate::{dsp::random::Random, hyperparameters::Problem, text_file::json_mistake};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// No sweep has more trainings.
pub const MAX_TRAININGS: usize = 1_000_000;
/// Fields that vary, values of one, cases, repeats and rungs are at most so many.
const MAX_VARIED: usize = 64;
const MAX_VALUES: usize = 100_000;
const MAX_CASES: usize = 10_000;
const MAX_REPEATS: u32 = 1000;
/// So many problems are told at most.
const MAX_PROBLEMS: usize = 100;
/// Names and notes have at most so many bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// What is trained many times, and what changes from one training to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Shown above the results.
    pub name: String,
    /// Shown below the name.
    pub notes: String,
    /// What `sympathy train` is given: recordings, a configuration, or a data set of rolls; relative to the plan's folder.
    pub inputs: Vec<PathBuf>,
    /// As `train --preset`.
    pub preset: Option<String>,
    /// As `train --recipe`.
    pub recipe: Option<String>,
    /// As `train --from`: a model by name, or a file, relative to the plan's folder.
    pub from: Option<String>,
    /// Fields of all configurations, as `train --set`; dots lead into nested fields.
    pub set: Map<String, Value>,
    /// Kinds of trainings, each with fields of its own; what varies is tried with each. None: there is one kind.
    pub cases: Vec<Case>,
    /// Fields that vary: a list of values, or a range.
    pub vary: BTreeMap<String, Values>,
    /// Which combinations of them are tried.
    pub search: Search,
    /// Fixes what a random search draws.
    pub random_seed: u64,
    /// Trainings of each combination, each with the next `random_seed` of its configuration.
    pub repeats: u32,
    /// Train all briefly, the better ones longer, and so on; none: each is trained once.
    pub halving: Option<Halving>,
    /// What each model is judged by once it is trained; none: by its losses.
    pub evaluate: Option<EvaluatePlan>,
    /// What the sweep may take.
    pub budget: Budget,
    /// As `train --threads`.
    pub threads: u16,
    /// Keep the curves and sampled outputs of each training; without, its losses are all that is known of its way.
    pub run: bool,
    /// What a cluster is asked for.
    pub slurm: SlurmPlan,
}

/// One kind of training within a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    /// What it is called in tables.
    pub name: String,
    /// Instead of the plan's.
    pub preset: Option<String>,
    /// Instead of the plan's.
    pub recipe: Option<String>,
    /// Fields of its configurations, over the plan's.
    pub set: Map<String, Value>,
    /// What was published of it, shown beside what is found.
    pub published: BTreeMap<String, Value>,
}

/// Which combinations of varied fields are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Search {
    /// All of them; a range gives its `count` values.
    #[default]
    Grid,
    /// So many of each case, every value drawn anew (Bergstra and Bengio 2012, *Random search for hyper-parameter optimization*).
    Random(u32),
}

/// How a model is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluatePlan {
    /// Judge continuations of the finished model.
    pub continuation: bool,
    /// Judge what was sampled while it was trained, too: the last outputs of at least five seconds.
    pub sampled: bool,
    /// Recordings that resemblance and novelty are measured by; empty: the plan's recordings.
    pub material: Vec<PathBuf>,
    /// Recordings that seeds are taken from; empty: the ends of the material.
    pub seeds: Vec<PathBuf>,
    /// Other options of `sympathy evaluate`, by their long names: `{"seconds": 20, "transpositions": [0, 3]}`.
    pub options: Map<String, Value>,
}

impl Default for EvaluatePlan {
    fn default() -> Self {
        Self { continuation: true, sampled: false, material: Vec::new(), seeds: Vec::new(), options: Map::new() }
    }
}

/// What a sweep may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Trainings, rungs of halving included; more is refused.
    pub trainings: Option<u32>,
    /// Hours of one call: what is under way then is stopped with a checkpoint, and the next call goes on.
    pub hours: Option<f64>,
}

/// What each task asks a cluster for; what is not said is the cluster's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlurmPlan {
    /// `--time`.
    pub time: Option<String>,
    /// `--mem`.
    pub memory: Option<String>,
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// Put a task back into the queue that was preempted, lost its node or ran out of time.
    pub requeue: bool,
    /// Tasks at once; none: as many as the cluster gives.
    pub at_once: Option<u32>,
    /// Trainings that a task makes one after the other: for sweeps of more trainings than an array may have tasks.
    pub trainings_per_task: u32,
    /// Seconds before the end of its time at which a task saves its checkpoint.
    pub grace_s: u32,
    /// Other options of `sbatch`, each as `--name=value`.
    pub options: Vec<String>,
}

impl Default for SlurmPlan {
    fn default() -> Self {
        Self {
            time: None,
            memory: None,
            partition: None,
            account: None,
            requeue: true,
            at_once: None,
            trainings_per_task: 1,
            grace_s: 60,
            options: Vec::new(),
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: String::new(),
            notes: String::new(),
            inputs: Vec::new(),
            preset: None,
            recipe: None,
            from: None,
            set: Map::new(),
            cases: Vec::new(),
            vary: BTreeMap::new(),
            search: Search::Grid,
            random_seed: 0,
            repeats: 1,
            halving: None,
            evaluate: None,
            budget: Budget::default(),
            threads: 1,
            run: true,
            slurm: SlurmPlan::default(),
        }
    }
}

impl Plan {
    /// Reads a plan in which nothing is wrong that can be told without looking at files.
    ///
    /// # Errors
    /// Every problem that was found: of single fields, then of the fields together.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let plan = Self::parse(text)?;
        let problems = plan.problems();
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Reads a plan of fields that are known and of the right types. [`Self::problems`] may still have something to say.
    ///
    /// # Errors
    /// Every field that is not.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| vec![Problem::new("plan", "a JSON object", json_mistake(&error))])?;
        let Value::Object(fields) = value else {
            return Err(vec![Problem::new("plan", "a JSON object", "something else")]);
        };
        let known = match serde_json::to_value(Self::default()) {
            Ok(Value::Object(known)) => known,
            _ => Map::new(),
        };
        let mut problems = Vec::new();
        for (field, value) in &fields {
            if !known.contains_key(field) {
                problems.push(Problem::unknown("", field, "a field of a plan", known.keys()));
            } else if let Err(error) = serde_json::from_value::<Self>(json!({ field: value })) {
                problems.push(Problem::new(field, "a value of the right type", json_mistake(&error)));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| vec![Problem::new("plan", "the fields of a plan", json_mistake(&error))])
    }

    /// What is wrong with it that can be told without looking at files.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, field: &str, rule: &str, value: String| {
            if !holds {
                problems.push(Problem::new(field, rule, value));
            }
        };
        require(self.name.len() <= MAX_TEXT_BYTES, "name", "at most 64 KiB", self.name.len().to_string());
        require(self.notes.len() <= MAX_TEXT_BYTES, "notes", "at most 64 KiB", self.notes.len().to_string());
        require((1..=MAX_REPEATS).contains(&self.repeats), "repeats", "1 to 1000", self.repeats.to_string());
        require((1..=256).contains(&self.threads), "threads", "1 to 256", self.threads.to_string());
        require(self.cases.len() <= MAX_CASES, "cases", "at most 10000", self.cases.len().to_string());
        require(self.vary.len() <= MAX_VARIED, "vary", "at most 64 fields", self.vary.len().to_string());
        let hours = self.budget.hours.unwrap_or(1.0);
        require(hours > 0.0 && hours <= 1e6, "budget.hours", "above 0, at most 1000000", hours.to_string());
        require(self.budget.trainings != Some(0), "budget.trainings", "1 or more", "0".into());
        require(self.search != Search::Random(0), "search.random", "1 or more", "0".into());
        let slurm = &self.slurm;
        require(slurm.at_once != Some(0), "slurm.at_once", "1 or more", "0".into());
        let per_task = slurm.trainings_per_task;
        require((1..=100_000).contains(&per_task), "slurm.trainings_per_task", "1 to 100000", per_task.to_string());
        require((1..=65_535).contains(&slurm.grace_s), "slurm.grace_s", "1 to 65535", slurm.grace_s.to_string());
        // They become lines of a script.
        let named = [
            ("slurm.time", &slurm.time),
            ("slurm.memory", &slurm.memory),
            ("slurm.partition", &slurm.partition),
            ("slurm.account", &slurm.account),
        ];
        for (field, value) in named {
            let value = value.as_deref().unwrap_or("1");
            require(is_word(value), field, "one word, without quotes and semicolons", format!("{value:?}"));
        }
        for option in &slurm.options {
            let good = option.starts_with("--") && is_word(option);
            require(good, "slurm.options", "options such as --qos=long, without blanks", format!("{option:?}"));
            let name = option.split('=').next().unwrap_or_default();
            let free = !OWN_OPTIONS.contains(&name);
            require(free, "slurm.options", "options that the plan does not say in another place", option.clone());
        }
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (index, case) in self.cases.iter().enumerate().take(MAX_CASES) {
            let field = format!("cases[{index}].name");
            require(!case.name.trim().is_empty(), &field, "a name", "none".into());
            require(names.insert(&case.name), &field, "a name of its own", format!("{:?} twice", case.name));
        }
        for (field, values) in &self.vary {
            let place = format!("vary.{field}");
            if let Some((rule, value)) = values.problem(self.search == Search::Grid) {
                require(false, &place, &rule, value);
            } else {
                require(values.count() <= MAX_VALUES, &place, "at most 100000 values", values.count().to_string());
            }
            let taken = self.cases.iter().find(|case| case.set.keys().any(|other| overlap(field, other)));
            if let Some(case) = taken {
                require(false, &place, "a field that no case sets", format!("{:?} sets it", case.name));
            }
        }
        let seeded = self.vary.contains_key("random_seed");
        require(!seeded || self.repeats == 1, "vary.random_seed", "no such field beside repeats", "both".into());
        require(
            self.search == Search::Grid || !self.vary.is_empty(),
            "search.random",
            "fields to draw, in vary",
            "none".into(),
        );
        if let Some(halving) = &self.halving {
            for (field, rule, value) in halving.problems() {
                require(false, &format!("halving.{field}"), &rule, value);
            }
            let mut set =
                self.set.keys().chain(self.vary.keys()).chain(self.cases.iter().flat_map(|case| case.set.keys()));
            let taken = set.any(|other| overlap(&halving.field, other));
            require(
                !taken,
                "halving.field",
                "a field that neither set nor vary nor a case says",
                halving.field.clone(),
            );
        }
        if let Some(evaluate) = &self.evaluate {
            let any = evaluate.continuation || evaluate.sampled;
            require(any, "evaluate", "continuation or sampled", "neither".into());
            require(!evaluate.sampled || self.run, "evaluate.sampled", "run, which keeps the outputs", "no run".into());
        }
        let with_recipe = self.recipe.is_some() || self.cases.iter().any(|case| case.recipe.is_some());
        require(!with_recipe || self.from.is_none(), "from", "none beside a recipe", "both".into());
        let both = |preset: &Option<String>, recipe: &Option<String>| preset.is_some() && recipe.is_some();
        let twofold =
            both(&self.preset, &self.recipe) || self.cases.iter().any(|case| both(&case.preset, &case.recipe));
        require(!twofold, "recipe", "a preset (sound) or a recipe (notes)", "both".into());
        if let Some(seconds) = self.slurm.time.as_deref().filter(|time| is_word(time)).map(seconds_of) {
            let rule = "minutes, or hours:minutes:seconds, or days-hours, …";
            require(seconds.is_some(), "slurm.time", rule, format!("{:?}", self.slurm.time.as_deref().unwrap_or("")));
            let seconds = seconds.unwrap_or(u64::MAX);
            let short = u64::from(self.slurm.grace_s) * 2 <= seconds;
            require(
                short,
                "slurm.grace_s",
                "at most half of slurm.time",
                format!("{} of {seconds} s", self.slurm.grace_s),
            );
        }
        problems.truncate(MAX_PROBLEMS);
        if problems.is_empty() {
            let count = self.count();
            let most = self.budget.trainings.map_or(MAX_TRAININGS, |most| most as usize);
            if count > most {
                let rule = match self.budget.trainings {
                    Some(_) => format!("at most {most} trainings, as the budget says"),
                    None => format!("at most {most} trainings"),
                };
                problems.push(Problem::new("plan", rule, count));
            }
        }
        problems
    }

    /// Whether its trainings can be told, whatever else is wrong with it; `problems` are its own.
    pub fn is_countable(problems: &[Problem]) -> bool {
        let parts = ["plan", "vary", "cases", "search", "repeats", "halving.lengths", "halving.keep"];
        !problems.iter().any(|problem| parts.iter().any(|part| problem.field.starts_with(part)))
    }

    /// Combinations of one case.
    fn combinations(&self) -> usize {
        match self.search {
            Search::Random(count) => count as usize,
            Search::Grid => self.vary.values().map(Values::count).fold(1, usize::saturating_mul),
        }
    }

    /// Trainings in all, rungs of halving included.
    pub fn count(&self) -> usize {
        let first = self.combinations().saturating_mul(self.cases.len().max(1)).saturating_mul(self.repeats as usize);
        match &self.halving {
            None => first,
            Some(halving) => halving.sizes(first).iter().fold(0, |sum, &size| sum.saturating_add(size)),
        }
    }

    /// The trainings that it begins with, numbered from 1: by case, then by combination, the last field fastest, then by repeat.
    pub fn trainings(&self) -> Vec<Training> {
        let mut random = Random::new(self.random_seed);
        let fields: Vec<(&String, Vec<Value>)> = match self.search {
            Search::Grid => self.vary.iter().map(|(field, values)| (field, values.all())).collect(),
            Search::Random(_) => Vec::new(),
        };
        let cases: Vec<Option<&Case>> =
            if self.cases.is_empty() { vec![None] } else { self.cases.iter().map(Some).collect() };
        let mut trainings = Vec::new();
        for case in cases {
            for combination in 0..self.combinations() {
                let values: Map<String, Value> = match self.search {
                    Search::Grid => {
                        let mut left = combination;
                        let mut values = Map::new();
                        for (field, all) in fields.iter().rev() {
                            values.insert((*field).clone(), all[left % all.len()].clone());
                            left /= all.len();
                        }
                        values
                    }
                    Search::Random(_) => {
                        self.vary.iter().map(|(field, values)| (field.clone(), values.draw(&mut random))).collect()
                    }
                };
                for repeat in 0..self.repeats {
                    trainings.push(Training {
                        number: trainings.len() as u32 + 1,
                        case: case.map(|case| case.name.clone()),
                        values: values.clone(),
                        repeat,
                        rung: 0,
                        parent: None,
                    });
                }
            }
        }
        trainings
    }

    /// The case of a training.
    pub fn case_of(&self, training: &Training) -> Option<&Case> {
        let name = training.case.as_deref()?;
        self.cases.iter().find(|case| case.name == name)
    }

    /// The preset and the recipe of a training.
    pub fn beginning_of(&self, training: &Training) -> (Option<&str>, Option<&str>) {
        let case = self.case_of(training);
        let own = case.filter(|case| case.preset.is_some() || case.recipe.is_some());
        match own {
            Some(case) => (case.preset.as_deref(), case.recipe.as_deref()),
            None => (self.preset.as_deref(), self.recipe.as_deref()),
        }
    }

    /// All fields that a training sets over its preset or recipe, those that matter more later; but for what a repeat adds to the random
    /// seed of its configuration.
    pub fn settings_of(&self, training: &Training) -> Vec<(String, Value)> {
        let mut settings: Vec<(String, Value)> = Vec::new();
        let mut put = |field: &str, value: Value| {
            settings.retain(|(there, _)| there != field);
            settings.push((field.to_string(), value));
        };
        let case = self.case_of(training);
        let fixed = self.set.iter().chain(case.iter().flat_map(|case| &case.set));
        fixed.chain(&training.values).for_each(|(field, value)| put(field, value.clone()));
        if let Some(halving) = &self.halving {
            put(&halving.field, halving.lengths[training.rung as usize].clone());
        }
        settings
    }

    /// The same with every path absolute or from `folder`.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        let mut paths: Vec<&mut PathBuf> = self.inputs.iter_mut().collect();
        if let Some(evaluate) = &mut self.evaluate {
            paths.extend(evaluate.material.iter_mut().chain(&mut evaluate.seeds));
        }
        for path in paths {
            *path = settled(folder, path);
        }
        let file = self.from.as_deref().map(|name| settled(folder, Path::new(name))).filter(|path| path.is_file());
        if let Some(path) = file.as_deref().and_then(Path::to_str) {
            self.from = Some(path.into());
        }
        self
    }
}

/// A path from `folder`, as one name for one file, so that the same plan is the same wherever it is called from.
pub fn settled(folder: &Path, path: &Path) -> PathBuf {
    let path = folder.join(path);
    // On Windows such names are of a kind that few programs take.
    if cfg!(unix) { path.canonicalize().unwrap_or(path) } else { path }
}

/// Whether two fields say something of the same: one leads to the other.
fn overlap(one: &str, other: &str) -> bool {
    let leads = |short: &str, long: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    one == other || leads(one, other) || leads(other, one)
}

/// A time as `sbatch` takes it, in seconds; none of what it does not take. `minutes`, `minutes:seconds`, `hours:minutes:seconds`,
/// `days-hours`, `days-hours:minutes`, `days-hours:minutes:seconds`.
fn seconds_of(time: &str) -> Option<u64> {
    let (days, rest) = match time.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, time),
    };
    let parts: Vec<u64> = rest.split(':').map(|part| part.parse::<u32>().ok().map(u64::from)).collect::<Option<_>>()?;
    let seconds = match (days.is_some(), &parts[..]) {
        (true, [hours]) => 3600 * hours,
        (true, [hours, minutes]) => 3600 * hours + 60 * minutes,
        (false, [minutes]) => 60 * minutes,
        (false, [minutes, seconds]) => 60 * minutes + seconds,
        (_, [hours, minutes, seconds]) => 3600 * hours + 60 * minutes + seconds,
        _ => return None,
    };
    Some(days.unwrap_or(0).saturating_mul(86_400).saturating_add(seconds))
}

/// Options of `sbatch` that a script has anyway.
const OWN_OPTIONS: [&str; 10] = [
    "--array",
    "--output",
    "--open-mode",
    "--signal",
    "--requeue",
    "--no-requeue",
    "--wrap",
    "--cpus-per-task",
    "--dependency",
    "--parsable",
];

/// Whether a text may stand in a line that `sbatch` reads, as it is.
fn is_word(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || ":-._,=/+@%[]&|!*".contains(c);
    !text.is_empty() && text.len() <= 200 && text.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::PLANS;

    fn read(text: &str) -> Plan {
        Plan::read(text).expect("a good plan")
    }

    fn fields(text: &str) -> Vec<String> {
        let problems = Plan::read(text).expect_err(text);
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_grid_is_gone_through_case_by_case_the_last_field_fastest() {
        let plan = read(
            r#"{"set": {"lr": 1, "epochs": 9}, "cases": [{"name": "x", "set": {"epochs": 3}}, {"name": "y"}], "repeats": 2,
                "vary": {"hidden": [8, 16], "cell": ["lstm", "gru"]}}"#,
        );
        let trainings = plan.trainings();
        assert_eq!((plan.count(), trainings.len()), (16, 16));
        assert!(trainings.iter().zip(1..).all(|(training, number)| training.number == number));
        let titles: Vec<String> = trainings.iter().step_by(2).take(5).map(|training| training.title(1)).collect();
        assert_eq!(
            titles,
            [
                "x, cell lstm, hidden 8",
                "x, cell lstm, hidden 16",
                "x, cell gru, hidden 8",
                "x, cell gru, hidden 16",
                "y, cell lstm, hidden 8"
            ]
        );
        assert_eq!(trainings[1].title(2), "x, cell lstm, hidden 8, repeat 2");
        let settings = |index: usize| Value::Object(plan.settings_of(&trainings[index]).into_iter().collect());
        assert_eq!(settings(1), json!({"lr": 1, "epochs": 3, "cell": "lstm", "hidden": 8}));
        assert_eq!(settings(8), json!({"lr": 1, "epochs": 9, "cell": "lstm", "hidden": 8}));
    }

    #[test]
    fn a_random_search_draws_the_same_again_and_others_with_another_seed() {
        let text = |seed: u32| {
            format!(
                r#"{{"search": {{"random": 50}}, "random_seed": {seed},
                    "vary": {{"lr": {{"from": 1e-4, "to": 1e-1, "scale": "log"}}, "hidden": {{"from": 8, "to": 64}}}}}}"#
            )
        };
        let plan = read(&text(1));
        assert_eq!(plan.trainings(), read(&text(1)).trainings());
        assert_ne!(plan.trainings(), read(&text(2)).trainings());
        let mut drawn: Vec<String> = plan.trainings().iter().map(|training| training.title(1)).collect();
        drawn.sort();
        drawn.dedup();
        assert!(drawn.len() > 45, "every one is drawn anew: {}", drawn.len());
    }

    #[test]
    fn rungs_set_their_length() {
        let plan = read(r#"{"vary": {"lr": [1, 2]}, "halving": {"lengths": [3, 9]}, "set": {"hidden": 1}}"#);
        let first = &plan.trainings()[0];
        assert_eq!(plan.count(), 3);
        let epochs = |rung| {
            let settings = plan.settings_of(&Training { rung, ..first.clone() });
            settings.into_iter().find(|(field, _)| field == "epochs").map(|(_, value)| value)
        };
        assert_eq!((epochs(0), epochs(1)), (Some(json!(3)), Some(json!(9))));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        assert_eq!(fields("[]"), ["plan"]);
        assert_eq!(fields(r#"{"vari": {}, "repeats": "two", "search": "best"}"#), ["repeats", "search", "vari"]);
        let said = Plan::read(r#"{"vari": {}}"#).expect_err("no field")[0].to_string();
        assert_eq!(said, "vari: expected a field of a plan, found no such field; did you mean vary?");
        let several = r#"{"repeats": 0, "threads": 300, "vary": {"lr": [], "hidden": {"from": 9, "to": 8, "count": 2}, "epochs": [1]},
            "cases": [{"name": ""}, {"name": "a", "set": {"epochs": 1}}, {"name": "a"}], "halving": {"lengths": [2, 1], "keep": 2},
            "budget": {"hours": 0}, "slurm": {"partition": "a; rm -r /", "options": ["-x", "--array=1"], "grace_s": 0}, "evaluate": {"continuation": false}}"#;
        let expected = [
            "repeats",
            "threads",
            "budget.hours",
            "slurm.grace_s",
            "slurm.partition",
            "slurm.options",
            "slurm.options",
            "cases[0].name",
            "cases[2].name",
            "vary.epochs",
            "vary.hidden",
            "vary.lr",
            "halving.lengths",
            "halving.keep",
            "halving.field",
            "evaluate",
        ];
        assert_eq!(fields(several), expected);
        assert_eq!(fields(r#"{"budget": {"trainings": 3}, "vary": {"lr": [1, 2], "hidden": [1, 2]}}"#), ["plan"]);
        assert_eq!(fields(r#"{"search": {"random": 3}}"#), ["search.random"]);
        assert_eq!(fields(r#"{"slurm": {"time": "1"}}"#), ["slurm.grace_s"], "it would end before it has begun");
        assert_eq!(fields(r#"{"slurm": {"time": "soon"}}"#), ["slurm.time"]);
        assert_eq!(fields(r#"{"recipe": "a", "preset": "b", "from": "c"}"#), ["from", "recipe"]);
        let nested = r#"{"vary": {"approach": [1]}, "cases": [{"name": "a", "set": {"approach.hop": 3}}]}"#;
        assert_eq!(fields(nested), ["vary.approach"]);
        assert_eq!(fields(r#"{"vary": {"random_seed": [1, 2]}, "repeats": 2}"#), ["vary.random_seed"]);
        assert_eq!(fields(r#"{"run": false, "evaluate": {"sampled": true}}"#), ["evaluate.sampled"]);
        let huge = r#"{"vary": {"lr": {"from": 0, "to": 1.0, "count": 100000}, "a": {"from": 0, "to": 1.0, "count": 100000}}}"#;
        assert_eq!(fields(huge), ["plan"], "counted without being made");
    }

    #[test]
    fn times_are_slurm_s() {
        let times = ["90", "2:30", "1:00:30", "2-3", "2-3:04", "2-3:04:05"];
        let seconds = [5400, 150, 3630, 183_600, 183_840, 183_845];
        assert_eq!(times.map(seconds_of), seconds.map(Some));
        assert!(["", "a", "1:2:3:4", "-5", "1-", "1-2:3:4:5"].into_iter().all(|time| seconds_of(time).is_none()));
    }

    #[test]
    fn built_in_plans_are_good() {
        for plan in PLANS {
            let read = Plan::read(plan.json).unwrap_or_else(|problems| panic!("{}: {problems:?}", plan.name));
            assert!(read.inputs.is_empty() && !read.name.is_empty() && read.count() > 0, "{}", plan.name);
        }
    }
}
