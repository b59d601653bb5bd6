//! What controllers and programs of a MIDI input move: read from a file, learnt at the terminal, written back.

use crate::{
    cli::{error::CliError, output::replace_file},
    control::{
        HasPresets, PresetOf,
        said::{Pairs, Said},
        text,
        values::{Kind, Parameter},
    },
    text_file::{json_mistake, read_text},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

/// No map is larger.
const MAX_BYTES: u64 = 1 << 20;
/// Controllers above say what becomes of notes and of the channel.
const MAX_CONTROLLER: u8 = 119;
/// From this value on a controller is on.
const ON: u8 = 64;

/// What a file should be.
fn form<Id: HasPresets>() -> String {
    let preset = Id::FACTORY.first().map_or("my-preset.json", |(name, _)| name);
    let key = example::<Id>();
    format!("JSON of the form {{\"cc\": {{\"20\": \"{key}\", ...}}, \"programs\": {{\"0\": \"{preset}\", ...}}}}")
}

/// A parameter that is worth a controller.
pub fn example<Id: HasPresets>() -> &'static str {
    Id::EXAMPLE.split('"').nth(1).unwrap_or(Id::EXAMPLE)
}

/// A message that can be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A controller takes a value of 7 bits.
    Controller {
        /// Counted from 0.
        channel: u8,
        /// Which.
        number: u8,
        /// Where it is.
        value: u8,
    },
    /// A program is chosen.
    Program {
        /// Counted from 0.
        channel: u8,
        /// Which, counted from 0.
        number: u8,
    },
}

/// A controller, of one channel or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    number: u8,
    /// Counted from 0.
    channel: Option<u8>,
}

impl Source {
    fn is(self, number: u8, channel: u8) -> bool {
        self.number == number && self.channel.is_none_or(|own| own == channel)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.number)?;
        match self.channel {
            Some(channel) => write!(formatter, " of channel {}", channel + 1),
            None => Ok(()),
        }
    }
}

/// A controller that moves a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binding<Id> {
    source: Source,
    id: Id,
    /// The value at 0.
    from: f32,
    /// The value at 127.
    to: f32,
}

impl<Id: Parameter> Binding<Id> {
    fn whole(source: Source, id: Id) -> Self {
        Self { source, id, from: id.spec().min, to: id.spec().max }
    }

    /// The parameter's value where the controller is.
    fn value(&self, at: u8) -> f32 {
        let spec = self.id.spec();
        let (from, to) = (self.from, self.to);
        let part = f32::from(at.min(127)) / 127.0;
        let value = match spec.kind {
            Kind::Switch | Kind::Trigger | Kind::Command => {
                if at >= ON {
                    to
                } else {
                    from
                }
            }
            // Each has as much of the way as any other.
            Kind::Choice(_) => {
                let steps = (f32::from(at) * ((to - from).abs() + 1.0) / 128.0).floor();
                if to < from { from - steps } else { from + steps }
            }
            // Equal steps of the control are equal steps of the root, as in hosts.
            Kind::Skewed => {
                let root = |value: f32| ((value - spec.min) / (spec.max - spec.min)).max(0.0).sqrt();
                let root = root(from) + part * (root(to) - root(from));
                spec.min + (spec.max - spec.min) * root * root
            }
            Kind::Linear | Kind::Integer => from + part * (to - from),
        };
        // The ends are exact.
        spec.sanitise(if at == 0 {
            from
        } else if at >= 127 {
            to
        } else {
            value
        })
    }
}

impl<Id: Parameter> fmt::Display for Binding<Id> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.id.spec();
        let [from, to] = [self.from, self.to].map(|value| text::typed(spec, value));
        write!(formatter, "CC {}: {}, {from} to {to}", self.source, spec.key)
    }
}

/// A program that is a preset.
#[derive(Clone, Debug, PartialEq)]
struct Program<Id: HasPresets> {
    source: Source,
    /// As the file has it.
    name: String,
    preset: PresetOf<Id>,
}

