//! The commands of QAPI's guest agent schema as types: what they take, what they return, under QAPI's own names. All of
//! QEMU 11.1's are here; [`command!`](crate::command) makes types of your own.
//!
//! Each command is a type with its arguments as fields, a [`Schema`]. One description serves both ends: an agent reads
//! what a client writes, and a client reads what an agent returns. Flash is paid for what is used, and serde is not
//! needed. (`guest-sync`, `guest-sync-delimited`, `guest-ping` and `guest-info` are built in: their types are
//! for clients.)
//!
//! ```
//! use guestwire::{Command, CommandError, Guest};
//! use guestwire::commands::{FsfreezeState, FsfreezeStatus, GetHostName, HostName, IpAddress, IpAddressType, List};
//! use guestwire::commands::{NetworkGetInterfaces, NetworkInterface, SetTime};
//!
//! struct Board { nanoseconds: i64, address: [u8; 4] }
//!
//! impl Guest for Board {
//!     const VERSION: &'static str = "1.0.0";
//!     const COMMANDS: &'static [Command<Self>] = &[
//!         GetHostName::command(|_, call| {
//!             call.respond()?.encode(HostName { host_name: "toaster".into(), ..Default::default() })
//!         }),
//!         SetTime::command(|board, call| {
//!             let (SetTime { time, .. }, response) = call.parse()?;
//!             board.nanoseconds = time.ok_or(CommandError::Failed("This board has no clock to set it from"))?;
//!             response.done()
//!         }),
//!         NetworkGetInterfaces::command(|board, call| {
//!             call.respond()?.array(|interfaces| {
//!                 // As many as there are, one by one: none has to be in memory.
//!                 interfaces.element().encode(NetworkInterface {
//!                     name: "eth0".into(),
//!                     ip_addresses: Some(List::of(&|addresses| {
//!                         let [a, b, c, d] = board.address;
//!                         addresses.element().encode(IpAddress {
//!                             ip_address_type: IpAddressType::Ipv4,
//!                             ip_address: (&|text: &mut dyn core::fmt::Write| write!(text, "{a}.{b}.{c}.{d}")).into(),
//!                             prefix: 24,
//!                             ..Default::default()
//!                         })
//!                     })),
//!                     hardware_address: Some("02:00:00:00:00:01".into()),
//!                     ..Default::default()
//!                 })
//!             })
//!         }),
//!         FsfreezeStatus::command(|_, call| call.respond()?.encode(FsfreezeState::Thawed)),
//!     ];
//! }
//! ```
//!
//! A client asks with the same types, see [`Client::request`](crate::Client::request).
//!
//! While file systems are frozen, only [`FsfreezeStatus`], [`FsfreezeThaw`] and the built-in commands are served.
//! [`Guest::is_disabled`](crate::Guest::is_disabled) is the place for an allow or a block list.
//!
//! # What QEMU adds
//!
//! QEMU's newer versions add members and choices, and so will minor versions of this crate. No program breaks by that:
//!
//! * Code that builds a value must end with `..Default::default()`, and a pattern with `..`. The compiler insists on both.
//! * A client ignores members that it does not know, and keeps unknown choices as `Other`, with their text. So end a
//!   `match` of choices with `_`.
//! * An agent answers arguments and choices that it does not know with an error, as an older `qemu-ga` does.
//! * A member that came later than the rest of its type is an `Option` for good, since an older agent leaves it out.
//!
//! ```
//! use guestwire::commands::{NetworkInterface, OsInfo};
//!
//! let interface = NetworkInterface { name: "lo".into(), ..Default::default() };
//! let OsInfo { id, .. } = OsInfo { id: Some("debian".into()), ..Default::default() };
//! # assert!(interface.name == "lo" && id.expect("it was said") == "debian");
//! ```
//!
//! ```compile_fail,E0063
//! use guestwire::commands::HostName;
//!
//! let host = HostName { host_name: "toaster".into() };
//! ```
//!
//! # What a closure writes
//!
//! A [`Str`] or a [`List`] may be a closure. All types are `Send` and `Sync`, so it has to be `Sync`. What commands
//! return is `PartialEq` unless it may hold one of them, or [`Bytes`]; a [`Str`] can be compared with a `str`.
//!
//! With the feature `heapless`, `heapless::String<N>` is a string, `heapless::Vec<u8, N>` base64, and
//! `heapless::Vec<T, N>` an array: they outlive the frame. What does not fit is an error.
//!
#![cfg_attr(feature = "heapless", doc = "```")]
#![cfg_attr(not(feature = "heapless"), doc = "```ignore")]
//! use guestwire::{Call, CommandResult};
//! use heapless::String;
//!
//! struct Board { name: String<32> }
//!
//! fn set_name(board: &mut Board, call: Call<'_>) -> CommandResult {
//!     let name = call.arguments.parse("name")?; // "Parameter 'name' expects a shorter string", if it is too long
//!     let response = call.respond()?;
//!     board.name = name;
//!     response.done()
//! }
//! ```
//!
//! Members of return values are in the order of the reference agent's hash table, so that the same values give the same
//! bytes. `bucket()` in tests/schema.rs computes that order for a new member. Members of arguments are in the schema's
//! order, in which the reference agent checks them.

#[macro_use]
mod macros;

mod agent;
mod exec;
mod file;
mod network;
#[cfg(feature = "heapless")]
mod owned;
mod schema;
mod storage;
mod system;
mod users;
mod values;

pub use agent::{AgentInfo, CommandInfo, Info, Ping, SyncDelimited, SyncPlain};
pub use exec::{CaptureMode, CaptureOutput, Exec, ExecPid, ExecStatus, ExecStatusReturn};
pub use file::{
    ContentResponder, FileClose, FileContent, FileFlush, FileOpen, FilePosition, FileRead, FileSeek, FileWrite,
    FileWritten, Whence,
};
pub use network::{
    InterfaceStatistics, IpAddress, IpAddressType, NetworkGetInterfaces, NetworkGetRoute, NetworkInterface,
    NetworkRoute,
};
pub use schema::{Encode, Parse, Schema};
pub use storage::{
    CcwAddress, Disk, DiskAddress, DiskBusType, DiskSmart, DiskStats, DiskStatsInfo, FileSystem, FsTrim, FsTrimResult,
    FsTrimmed, FsfreezeFreeze, FsfreezeFreezeList, FsfreezeState, FsfreezeStatus, FsfreezeThaw, GetDisks, GetDiskstats,
    GetFsinfo, NvmeSmart, PciAddress,
};
pub use system::{
    CpuStats, DeviceId, DeviceInfo, GetCpustats, GetDevices, GetHostName, GetLoad, GetMemoryBlockInfo, GetMemoryBlocks,
    GetOsinfo, GetTime, GetTimezone, GetUsers, GetVcpus, HostName, LinuxCpuStats, Load, LogicalProcessor, MemoryBlock,
    MemoryBlockInfo, MemoryBlockResponse, MemoryBlockResponseType, OsInfo, PciDeviceId, SetMemoryBlocks, SetTime,
    SetVcpus, Shutdown, ShutdownMode, SuspendDisk, SuspendHybrid, SuspendRam, Timezone, User,
};
pub use users::{AuthorizedKeys, SetUserPassword, SshAddAuthorizedKeys, SshGetAuthorizedKeys, SshRemoveAuthorizedKeys};
pub use values::{Bytes, Done, List, Str, Thousandths};
