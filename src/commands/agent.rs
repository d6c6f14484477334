//! What every agent has built in: these types are for clients. (In an agent's table they would be there twice, which
//! `cargo build` refuses.)

use super::values::{Done, List, Str};

command! {
    /// returns the number that it is given, after a sentinel. [`Client::synchronize`](crate::Client::synchronize) sends it;
    /// [`Client::request`](crate::Client::request) does not expect the sentinel.
    #[derive(PartialEq, Eq)]
    pub struct SyncDelimited = "guest-sync-delimited" {
        id: i64 = "id",
        ..
    } -> i64
}

command! {
    /// returns the number that it is given.
    #[derive(PartialEq, Eq)]
    pub struct SyncPlain = "guest-sync" {
        id: i64 = "id",
        ..
    } -> i64
}

command! {
    /// does nothing.
    pub struct Ping = "guest-ping" { .. } -> Done
}

command! {
    /// the agent's version, and its commands.
    pub struct Info = "guest-info" { .. } -> AgentInfo<'a>
}

object! {
    /// An agent's version and commands.
    pub struct AgentInfo<'a> {
        version: Str<'a> = "version",
        supported_commands: List<'a, CommandInfo<'a>> = "supported_commands",
        ..
    }
}

object! {
    /// A command of an agent.
    pub struct CommandInfo<'a> {
        enabled: bool = "enabled",
        name: Str<'a> = "name",
        /// Whether it responds when it succeeds. Absent in agents before QEMU 1.7.
        success_response: Option<bool> = "success-response",
        ..
    }
}