/// What is mapped, and what is being learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlMap<Id: HasPresets> {
    bindings: Vec<Binding<Id>>,
    programs: Vec<Program<Id>>,
    /// Where it was read.
    file: Option<PathBuf>,
    learning: Option<Id>,
    is_changed: bool,
}

impl<Id: HasPresets> Default for ControlMap<Id> {
    fn default() -> Self {
        Self { bindings: Vec::new(), programs: Vec::new(), file: None, learning: None, is_changed: false }
    }
}

/// What a message does.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves<Id> {
    /// Parameters and their values.
    pub values: Vec<(Id, f32)>,
    /// What to tell.
    pub said: Option<String>,
}

impl<Id: HasPresets> ControlMap<Id> {
    /// Reads a map. Where `is_new_fine` there need be no file: it will be written.
    ///
    /// # Errors
    /// Everything in which a file can be wrong, with the entry.
    pub fn read(path: &Path, is_new_fine: bool) -> Result<Self, CliError> {
        if is_new_fine && !path.exists() {
            return Ok(Self { file: Some(path.into()), ..Self::default() });
        }
        let io = |source| CliError::Io { path: path.into(), action: "read", source };
        let Some(text) = read_text(path, MAX_BYTES).map_err(io)? else {
            let (expected, actual) = (format!("at most {MAX_BYTES} bytes"), "more".into());
            return Err(CliError::Automation { path: path.into(), expected, actual });
        };
        Reading { path, kind: PhantomData }.map(&text)
    }

    /// What a message moves; while something is learnt the next controller is bound to it.
    pub fn hear(&mut self, message: Message, now: &Id::Values) -> Moves<Id> {
        match message {
            Message::Controller { channel, number, value } => {
                let said = self.learning.take().map(|id| self.bind(Source { number, channel: Some(channel) }, id));
                let moved = self.bindings.iter().filter(|binding| binding.source.is(number, channel));
                Moves { values: moved.map(|binding| (binding.id, binding.value(value))).collect(), said }
            }
            Message::Program { channel, number } => {
                let Some(program) = self.programs.iter().find(|program| program.source.is(number, channel)) else {
                    return Moves { values: Vec::new(), said: None };
                };
                let said = Some(format!("program {number}: {}", program.preset.name));
                let values = program.preset.values_over(|id| id.value(now));
                let ids = Id::by_group().map(|spec| spec.id);
                // A preset touches no button.
                let ids = ids.filter(|id| !id.spec().kind.is_trigger() && id.value(&values) != id.value(now));
                Moves { values: ids.map(|id| (id, id.value(&values))).collect(), said }
            }
        }
    }

    /// The values of each program: they say which models must be there.
    pub fn presets(&self, now: &Id::Values) -> Vec<Id::Values> {
        self.programs.iter().map(|program| program.preset.values_over(|id| id.value(now))).collect()
    }

    /// The next controller that moves will move this; `None`: it will not.
    pub fn learn(&mut self, id: Option<Id>) {
        self.learning = id;
    }

    /// Binds a controller, instead of what moved the parameter and what it moved itself; tells so.
    fn bind(&mut self, source: Source, id: Id) -> String {
        let before: Vec<&str> = self.bindings.iter().filter(|b| b.source == source).map(|b| b.id.spec().key).collect();
        let before: Vec<&str> = before.into_iter().filter(|key| *key != id.spec().key).collect();
        let instead = if before.is_empty() { String::new() } else { format!(", no longer {}", before.join(", ")) };
        // Of this parameter the part of its range stays that was chosen.
        let known = self.bindings.iter().find(|binding| binding.id == id).copied();
        self.bindings.retain(|binding| binding.source != source && binding.id != id);
        let binding = known.map_or(Binding::whole(source, id), |known| Binding { source, ..known });
        self.bindings.push(binding);
        self.is_changed = true;
        format!("CC {source} moves {}{instead}", id.spec().key)
    }

