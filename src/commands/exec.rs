//! Programs.

use super::values::{Bytes, List, Str};

command! {
    /// starts a program.
    "guest-exec" Exec<'a> {
        path: Str<'a> = "path",
        /// Its arguments, without its name.
        arg: Option<List<'a, Str<'a>>> = "arg",
        /// `NAME=value` each.
        env: Option<List<'a, Str<'a>>> = "env",
        input_data: Option<Bytes<'a>> = "input-data",
        /// Whether what it writes is kept for `guest-exec-status`.
        capture_output: Option<bool> = "capture-output",
    } -> ExecPid
}

object! {
    /// A started program.
    ExecPid {
        pid: i64 = "pid",
    }
}

command! {
    /// the state of a program. After the response that says it has exited, its pid is unknown: if that response breaks,
    /// what the program wrote is lost.
    "guest-exec-status" ExecStatus {
        pid: i64 = "pid",
    } -> ExecStatusReturn<'a>, pieces ["err-data", "out-data"]
}

object! {
    /// The state of a program.
    ExecStatusReturn<'a> {
        exitcode: Option<i64> = "exitcode",
        err_data: Option<Bytes<'a>> = "err-data",
        out_data: Option<Bytes<'a>> = "out-data",
        /// Whether some of it was not kept.
        err_truncated: Option<bool> = "err-truncated",
        /// The signal that ended it.
        signal: Option<i64> = "signal",
        /// Whether some of it was not kept.
        out_truncated: Option<bool> = "out-truncated",
        exited: bool = "exited",
    }
}
