//! The interview of `sympathy configure`: one question after the other on plain lines, so that it can be piped.

use super::{
    draft_of,
    words::{find, list, numbered, row, summary},
};
use crate::{
    cli::error::CliError,
    hyperparameters::{
        Draft, Excerpt, Field, Group, Kind, PRESETS, Preset, TrainConfig, choose, excerpt, parse, shown, yes_or_no,
    },
};
use serde_json::json;
use std::io::{BufRead, Read, Write};

/// No answer is longer.
const MAX_ANSWER_BYTES: u64 = 1 << 16;

/// What was said to a question.
enum Said {
    /// The next question, with this draft.
    Next(Box<Draft>),
    /// The whole group stays as it is.
    Keep,
    /// The question before.
    Back,
}

/// What is asked.
#[derive(Clone, Copy)]
enum Step {
    Preset,
    Group(Group),
    Field(&'static Field),
}

/// Asks the questions and reads the answers.
pub struct Interview<'a> {
    answers: &'a mut dyn BufRead,
    screen: &'a mut dyn Write,
    /// Write answers out: from a pipe they stand nowhere.
    echo: bool,
    /// Beginning of the interview, as far as the command line did not say it.
    known: Draft,
    steps: Vec<Step>,
}

impl<'a> Interview<'a> {
    /// `echo`: answers are no typed lines and are written out. `preset`, `files`: what the command line said, which is not
    /// asked for again.
    ///
    /// # Errors
    /// If the preset is no good.
    pub fn new(
        answers: &'a mut dyn BufRead,
        screen: &'a mut dyn Write,
        echo: bool,
        preset: Option<&Preset>,
        files: Vec<Excerpt>,
    ) -> Result<Self, CliError> {
        let mut known = draft_of(preset.unwrap_or(&PRESETS[0]))?;
        let mut steps = if preset.is_some() { Vec::new() } else { vec![Step::Preset] };
        let first = if files.is_empty() { &["files", "name"][..] } else { &["name"] };
        known.config.files = files;
        known.name_after_recording();
        steps.extend(first.iter().filter_map(|key| Field::by_key(key)).map(Step::Field));
        for group in Group::ALL {
            steps.push(Step::Group(group));
            let asked =
                Field::all().iter().filter(|field| field.group == group && !["files", "name"].contains(&field.key));
            steps.extend(asked.map(Step::Field));
        }
        Ok(Self { answers, screen, echo, known, steps })
    }

    /// Asks everything, shows the summary, and returns what was confirmed: without problems.
    ///
    /// # Errors
    /// If the answers end, or the user leaves.
    pub fn hold(&mut self) -> Result<TrainConfig, CliError> {
        self.say("An empty answer takes the value in brackets, ? explains, < goes back, Ctrl-C leaves.\n");
        let mut history: Vec<(usize, Draft)> = Vec::new();
        let (mut at, mut draft) = (0, self.known.clone());
        loop {
            while let Some(&step) = self.steps.get(at) {
                if !self.is_asked(step, &draft) {
                    at += 1;
                    continue;
                }
                match self.ask_step(step, &draft)? {
                    Said::Next(next) => {
                        history.push((at, std::mem::replace(&mut draft, *next)));
                        at += 1;
                    }
                    Said::Keep => {
                        history.push((at, draft.clone()));
                        at += 1;
                        while matches!(self.steps.get(at), Some(Step::Field(_))) {
                            at += 1;
                        }
                    }
                    Said::Back => match history.pop() {
                        Some(before) => (at, draft) = before,
                        None => self.say("This is the first question.\n"),
                    },
                }
            }
            match self.confirm(&mut draft)? {
                Confirmed::Yes => return Ok(draft.config),
                Confirmed::Again => {
                    history.clear();
                    (at, draft) = (0, self.known.clone());
                }
                Confirmed::Back => (at, draft) = history.pop().unwrap_or((0, draft)),
            }
        }
    }

    /// Asks for a line; the end of the answers is an error that names the question.
    ///
    /// # Errors
    /// That one.
    pub fn ask(&mut self, question: &str, prompt: &str) -> Result<String, CliError> {
        self.say(prompt);
        let mut line = Vec::new();
        let read = (&mut *self.answers).take(MAX_ANSWER_BYTES).read_until(b'\n', &mut line);
        match read {
            Ok(bytes) if bytes > 0 => {
                let answer = String::from_utf8_lossy(&line).trim().to_string();
                if self.echo {
                    self.say(&format!("{answer}\n"));
                }
                Ok(answer)
            }
            _ => {
                self.say("\n");
                Err(CliError::NoAnswer { question: question.into() })
            }
        }
    }