    /// Nothing moves this any longer; true if something did.
    pub fn unlearn(&mut self, id: Id) -> bool {
        let before = self.bindings.len();
        self.bindings.retain(|binding| binding.id != id);
        let is_less = self.bindings.len() < before;
        self.is_changed |= is_less;
        self.learning = self.learning.filter(|learning| *learning != id);
        is_less
    }

    /// True if something was learnt, or unlearnt, that no file has.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// A line for all that is mapped.
    pub fn lines(&self) -> Vec<String> {
        let programs = self.programs.iter().map(|program| format!("program {}: {}", program.source, program.name));
        self.bindings.iter().map(Binding::to_string).chain(programs).collect()
    }

    /// Writes it: to the file that it was read from, or to another that is not there yet. Returns where.
    ///
    /// # Errors
    /// If there is no such place, another file is there, or it cannot be written.
    pub fn save(&mut self, path: Option<&Path>) -> Result<PathBuf, CliError> {
        let place = path.or(self.file.as_deref()).ok_or_else(|| CliError::Option {
            option: "save map",
            expected: "a file's name, as in: save map my-map.json".into(),
            actual: "none, and no --map".into(),
        })?;
        let place = place.to_path_buf();
        crate::cli::output::check_output(&place, &["json"])?;
        if Some(&place) != self.file.as_ref() && place.exists() {
            let (expected, actual) = ("no file there yet; choose another name".into(), "a file".into());
            return Err(CliError::Output { path: place, expected, actual });
        }
        let text = serde_json::to_string_pretty(&self.to_json(&place)).unwrap_or_default() + "\n";
        replace_file(&place, |part| std::fs::write(part, text))?;
        self.is_changed = false;
        Ok(place)
    }

    fn to_json(&self, place: &Path) -> Value {
        let channel = |entry: &mut Map<String, Value>, source: Source| {
            if let Some(channel) = source.channel {
                entry.insert("channel".into(), (channel + 1).into());
            }
        };
        let (mut cc, mut programs) = (Map::new(), Map::new());
        for binding in &self.bindings {
            let spec = binding.id.spec();
            let mut entry = Map::new();
            entry.insert("parameter".into(), spec.key.into());
            for (key, value, usual) in [("from", binding.from, spec.min), ("to", binding.to, spec.max)] {
                if value != usual {
                    entry.insert(key.into(), text::typed(spec, value).into());
                }
            }
            channel(&mut entry, binding.source);
            let entry = if entry.len() == 1 { spec.key.into() } else { Value::Object(entry) };
            insert(&mut cc, binding.source.number, entry);
        }
        for program in &self.programs {
            let mut entry = Map::new();
            entry.insert("preset".into(), self.name_beside(place, &program.name).into());
            channel(&mut entry, program.source);
            let entry =
                if entry.len() == 1 { entry.remove("preset").unwrap_or_default() } else { Value::Object(entry) };
            insert(&mut programs, program.source.number, entry);
        }
        json!({ "cc": cc, "programs": programs })
    }

    /// How a file at `place` names a preset.
    fn name_beside(&self, place: &Path, name: &str) -> String {
        let is_moved = self.file.as_deref().is_some_and(|file| file.parent() != place.parent());
        if !is_moved || PresetOf::<Id>::factory_names().any(|factory| factory == name) {
            return name.into();
        }
        let path = beside(self.file.as_deref().unwrap_or(place), name);
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    }
}

/// One entry of a number, or a list of them.
fn insert(entries: &mut Map<String, Value>, number: u8, entry: Value) {
    match entries.get_mut(&number.to_string()) {
        Some(Value::Array(list)) => list.push(entry),
        Some(one) => *one = Value::Array(vec![one.take(), entry]),
        None => drop(entries.insert(number.to_string(), entry)),
    }
}

/// A preset's file, named from the place of its map.
fn beside(map: &Path, name: &str) -> PathBuf {
    map.parent().map_or_else(|| name.into(), |folder| folder.join(name))
}

