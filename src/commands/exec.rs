//! Programs.

use super::schema::{Encode, Parse};
use super::values::{Bytes, List, Str};
use crate::error::DoesNotFit;
use crate::json::encoder::ValueEncoder;
use crate::json::value::Kind;
use crate::message::{Argument, ArgumentError};

command! {
    /// starts a program.
    pub struct Exec<'a> = "guest-exec" {
        path: Str<'a> = "path",
        /// Its arguments, without its name.
        arg: Option<List<'a, Str<'a>>> = "arg",
        /// `NAME=value` each.
        env: Option<List<'a, Str<'a>>> = "env",
        input_data: Option<Bytes<'a>> = "input-data",
        /// What is kept of what it writes, for `guest-exec-status`; nothing if nothing is said.
        capture_output: Option<CaptureOutput> = "capture-output",
        ..
    } -> ExecPid
}

/// What is kept of what a program writes: on the wire `true` or `false`, or since QEMU 8.0 a [`CaptureMode`].
///
/// ```
/// use guestwire::commands::{CaptureMode, CaptureOutput, Exec};
///
/// // For an agent of any version.
/// let exec = Exec { path: "/bin/true".into(), capture_output: Some(true.into()), ..Default::default() };
/// assert_eq!(exec.capture_output.map(CaptureOutput::mode), Some(CaptureMode::Separated));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CaptureOutput {
    /// All or nothing: every agent knows it.
    Flag(bool),
    /// An agent before QEMU 8.0 answers with an error.
    Mode(CaptureMode),
}

choices! {
    /// What is kept of what a program writes.
    ///
    /// Prefer `Separated` to `Stdout` and `Stderr`: after one capture of those, qemu-ga 11.1.3 never reports the next such
    /// program as exited, and loses what later programs write.
    pub enum CaptureMode {
        None = "none",
        Stdout = "stdout",
        Stderr = "stderr",
        /// Both, each by itself.
        Separated = "separated",
        /// Both as `out-data`, in the order written. Not on Windows.
        Merged = "merged",
        ..
    }
}

impl CaptureOutput {
    /// The mode that it means.
    pub const fn mode(self) -> CaptureMode {
        match self {
            Self::Flag(false) => CaptureMode::None,
            Self::Flag(true) => CaptureMode::Separated,
            Self::Mode(mode) => mode,
        }
    }
}

/// Nothing is kept.
impl Default for CaptureOutput {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl From<bool> for CaptureOutput {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<CaptureMode> for CaptureOutput {
    fn from(mode: CaptureMode) -> Self {
        Self::Mode(mode)
    }
}

impl Encode for CaptureOutput {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self {
            Self::Flag(flag) => flag.encode(encoder),
            Self::Mode(mode) => mode.encode(encoder),
        }
    }
}

impl<'a> Parse<'a> for CaptureOutput {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        match argument.value().kind() {
            Kind::Boolean => argument.boolean().map(Self::Flag),
            Kind::String => CaptureMode::parse(argument).map(Self::Mode),
            _ => Err(argument.type_error("GuestExecCaptureOutput")),
        }
    }
}

object! {
    /// A started program.
    #[derive(PartialEq, Eq)]
    pub struct ExecPid {
        pid: i64 = "pid",
        ..
    }
}

command! {
    /// the state of a program. After the response that says it has exited, its pid is unknown: if that response breaks,
    /// what the program wrote is lost.
    #[derive(PartialEq, Eq)]
    pub struct ExecStatus = "guest-exec-status" {
        pid: i64 = "pid",
        ..
    } -> ExecStatusReturn<'a>, pieces: ["err-data", "out-data"]
}

object! {
    /// The state of a program.
    pub struct ExecStatusReturn<'a> {
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
        ..
    }
}
