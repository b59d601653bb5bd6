//! Which options were typed: where a command serves two kinds of models, those of the other kind are refused.

use super::error::CliError;
use clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};

/// The options that were typed, by the names of their fields. Flattened into a command's options before all others, as
/// these are taken out of the matches one by one.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<String>);

impl Given {
    /// Refuses what does not belong to a model of this kind.
    ///
    /// # Errors
    /// The first of `others`, field and option, that was typed.
    pub fn refuse(&self, others: &[(&str, &'static str)], expected: &str, model: &str) -> Result<(), CliError> {
        let found = others.iter().find(|(field, _)| self.0.iter().any(|given| given == field));
        found.map_or(Ok(()), |&(_, option)| {
            let (expected, actual) = (expected.into(), format!("{model}, of the other kind; leave the option out"));
            Err(CliError::Option { option, expected, actual })
        })
    }

    /// Whether an option was typed.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|given| given == field)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ids = matches.ids().map(clap::Id::as_str);
        let typed = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        Ok(Self(typed.map(String::from).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