/// A map as a file states it. Entries are looked at one by one, so that each can be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    channel: Option<Value>,
    #[serde(default = "none")]
    cc: Pairs<Value>,
    #[serde(default = "none")]
    programs: Pairs<Value>,
}

fn none() -> Pairs<Value> {
    Pairs(Vec::new())
}

/// The name that an entry holds, and all of the entry where it is an object.
type Named<'v> = (&'v str, Option<&'v Map<String, Value>>);

/// Reads the entries of a file.
struct Reading<'a, Id> {
    path: &'a Path,
    kind: PhantomData<Id>,
}

impl<Id: HasPresets> Reading<'_, Id> {
    fn wrong(&self, entry: &str, expected: impl Into<String>, actual: impl Into<String>) -> CliError {
        let (path, entry) = (self.path.into(), entry.into());
        CliError::Map { path, entry, expected: expected.into(), actual: actual.into() }
    }

    fn map(&self, text: &str) -> Result<ControlMap<Id>, CliError> {
        let stated: Stated = serde_json::from_str(text).map_err(|error| CliError::Automation {
            path: self.path.into(),
            expected: form::<Id>(),
            actual: json_mistake(&error),
        })?;
        let channel = self.channel("channel", stated.channel.as_ref(), None)?;
        let mut map = ControlMap { file: Some(self.path.into()), ..ControlMap::default() };
        let mut seen = Vec::new();
        for (key, value) in &stated.cc.0 {
            let entry = format!("cc {key}");
            let number = self.number(&entry, key, MAX_CONTROLLER, "a controller", &mut seen)?;
            for value in several(value) {
                map.bindings.push(self.binding(&entry, number, value, channel)?);
            }
        }
        seen.clear();
        for (key, value) in &stated.programs.0 {
            let entry = format!("program {key}");
            let number = self.number(&entry, key, 127, "a program", &mut seen)?;
            for value in several(value) {
                map.programs.push(self.program(&entry, number, value, channel)?);
            }
        }
        Ok(map)
    }

    fn number(&self, entry: &str, key: &str, max: u8, what: &str, seen: &mut Vec<u8>) -> Result<u8, CliError> {
        let number = key.trim().parse::<u8>().ok().filter(|number| *number <= max);
        let number = number.ok_or_else(|| self.wrong(entry, format!("{what} from 0 to {max}"), format!("{key:?}")))?;
        if seen.contains(&number) {
            return Err(self.wrong(entry, "one entry (a list holds several)", "two"));
        }
        seen.push(number);
        Ok(number)
    }

    fn channel(&self, entry: &str, value: Option<&Value>, usual: Option<u8>) -> Result<Option<u8>, CliError> {
        let Some(value) = value else { return Ok(usual) };
        let channel = value.as_u64().filter(|channel| (1..=16).contains(channel));
        let channel = channel.ok_or_else(|| self.wrong(entry, "a channel from 1 to 16", value.to_string()))?;
        Ok(Some(channel as u8 - 1))
    }

    /// What an entry says: a name, or an object with a name at `key`.
    fn named<'v>(&self, entry: &str, value: &'v Value, key: &str, others: &[&str]) -> Result<Named<'v>, CliError> {
        let object = value.as_object();
        let name = object.map_or(Some(value), |object| object.get(key)).and_then(Value::as_str);
        let stranger =
            object.and_then(|object| object.keys().find(|found| *found != key && !others.contains(&found.as_str())));
        match (name, stranger) {
            (Some(name), None) => Ok((name, object)),
            (_, Some(stranger)) => {
                Err(self.wrong(entry, format!("{key}, {}", others.join(", ")), format!("{stranger:?}")))
            }
            (None, None) => {
                Err(self.wrong(entry, format!("a {key}'s name, or {{\"{key}\": ..., ...}}"), value.to_string()))
            }
        }
    }

    fn binding(&self, entry: &str, number: u8, value: &Value, channel: Option<u8>) -> Result<Binding<Id>, CliError> {
        let (name, object) = self.named(entry, value, "parameter", &["from", "to", "channel"])?;
        let origin = format!("{}: {entry}", self.path.display());
        let wrong = |source| CliError::Parameter { origin: origin.clone(), source };
        let id = text::parameter::<Id>(name).map_err(wrong)?;
        let field = |key: &str| object.and_then(|object| object.get(key));
        let channel = self.channel(entry, field("channel"), channel)?;
        let mut binding = Binding::whole(Source { number, channel }, id);
        for (key, end) in [("from", &mut binding.from), ("to", &mut binding.to)] {
            if let Some(said) = field(key) {
                let said: Said = match said {
                    Value::Bool(on) => Said::Word(if *on { "on" } else { "off" }.into()),
                    said => serde_json::from_value(said.clone())
                        .map_err(|_| self.wrong(entry, format!("a number or a word as {key:?}"), said.to_string()))?,
                };
                *end = said.value(id.spec()).map_err(wrong)?;
            }
        }
        Ok(binding)
    }

    fn program(&self, entry: &str, number: u8, value: &Value, channel: Option<u8>) -> Result<Program<Id>, CliError> {
        let (name, object) = self.named(entry, value, "preset", &["channel"])?;
        let channel = self.channel(entry, object.and_then(|object| object.get("channel")), channel)?;
        let is_factory = PresetOf::<Id>::factory_names().any(|factory| factory == name);
        let place = if is_factory { name.into() } else { beside(self.path, name).display().to_string() };
        let preset = PresetOf::<Id>::find(&place)
            .map_err(|error| self.wrong(entry, "a preset", format!("{name:?} ({error})")))?;
        Ok(Program { source: Source { number, channel }, name: name.into(), preset })
    }
}

