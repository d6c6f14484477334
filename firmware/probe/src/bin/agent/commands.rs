//! What the three measured commands do.

use guestwire::{Call, CommandError, CommandResult};

pub fn get_time(nanoseconds: &mut i64, call: Call<'_>) -> CommandResult {
    call.respond()?.integer(*nanoseconds)
}

pub fn set_time(nanoseconds: &mut i64, call: Call<'_>) -> CommandResult {
    let time = call.arguments.optional_integer("time")?;
    let response = call.respond()?;
    *nanoseconds = time.unwrap_or(0);
    response.done()
}

pub fn shutdown(nanoseconds: &mut i64, call: Call<'_>) -> CommandResult {
    let mode = call.arguments.optional_string("mode")?;
    let response = call.respond()?;
    *nanoseconds = match mode {
        None => 0,
        Some(mode) if mode == "powerdown" => 1,
        Some(_) => return Err(CommandError::Failed("mode is invalid")),
    };
    response.done()
}
