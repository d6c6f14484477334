//! Commands from the command line: each `NAME=TEXT` is a command of that name, which returns the text.
//!
//! `script-enable` switches one off and on again, and `env-NAME` returns an environment variable.

use std::error::Error;
use std::iter::once;

use guestwire::agent::{AgentLent, Entry, Handler, Service};
use guestwire::{Call, CommandError, CommandResult};

struct Script<'s> {
    commands: &'s [Entry<'s, Self>],
    lines: &'s [(&'s str, &'s str)],
    /// Names of commands that are switched off.
    disabled: Vec<&'s str>,
}

impl Service for Script<'_> {
    const CATCH_ALL: Option<Handler<Self>> = Some(environment);

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.disabled.contains(&command)
    }
}

/// The handler of every line: its name tells which it is.
fn line(script: &mut Script<'_>, call: Call<'_>) -> CommandResult {
    let line = script.lines.iter().find(|(name, _)| call.command() == *name);
    let (_, text) = line.ok_or(CommandError::NotFound)?;
    call.respond()?.string(text)
}

fn enable(script: &mut Script<'_>, call: Call<'_>) -> CommandResult {
    let name = call.arguments.string("name")?;
    let enabled = call.arguments.boolean("enabled")?;
    let response = call.respond()?;
    let line = script.lines.iter().find(|(line, _)| name == *line);
    let (name, _) = line.ok_or(CommandError::Failed("The script has no such line"))?;
    script.disabled.retain(|disabled| disabled != name);
    if !enabled {
        script.disabled.push(name);
    }
    response.done()
}

/// Whatever has no name in the table.
fn environment(_: &mut Script<'_>, call: Call<'_>) -> CommandResult {
    let command = call.command().to_string();
    let value = command.strip_prefix("env-").and_then(|name| std::env::var(name).ok());
    let value = value.ok_or(CommandError::NotFound)?;
    call.respond()?.string(&value)
}

pub fn run(script: &[&str]) -> Result<(), Box<dyn Error>> {
    let lines: Vec<_> = script.iter().filter_map(|line| line.split_once('=')).collect();
    let named = lines.iter().map(|(name, _)| Entry::new(name, line));
    let commands: Vec<_> = once(Entry::new("script-enable", enable)).chain(named).collect();
    let (mut receive, mut transmit) = ([0; 1024], [0; 4096]);
    let script = Script { commands: &commands, lines: &lines, disabled: Vec::new() };
    crate::serve(&mut AgentLent::new(script, &mut receive, &mut transmit)?)
}