/// An entry, or those of a list.
fn several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Whether a controller can be mapped.
pub fn can_be_mapped(controller: u8) -> bool {
    controller <= MAX_CONTROLLER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{ParamId, ParamValues, notes::NoteParam};

    fn read(text: &str) -> Result<ControlMap<ParamId>, String> {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("map.json");
        std::fs::write(&path, text).expect("temp");
        let preset = r#"{"name": "Mine", "description": "d", "parameters": {"mix": 12, "model": 2}}"#;
        std::fs::write(folder.path().join("mine.json"), preset).expect("temp");
        ControlMap::read(&path, false).map_err(|error| error.to_string())
    }

    fn turn(map: &mut ControlMap<ParamId>, channel: u8, number: u8, value: u8) -> Vec<(&'static str, f32)> {
        let moves = map.hear(Message::Controller { channel, number, value }, &ParamValues::default());
        moves.values.into_iter().map(|(id, value)| (id.spec().key, value)).collect()
    }

    #[test]
    fn controllers_move_parameters_over_their_range() {
        let mut map = read(
            r#"{"cc": {"20": "mix", "21": {"parameter": "Temperature", "from": 0.5, "to": 1.5}, "22": "auto_start",
                "23": "seed_source", "24": "voices", "25": "seed length", "26": {"parameter": "mix", "from": 80, "to": "20 %", "channel": 3},
                "27": ["gate", {"parameter": "bypass", "from": "on", "to": "off"}]}}"#,
        )
        .expect("a map");
        for (number, value, expected) in [
            (20, 0, 0.0),
            (20, 127, 100.0),
            (21, 0, 0.5),
            (21, 127, 1.5),
            (22, 63, 0.0),
            (22, 64, 1.0),
            (23, 25, 0.0),
            (23, 26, 1.0),
            (23, 102, 3.0),
            (23, 103, 4.0),
            (23, 127, 4.0),
            (24, 127, 4.0),
            (24, 63, 2.0),
            (25, 0, 0.05),
            (25, 127, 10.0),
        ] {
            let moved = turn(&mut map, 9, number, value);
            assert_eq!(moved.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [expected], "CC {number} at {value}");
        }
        let middle = turn(&mut map, 0, 25, 64)[0].1;
        assert!((middle - 2.577).abs() < 0.01, "a square law: {middle}");
        assert_eq!(turn(&mut map, 2, 26, 127), [("mix", 20.0)], "it goes down");
        assert_eq!(turn(&mut map, 3, 26, 127), [], "another channel");
        assert_eq!(turn(&mut map, 0, 27, 127), [("gate", 0.0), ("bypass", 0.0)], "two at once");
        let mut all = read(r#"{"channel": 16, "cc": {"0": "mix"}}"#).expect("a map");
        assert_eq!((turn(&mut all, 15, 0, 127).len(), turn(&mut all, 0, 0, 127).len()), (1, 0));
    }

    #[test]
    fn programs_are_presets_that_leave_models_and_buttons_alone() {
        let mut map =
            read(r#"{"programs": {"0": "shimmer", "1": "mine.json", "2": {"preset": "mine.json", "channel": 2}}}"#)
                .expect("a map");
        let mut now = ParamValues::default();
        now.set(ParamId::Model, 64.0);
        now.set(ParamId::Mix, 70.0);
        now.set(ParamId::Keep, 1.0);
        let mut choose = |channel, number| map.hear(Message::Program { channel, number }, &now);
        let mine = choose(0, 1);
        assert_eq!(mine.said.as_deref(), Some("program 1: Mine"));
        assert_eq!(mine.values.iter().find(|(id, _)| *id == ParamId::Mix), Some(&(ParamId::Mix, 12.0)));
        assert_eq!(
            mine.values.iter().find(|(id, _)| *id == ParamId::Model),
            Some(&(ParamId::Model, 2.0)),
            "it says so"
        );
        let shimmer = choose(5, 0).values;
        assert!(shimmer.iter().all(|(id, _)| ![ParamId::Model, ParamId::Keep].contains(id)), "{shimmer:?}");
        assert!(shimmer.iter().any(|(id, _)| *id == ParamId::ShimmerLevel));
        let nothing = Moves { values: Vec::new(), said: None };
        assert_eq!((choose(0, 2), choose(0, 9)), (nothing.clone(), nothing));
        assert_eq!(choose(1, 2).said.as_deref(), Some("program 2: Mine"));
    }

    #[test]
    fn what_is_learnt_is_bound_written_and_read_again() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("map.json");
        std::fs::write(
            &path,
            r#"{"cc": {"20": {"parameter": "mix", "from": 10}, "21": "gate"}, "programs": {"3": "shimmer"}}"#,
        )
        .expect("temp");
        let mut map = ControlMap::read(&path, false).expect("a map");
        assert!(!map.is_changed());
        map.learn(Some(ParamId::Mix));
        let moves = map.hear(Message::Controller { channel: 1, number: 30, value: 0 }, &ParamValues::default());
        assert_eq!(moves.said.as_deref(), Some("CC 30 of channel 2 moves mix"));
        assert_eq!(moves.values, [(ParamId::Mix, 10.0)], "the part of the range stays");
        assert_eq!(turn(&mut map, 0, 20, 0), [], "it moves it no longer");
        map.learn(Some(ParamId::Hold));
        let moves = map.hear(Message::Controller { channel: 1, number: 30, value: 0 }, &ParamValues::default());
        assert_eq!(moves.said.as_deref(), Some("CC 30 of channel 2 moves hold, no longer mix"));
        assert!(map.unlearn(ParamId::Gate) && !map.unlearn(ParamId::Gate) && map.is_changed());
        assert_eq!(map.lines(), ["CC 30 of channel 2: hold, 1 s to inf", "program 3: shimmer"]);
        let other = folder.path().join("other.json");
        std::fs::write(&other, "mine").expect("temp");
        let error = map.save(Some(&other)).expect_err("another file").to_string();
        assert!(error.contains("other.json: expected no file there yet"), "{error}");
        assert_eq!(std::fs::read_to_string(&other).expect("it is there"), "mine");
        let fresh = folder.path().join("fresh.json");
        assert_eq!(map.save(Some(&fresh)).expect("a place"), fresh);
        assert_eq!(map.save(None).expect("its own file"), path);
        assert!(!map.is_changed());
        for path in [&fresh, &path] {
            assert_eq!(ControlMap::<ParamId>::read(path, false).expect("a map").lines(), map.lines());
        }
        let nowhere = ControlMap::<ParamId>::default().save(None).expect_err("no name").to_string();
        assert!(nowhere.contains("save map: expected a file's name"), "{nowhere}");
    }

    #[test]
    fn a_map_of_notes_moves_the_parameters_and_has_the_presets_of_notes() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("map.json");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("temp");
            ControlMap::<NoteParam>::read(&path, false)
        };
        let mut map =
            read(r#"{"cc": {"20": "density", "21": "part"}, "programs": {"3": "beside-you"}}"#).expect("a map");
        let now = Default::default();
        let moves = map.hear(Message::Controller { channel: 4, number: 20, value: 127 }, &now);
        assert_eq!(moves.values, [(NoteParam::Density, 6.0)]);
        let chosen = map.hear(Message::Program { channel: 0, number: 3 }, &now);
        assert!(chosen.values.contains(&(NoteParam::Part, 1.0)), "{chosen:?}");
        let error = read(r#"{"cc": {"20": "mix"}}"#).expect_err("of the other plugin").to_string();
        assert!(error.contains("cc 20: parameter \"mix\""), "{error}");
        let error = read("[]").expect_err("no map").to_string();
        assert!(error.contains(r#"{"20": "density", ...}, "programs": {"0": "two-and-two", ...}"#), "{error}");
    }

    #[test]
    fn faults_name_the_file_and_the_entry() {
        for (text, parts) in [
            ("", ["map.json: expected JSON of the form", "found "]),
            ("[]", ["map.json: expected JSON of the form", "found "]),
            (r#"{"knobs": {}}"#, ["map.json: expected JSON of the form", "knobs"]),
            (r#"{"cc": {"20": "mox"}}"#, ["map.json: cc 20: parameter \"mox\"", "did you mean mix?"]),
            (r#"{"cc": {"120": "mix"}}"#, ["map.json: cc 120: expected a controller from 0 to 119", "found \"120\""]),
            (r#"{"cc": {"knob": "mix"}}"#, ["map.json: cc knob: expected a controller from 0 to 119", "knob"]),
            (r#"{"cc": {"20": 7}}"#, ["map.json: cc 20: expected a parameter's name", "found 7"]),
            (r#"{"cc": {"20": {"from": 7}}}"#, ["map.json: cc 20: expected a parameter's name", "found {"]),
            (
                r#"{"cc": {"20": {"parameter": "mix", "min": 7}}}"#,
                ["cc 20: expected parameter, from, to, channel", "\"min\""],
            ),
            (r#"{"cc": {"20": {"parameter": "mix", "to": 101}}}"#, ["map.json: cc 20: parameter \"mix\"", "0 to 100"]),
            (
                r#"{"cc": {"20": {"parameter": "mix", "to": []}}}"#,
                ["cc 20: expected a number or a word as \"to\"", "[]"],
            ),
            (
                r#"{"cc": {"20": {"parameter": "mix", "channel": 0}}}"#,
                ["cc 20: expected a channel from 1 to 16", "found 0"],
            ),
            (r#"{"cc": {"20": "mix", " 20": "gate"}}"#, ["expected one entry", "found two"]),
            (r#"{"channel": 17}"#, ["map.json: channel: expected a channel", "17"]),
            (r#"{"programs": {"128": "shimmer"}}"#, ["map.json: program 128: expected a program from 0 to 127", "128"]),
            (
                r#"{"programs": {"1": "shimer"}}"#,
                ["map.json: program 1: expected a preset, found \"shimer\"", "water-that"],
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(parts.iter().all(|part| error.contains(part)) && !error.contains('\n'), "{error}");
        }
    }
}