    /// Asks for yes or no until it is one; an empty answer is `default`.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_yes(&mut self, question: &str, prompt: &str, default: bool) -> Result<bool, CliError> {
        loop {
            let answer = self.ask(question, prompt)?;
            match if answer.is_empty() { Some(default) } else { yes_or_no(&answer) } {
                Some(yes) => return Ok(yes),
                None => self.say("  expected yes or no\n"),
            }
        }
    }

    /// Shows text.
    pub fn say(&mut self, text: &str) {
        // A screen that is gone cannot be told so.
        let _ = self.screen.write_all(text.as_bytes()).and_then(|()| self.screen.flush());
    }

    fn is_asked(&self, step: Step, draft: &Draft) -> bool {
        match step {
            Step::Preset => true,
            Step::Group(group) => Field::all().iter().any(|f| f.group == group && (f.applies)(&draft.config)),
            Step::Field(field) => (field.applies)(&draft.config),
        }
    }

    fn ask_step(&mut self, step: Step, draft: &Draft) -> Result<Said, CliError> {
        match step {
            Step::Preset => self.ask_preset(draft),
            Step::Group(group) => self.ask_group(group, draft),
            Step::Field(field) if field.kind == Kind::Recordings => self.ask_recordings(field, draft),
            Step::Field(field) => self.ask_field(field, draft),
        }
    }

    fn ask_preset(&mut self, draft: &Draft) -> Result<Said, CliError> {
        let names: Vec<(&str, &str)> = PRESETS.iter().map(|preset| (preset.name, preset.description)).collect();
        self.say(&format!("\nWhat to start from:\n{}", numbered(&names)));
        loop {
            let answer = self.ask("preset", &format!("preset [{}]: ", names[0].0))?;
            let chosen = match &answer[..] {
                "" => Ok(names[0].0),
                "<" => return Ok(Said::Back),
                "?" => {
                    self.say("  A preset answers every question; you change what you like.\n");
                    continue;
                }
                answer => choose(answer, &names),
            };
            match chosen.map(Preset::by_name) {
                Ok(Some(preset)) => {
                    let mut next = draft_of(preset)?;
                    next.config.files.clone_from(&draft.config.files);
                    return Ok(Said::Next(Box::new(next)));
                }
                Ok(None) => self.say("  no such preset\n"),
                Err(rule) => self.say(&format!("  expected {rule}\n")),
            }
        }
    }

    fn ask_group(&mut self, group: Group, draft: &Draft) -> Result<Said, CliError> {
        let title = group.title();
        let overview = || {
            let fields = Field::all().iter().filter(|f| f.group == group && (f.applies)(&draft.config));
            fields.map(|field| row(field, draft)).collect::<String>()
        };
        self.say(&format!("\n{}\n", title.to_uppercase()));
        loop {
            match &self.ask(title, &format!("keep the values for {title}? (? shows them) [Y/n]: "))?[..] {
                "?" => self.say(&overview()),
                "<" => return Ok(Said::Back),
                "" => return Ok(Said::Keep),
                answer => match yes_or_no(answer) {
                    Some(true) => return Ok(Said::Keep),
                    Some(false) => return Ok(Said::Next(Box::new(draft.clone()))),
                    None => self.say("  expected yes or no\n"),
                },
            }
        }
    }

    fn ask_field(&mut self, field: &'static Field, draft: &Draft) -> Result<Said, CliError> {
        let value = field.value(&draft.config);
        let rule = field.rule(&draft.config).map(|rule| format!(" ({rule})")).unwrap_or_default();
        self.say(&format!("{}: {}{rule}\n", field.key, field.meaning));
        if let Kind::Choice(names) = field.kind {
            self.say(&numbered(names));
        }
        loop {
            let answer = self.ask(field.key, &format!("{} [{}]: ", field.key, shown(&value)))?;
            let parsed = match &answer[..] {
                "<" => return Ok(Said::Back),
                "?" => {
                    self.explain(field, draft);
                    continue;
                }
                "" => Ok(value.clone()),
                answer => parse(field, answer),
            };
            match parsed.map(|value| field.with_value(&draft.config, value)) {
                Ok(Ok(config)) => {
                    self.tell_consequences(field, &draft.config, &config);
                    return Ok(Said::Next(Box::new(Draft { config, base: draft.base.clone() })));
                }
                Ok(Err(problem)) => {
                    self.say(&format!("  expected {}, found {}\n", problem.rule, problem.value));
                }
                Err(rule) => self.say(&format!("  expected {rule}, found {answer:?}\n")),
            }
        }
    }

    fn ask_recordings(&mut self, field: &'static Field, draft: &Draft) -> Result<Said, CliError> {
        let before: Vec<Excerpt> = serde_json::from_value(field.value(&draft.config)).unwrap_or_default();
        self.say(&format!("{}: {}, one a line\n", field.key, field.meaning));
        let mut chosen: Vec<Excerpt> = Vec::new();
        loop {
            let default = if chosen.is_empty() { shown(&json!(before)) } else { "no more".into() };
            let prompt = format!("{} {} [{default}]: ", field.key, chosen.len() + 1);
            let answer = self.ask(field.key, &prompt)?;
            match &answer[..] {
                "<" if chosen.pop().is_none() => return Ok(Said::Back),
                "<" => {}
                "?" => self.explain(field, draft),
                "" => {
                    let recordings = if chosen.is_empty() { &before } else { &chosen };
                    match field.with_value(&draft.config, json!(recordings)) {
                        Ok(config) => {
                            let mut next = Draft { config, base: draft.base.clone() };
                            next.name_after_recording();
                            return Ok(Said::Next(Box::new(next)));
                        }
                        Err(problem) => self.say(&format!("  expected {}, found {}\n", problem.rule, problem.value)),
                    }
                }
                answer => match excerpt(answer) {
                    Ok(excerpt) => chosen.push(excerpt),
                    Err(rule) => self.say(&format!("  expected {rule}\n")),
                },
            }
        }
    }

    fn explain(&mut self, field: &Field, draft: &Draft) {
        let how = match field.kind {
            Kind::Text => "text; `none` empties it",
            Kind::Recordings => {
                "a file name, or `take.wav 10-40` for the part from 10 to 40 seconds; an empty line ends the list"
            }
            Kind::Switch => "yes or no",
            Kind::Whole(_) => "a whole number",
            Kind::Number(_) => "a number",
            Kind::OptionalWhole => "a whole number or none",
            Kind::OptionalNumber(_) => "a number or none",
            Kind::OptionalShape => "rows and columns, such as 100 x 1024, or none",
            Kind::Factors => "names with a number each, such as `rnn.weight_ih_l0 0.1, out 0.5`, or none",
            Kind::Choice(_) => "a number of the list, a name or its beginning",
        };
        let mut text = format!("  {}.\n", field.meaning);
        if let Some(more) = field.more() {
            text += &format!("  {more}\n");
        }
        let rule = field.rule(&draft.config).map(|rule| format!(", {rule}")).unwrap_or_default();
        text += &format!("  Answer: {how}{rule}. The preset's value: {}.\n", shown(&field.value(&draft.base)));
        self.say(&text);
    }

    /// An answer may change what other fields have to be.
    fn tell_consequences(&mut self, asked: &Field, before: &TrainConfig, after: &TrainConfig) {
        for field in Field::all() {
            let (old, new) = (field.value(before), field.value(after));
            let is_of_kind = asked.key.strip_suffix("kind").is_some_and(|prefix| field.key.starts_with(prefix));
            if old != new && field.key != asked.key && !is_of_kind {
                self.say(&format!("  this also makes {} {}\n", field.key, shown(&new)));
            }
        }
    }

    /// The summary, until it is confirmed without problems.
    fn confirm(&mut self, draft: &mut Draft) -> Result<Confirmed, CliError> {
        let mut is_shown = false;
        loop {
            if !is_shown {
                self.say(&summary(draft));
                is_shown = true;
            }
            let problems = draft.config.problems();
            self.say(&list(&problems));
            let prompt = "\nWrite it? [Y], the name of a field to change it, `again` to start over, `quit`: ";
            match &self.ask("the summary", prompt)?.to_lowercase()[..] {
                "<" => return Ok(Confirmed::Back),
                "again" => return Ok(Confirmed::Again),
                "quit" | "q" | "n" | "no" => return Err(CliError::Left),
                "" | "y" | "yes" if problems.is_empty() => return Ok(Confirmed::Yes),
                "" | "y" | "yes" => self.say("  not before this is mended:\n"),
                "?" => is_shown = false,
                name => match find(name) {
                    Ok(field) => {
                        let said = self.ask_step(Step::Field(field), draft)?;
                        if let Said::Next(next) = said {
                            *draft = *next;
                            self.say(&row(field, draft));
                        }
                    }
                    Err(rule) => self.say(&format!("  expected {rule}\n")),
                },
            }
        }
    }
}

enum Confirmed {
    Yes,
    Again,
    Back,
}
