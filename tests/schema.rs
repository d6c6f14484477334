//! The typed commands against QAPI's schema: each name on the wire, each member's place, and which commands are silent
//! or allowed while frozen.
//!
//! No value is built field by field: each is read from JSON, so that a new member in the schema changes nothing here.

mod exchange;
mod qapi;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::LazyLock;

use exchange::{error, exchange};
use guestwire::client::Execute;
use guestwire::commands::*;
use guestwire::frame::DecoderLent;
use guestwire::json::{self, DoesNotFit, Encoder, ObjectEncoder};
use guestwire::message::{ArgumentError, Arguments, Request};
use guestwire::{Agent, Client, Command, Event, Guest, Reply};
use qapi::{Member, SCHEMA, Values};
use serde_json::Value;

/// The arguments in `json`, in memory that outlives every test.
#[track_caller]
fn arguments(json: &str) -> Arguments<'static> {
    let request = format!("{{\"execute\": \"x\", \"arguments\": {json}}}");
    let decoder = Box::leak(Box::new(DecoderLent::new(vec![0; request.len() + 64].leak())));
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(request.as_bytes()) else { panic!("no frame: {json}") };
    Request::parse(&frame).unwrap().arguments
}

/// Reads `json` as a `T`.
#[track_caller]
fn read<T: Parse<'static>>(json: &str) -> T {
    let mut arguments = arguments(&format!("{{\"x\": {json}}}"));
    arguments.parse("x").unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn written(value: impl Encode) -> String {
    let mut buffer = [0; 16384];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.value().encode(value).unwrap();
    String::from_utf8(encoder.into_bytes().to_vec()).unwrap()
}

/// The bucket of QEMU's hash table (qobject/qdict.c) that a member lies in. Members come out in the buckets' order.
fn bucket(name: &str) -> u32 {
    let mut hash = 0x238F_13AF_u32.wrapping_mul(name.len() as u32);
    for (index, byte) in name.bytes().enumerate() {
        hash = hash.wrapping_add(u32::from(byte) << (index * 5 % 24));
    }
    hash.wrapping_mul(1_103_515_243).wrapping_add(12_345) % 512
}

#[test]
fn the_hash_puts_known_members_where_the_reference_agent_has_them() {
    for (name, due) in [("class", 211), ("desc", 377), ("return", 401), ("arguments", 447), ("id", 486), ("error", 489)]
    {
        assert_eq!(bucket(name), due, "{name}");
    }
}

/// Where the schema has a member. Only members of the same type are compared.
fn place(name: &str) -> usize {
    static NAMES: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let structs = SCHEMA.iter().filter(|(_, entry)| entry.get("struct").is_some());
        let names = structs.flat_map(|(name, _)| qapi::members(name, None)).map(|member| member.name);
        names.enumerate().map(|(place, name)| (name, place)).collect()
    });
    NAMES.get(name).copied().unwrap_or_default()
}

/// The same members in the order of their buckets, in objects inside it, too.
fn in_order(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // In one bucket the newest is the first.
            members.sort_by_key(|(name, _)| (bucket(name), Reverse(place(name))));
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("\"{name}\": {}", in_order(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(in_order).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}

/// Without spaces between tokens: a received list is sent without them.
fn compact(json: &str) -> String {
    json.replace(' ', "")
}

/// What was read, written again, and its `Debug`.
type Rewritten = Result<(String, String), String>;

/// One thread may build what another sends: each type is `Send` and `Sync`.
fn rewrite<'a, T: Encode + Debug + Send + Sync>(read: Result<T, ArgumentError<'a>>) -> Rewritten {
    let value = read.map_err(|error| error.to_string())?;
    let debug = format!("{value:?}");
    Ok((written(value), debug))
}

/// A command that returns a `T`.
struct Returns<T>(PhantomData<T>);

impl<'a, T: Parse<'a>> Schema<'a> for Returns<T> {
    const NAME: &'static str = "x";
    const EXECUTE: Execute<'static> = Execute::new("x");
    type Return = T;

    fn read(_: &mut Arguments<'a>) -> Result<Self, ArgumentError<'a>> {
        Ok(Self(PhantomData))
    }

    fn write(self, _: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> {
        Ok(())
    }
}

/// A type of QAPI's schema, and ours.
struct Type {
    qapi: &'static str,
    /// Reads `x` of these arguments.
    argument: fn(&mut Arguments<'static>) -> Rewritten,
    returned: fn(json::Value<'static>) -> Rewritten,
}

macro_rules! types {
    ($($qapi:ident $type:ty,)*) => {
        [$(Type {
            qapi: stringify!($qapi),
            argument: |arguments| rewrite(arguments.parse::<$type>("x")),
            returned: |value| rewrite(Returns::<$type>::returned(value)),
        },)*]
    };
}

/// All but three enums: `Whence` has `QGASeek`'s values, and two are the tags of `DeviceId` and `CpuStats`.
const TYPES: &[Type] = &types![
    GuestAgentCommandInfo CommandInfo<'_>,
    GuestAgentInfo AgentInfo<'_>,
    GuestAuthorizedKeys AuthorizedKeys<'_>,
    GuestCCWAddress CcwAddress,
    GuestCpuStats CpuStats<'_>,
    GuestDeviceId DeviceId<'_>,
    GuestDeviceInfo DeviceInfo<'_>,
    GuestDiskAddress DiskAddress<'_>,
    GuestDiskBusType DiskBusType<'_>,
    GuestDiskInfo Disk<'_>,
    GuestDiskSmart DiskSmart<'_>,
    GuestDiskStats DiskStats,
    GuestDiskStatsInfo DiskStatsInfo<'_>,
    GuestExec ExecPid,
    GuestExecCaptureOutput CaptureOutput,
    GuestExecCaptureOutputMode CaptureMode,
    GuestExecStatus ExecStatusReturn<'_>,
    GuestFileRead FileContent<'_>,
    GuestFileSeek FilePosition,
    GuestFileWhence Whence,
    GuestFileWrite FileWritten,
    GuestFilesystemInfo FileSystem<'_>,
    GuestFilesystemTrimResponse FsTrimmed<'_>,
    GuestFilesystemTrimResult FsTrimResult<'_>,
    GuestFsfreezeStatus FsfreezeState<'_>,
    GuestHostName HostName<'_>,
    GuestIpAddress IpAddress<'_>,
    GuestIpAddressType IpAddressType<'_>,
    GuestLoadAverage Load,
    GuestLogicalProcessor LogicalProcessor,
    GuestMemoryBlock MemoryBlock,
    GuestMemoryBlockInfo MemoryBlockInfo,
    GuestMemoryBlockResponse MemoryBlockResponse<'_>,
    GuestMemoryBlockResponseType MemoryBlockResponseType<'_>,
    GuestNetworkInterface NetworkInterface<'_>,
    GuestNetworkInterfaceStat InterfaceStatistics,
    GuestNetworkRoute NetworkRoute<'_>,
    GuestOSInfo OsInfo<'_>,
    GuestPCIAddress PciAddress,
    GuestTimezone Timezone<'_>,
    GuestUser User<'_>,
];

/// The variants of unions, which have no type by themselves on the wire.
const VARIANTS: [&str; 3] = ["GuestDeviceIdPCI", "GuestLinuxCpuStats", "GuestNVMeSmart"];
const NO_TYPE: [&str; 3] = ["GuestCpuStatsType", "GuestDeviceType", "QGASeek"];

/// A command of QAPI's schema, and ours.
struct TypedCommand {
    name: &'static str,
    /// Our type.
    ours: &'static str,
    /// What it returns, as in our source.
    returns: &'static str,
    /// The arguments read by an agent and written by a client.
    arguments: fn(&mut Arguments<'static>) -> Rewritten,
    returned: fn(json::Value<'static>) -> Rewritten,
    /// Whether a client takes silence for success.
    is_silent: fn() -> bool,
}

const fn typed<C: Schema<'static, Return: Encode + Debug + Send + Sync> + Debug + Default + Send + Sync>(
    ours: &'static str,
) -> TypedCommand {
    TypedCommand {
        name: C::NAME,
        ours,
        returns: "",
        arguments: |arguments| {
            let command = C::read(arguments).map_err(|error| error.to_string())?;
            arguments.end().map_err(|error| error.to_string())?;
            let debug = format!("{command:?}");
            let mut client = in_step();
            client.request(command).unwrap();
            let request = String::from_utf8(client.transmit().to_vec()).unwrap();
            let begin = format!("{{\"execute\": \"{}\", \"arguments\": ", C::NAME);
            let (arguments, _) = request.strip_prefix(&begin).expect("its name").rsplit_once(", \"id\": ").unwrap();
            Ok((arguments.to_owned(), debug))
        },
        returned: |value| rewrite(C::returned(value)),
        is_silent: || {
            let mut client = in_step();
            client.execute(C::EXECUTE).unwrap();
            client.transmitted(usize::MAX);
            client.reset()
        },
    }
}

fn in_step() -> Client<1024, 1024> {
    let mut client: Client<1024, 1024> = Client::new();
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    client
}

macro_rules! commands {
    ($($type:ident $(<$a:lifetime>)? -> $returns:ty,)*) => {
        [$(TypedCommand { returns: stringify!($returns), ..typed::<$type $(<$a>)?>(stringify!($type)) },)*]
    };
}

const COMMANDS: &[TypedCommand] = &commands![
    Exec<'static> -> ExecPid,
    ExecStatus -> ExecStatusReturn,
    FileClose -> Done,
    FileFlush -> Done,
    FileOpen<'static> -> i64,
    FileRead -> FileContent,
    FileSeek -> FilePosition,
    FileWrite<'static> -> FileWritten,
    FsfreezeFreeze -> i64,
    FsfreezeFreezeList<'static> -> i64,
    FsfreezeStatus -> FsfreezeState,
    FsfreezeThaw -> i64,
    FsTrim -> FsTrimmed,
    GetCpustats -> List<CpuStats>,
    GetDevices -> List<DeviceInfo>,
    GetDisks -> List<Disk>,
    GetDiskstats -> List<DiskStatsInfo>,
    GetFsinfo -> List<FileSystem>,
    GetHostName -> HostName,
    GetLoad -> Load,
    GetMemoryBlockInfo -> MemoryBlockInfo,
    GetMemoryBlocks -> List<MemoryBlock>,
    GetOsinfo -> OsInfo,
    GetTime -> i64,
    GetTimezone -> Timezone,
    GetUsers -> List<User>,
    GetVcpus -> List<LogicalProcessor>,
    Info -> AgentInfo,
    NetworkGetInterfaces -> List<NetworkInterface>,
    NetworkGetRoute -> List<NetworkRoute>,
    Ping -> Done,
    SetMemoryBlocks<'static> -> List<MemoryBlockResponse>,
    SetTime -> Done,
    SetUserPassword<'static> -> Done,
    SetVcpus<'static> -> i64,
    Shutdown<'static> -> Done,
    SshAddAuthorizedKeys<'static> -> Done,
    SshGetAuthorizedKeys<'static> -> AuthorizedKeys,
    SshRemoveAuthorizedKeys<'static> -> Done,
    SuspendDisk -> Done,
    SuspendHybrid -> Done,
    SuspendRam -> Done,
    SyncDelimited -> i64,
    SyncPlain -> i64,
];

/// What a command returned, in memory that outlives every test.
#[track_caller]
fn returned(json: &str) -> json::Value<'static> {
    arguments(&format!("{{\"x\": {json}}}")).value().member("x").expect("it is there")
}

impl Type {
    /// As an argument, and as what an agent returned.
    fn both(&self, json: &str) -> [Rewritten; 2] {
        [(self.argument)(&mut arguments(&format!("{{\"x\": {json}}}"))), (self.returned)(returned(json))]
    }

    /// For comparison: as it is, but that an argument's type has the order in which the arguments are read.
    fn ordered(&self, json: &str) -> String {
        match self.qapi {
            "GuestLogicalProcessor" | "GuestMemoryBlock" => in_order(&serde_json::from_str(json).unwrap()),
            _ => compact(json),
        }
    }

    /// The members of the object that it is in this round.
    fn members(&self, value: &Value) -> Vec<Member> {
        let entry = &SCHEMA[self.qapi];
        match entry["tag"].as_str() {
            Some(tag) => qapi::members(self.qapi, value[tag].as_str()),
            None if entry.get("struct").is_some() => qapi::members(self.qapi, None),
            None => Vec::new(),
        }
    }
}

#[test]
fn every_command_and_type_of_the_schema_has_a_type_here() {
    let (mut of_commands, mut of_types): (Vec<_>, Vec<_>) =
        SCHEMA.keys().partition(|name| SCHEMA[*name].get("command").is_some());
    of_types.retain(|name| !VARIANTS.contains(name) && !NO_TYPE.contains(name));
    of_commands.sort_unstable();
    let mut ours: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    ours.sort_unstable();
    assert_eq!(ours, of_commands);
    assert_eq!(TYPES.iter().map(|one| one.qapi).collect::<Vec<_>>(), of_types);
    assert_eq!((ours.len(), of_types.len()), (44, 41));
}

/// Each member in its field, none lost, none renamed, and each in its place: what is written is what the reference
/// agent writes.
#[test]
fn types_are_read_and_written_as_in_the_schema() {
    // As many rounds as the longest enum has values.
    for (round, one) in (0..20).flat_map(|round| TYPES.iter().map(move |one| (round, one))) {
        for with_optional in [true, false] {
            let value = Values::new(round, with_optional).make(&one.qapi.into());
            let json = in_order(&value);
            for rewritten in one.both(&json) {
                let (written, debug) = rewritten.unwrap_or_else(|error| panic!("{}: {json}: {error}", one.qapi));
                assert_eq!(one.ordered(&written), one.ordered(&json), "{}", one.qapi);
                check_fields(&debug, &value);
            }
        }
    }
}

/// Whether `Debug` shows this value. Variants are named like their choices.
fn is_shown(shown: &str, value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => shown.contains(&value.to_string().replace('.', "")),
        Value::String(text) => shown.to_lowercase().contains(&text.replace('-', "")),
        Value::Array(list) if list[0].is_string() => shown.contains(&format!("[{}", list[0])),
        _ => true, // has a type of its own
    }
}

/// `Debug` shows the members' values in the fields that are named like them.
fn check_fields(debug: &str, value: &Value) {
    assert!(value.is_object() || is_shown(debug, value), "{debug} is not {value}");
    for (name, value) in value.as_object().into_iter().flatten() {
        let field = match name.as_str() {
            "type" if value.as_str().is_some_and(|value| value.parse::<u32>().is_ok()) => "fs_type".to_owned(),
            "type" => continue, // a union's
            "use" => "use_count".to_owned(),
            name => name.replace('-', "_"),
        };
        let (_, after) = debug.split_once(&format!(" {field}: ")).unwrap_or_else(|| panic!("no {field}: {debug}"));
        let shown = after.split([',', '}']).next().unwrap();
        assert!(is_shown(shown, value), "{field} is not {value}: {debug}");
    }
}

/// A member that came later than its type is not there in older agents.
#[test]
fn members_that_are_missing_are_named_unless_they_are_optional() {
    let mut missing = 0;
    for one in TYPES {
        let value = Values::new(0, true).make(&one.qapi.into());
        for member in one.members(&value) {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(member.name);
            let rewritten = one.both(&without.to_string());
            if member.is_optional || member.since.is_some() {
                assert!(rewritten.iter().all(Result::is_ok), "{} without {}", one.qapi, member.name);
            } else {
                let due = ["x.", ""].map(|at| Err(format!("Parameter '{at}{}' is missing", member.name)));
                assert_eq!(rewritten, due, "{}", one.qapi);
                missing += 1;
            }
        }
    }
    assert!(missing > 90, "{missing}");
}

#[test]
fn members_of_another_type_are_named() {
    for one in TYPES {
        let value = Values::new(0, true).make(&one.qapi.into());
        for member in one.members(&value) {
            let mut other = value.clone();
            other[member.name] = if member.kind == "bool" { 5.into() } else { true.into() };
            for (rewritten, at) in one.both(&other.to_string()).into_iter().zip(["x.", ""]) {
                let error = rewritten.expect_err(member.name);
                assert!(error.contains(&format!("'{at}{}'", member.name)), "{}: {error}", one.qapi);
            }
            // Some agents return null for what they do not know.
            other[member.name] = Value::Null;
            let [argument, returned] = one.both(&other.to_string());
            assert!(argument.is_err(), "{} takes null as {}", one.qapi, member.name);
            assert_eq!(returned.is_ok(), member.is_optional || member.since.is_some(), "{}", member.name);
        }
    }
}

/// A newer agent's member is ignored, its choice is kept. From a client they are errors.
#[test]
fn what_a_newer_agent_returns_is_read() {
    let (mut objects, mut choices, mut unions) = (0, 0, 0);
    for one in TYPES {
        let value = Values::new(0, true).make(&one.qapi.into());
        let entry = &SCHEMA[one.qapi];
        if value.is_object() {
            let mut newer = value.clone();
            newer["x-new"] = [1, 2].into();
            let [argument, returned] = one.both(&newer.to_string());
            assert_eq!(argument, Err("Parameter 'x.x-new' is unexpected".to_owned()), "{}", one.qapi);
            assert_eq!(returned, one.both(&value.to_string())[1].clone(), "{}", one.qapi);
            objects += 1;
        }
        if entry.get("enum").is_some() {
            let [argument, returned] = one.both(r#""x-new""#);
            let refused = |at| Err(format!("Parameter '{at}' does not accept value 'x-new'"));
            assert_eq!(argument, refused("x"));
            match one.qapi {
                "GuestExecCaptureOutputMode" => assert_eq!(returned, refused("")), // no command returns it
                _ => assert_eq!(returned.map(|(written, _)| written), Ok(r#""x-new""#.to_owned())),
            }
            choices += 1;
        }
        if entry.get("union").is_some() {
            let [_, returned] = one.both(r#"{"x-new": 1, "type": "x-new", "cpu": "?"}"#);
            assert_eq!(returned.map(|(written, _)| written), Ok(r#"{"type": "x-new"}"#.to_owned()));
            unions += 1;
        }
    }
    assert_eq!((objects, choices, unions), (34, 5, 3));
}

/// What QEMU calls a type in its errors.
fn expected(kind: &Value) -> &str {
    match kind.as_str() {
        None => "array",
        Some("int") => "integer",
        Some("str") => "string",
        Some("bool") => "boolean",
        Some(name) => name,
    }
}

#[test]
fn requests_are_spelled_as_in_the_schema() {
    for command in COMMANDS {
        let ask = |value: &Value| (command.arguments)(&mut arguments(&value.to_string()));
        for (round, with_optional) in (0..20).flat_map(|round| [(round, true), (round, false)]) {
            let value = Value::Object(Values::new(round, with_optional).object(qapi::members(command.name, None)));
            let (sent, debug) = ask(&value).unwrap_or_else(|error| panic!("{}: {value}: {error}", command.name));
            assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), value, "{}", command.name);
            check_fields(&debug, &value);
            let mut more = value.clone();
            more["x-new"] = 1.into();
            assert_eq!(ask(&more), Err("Parameter 'x-new' is unexpected".to_owned()), "{}", command.name);
            // Of several errors the first is named, in the schema's order.
            let wrong =
                qapi::members(command.name, None).into_iter().map(|member| (member.name, serde_json::json!({})));
            if let Some(Member { name, kind, .. }) = qapi::members(command.name, None).first() {
                let wrong = serde_json::Map::from_iter(wrong.map(|(name, value)| (name.to_owned(), value)));
                let due = Err(format!("Invalid parameter type for '{name}', expected: {}", expected(kind)));
                assert_eq!(ask(&wrong.into()), due, "{}", command.name);
            }
            for Member { name, is_optional, kind, .. } in qapi::members(command.name, None) {
                let mut other = value.clone();
                // No member takes an object.
                other[name] = serde_json::json!({});
                let due = Err(format!("Invalid parameter type for '{name}', expected: {}", expected(&kind)));
                assert_eq!(ask(&other), due, "{}", command.name);
                other.as_object_mut().unwrap().remove(name);
                match is_optional {
                    true => assert!(ask(&other).is_ok(), "{} without {name}", command.name),
                    false => assert_eq!(ask(&other), Err(format!("Parameter '{name}' is missing")), "{}", command.name),
                }
            }
        }
    }
}

#[test]
fn commands_return_what_the_schema_says() {
    for command in COMMANDS {
        let kind = &SCHEMA[command.name]["returns"];
        for (round, with_optional) in (0..20).flat_map(|round| [(round, true), (round, false)]) {
            let json = in_order(&Values::new(round, with_optional).make(kind));
            let (written, _) = (command.returned)(returned(&json)).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(compact(&written), compact(&json), "{}", command.name);
        }
    }
}

#[test]
fn a_client_knows_which_commands_are_silent() {
    for command in COMMANDS {
        assert_eq!((command.is_silent)(), SCHEMA[command.name]["success-response"] == false, "{}", command.name);
    }
}

/// Byte by byte as the agent wrote it, but for spaces; a load average has three places here.
#[test]
fn what_qemu_ga_11_1_returned_is_read_and_written_again() {
    let mut recorded: Vec<&str> = Vec::new();
    for exchange in qapi::recorded() {
        let name = exchange["command"].as_str().unwrap();
        let command = COMMANDS.iter().find(|command| command.name == name).unwrap();
        recorded.push(command.name);
        let asked = &exchange["arguments"];
        let (sent, _) = (command.arguments)(&mut arguments(&asked.to_string())).unwrap();
        if asked["whence"] != 0 {
            // 0 is sent as "set".
            assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), *asked, "{name}");
        }
        let kind = &SCHEMA[name]["returns"];
        qapi::check_return(name, &exchange["return"]);
        let line = returned(exchange["text"].as_str().unwrap());
        let (written, _) = (command.returned)(line).unwrap_or_else(|error| panic!("{name}: {error}"));
        if name == GetLoad::NAME {
            assert_eq!(written, r#"{"load15m": 3.535, "load5m": 5.596, "load1m": 6.759}"#);
            continue;
        }
        assert_eq!(compact(&written), compact(line.as_str()), "{name}");
        // Elements are written as they were received, so each is read by itself.
        for element in line.elements().into_iter().flatten() {
            let one = TYPES.iter().find(|one| *one.qapi == kind[0]).unwrap();
            let (written, _) = (one.returned)(element).unwrap();
            assert_eq!(one.ordered(&written), one.ordered(element.as_str()), "{name}");
        }
    }
    let not_recorded: Vec<_> =
        COMMANDS.iter().map(|command| command.name).filter(|name| !recorded.contains(name)).collect();
    let they_stop_the_machine_or_need_windows = [
        "guest-fsfreeze-freeze",
        "guest-fsfreeze-freeze-list",
        "guest-get-devices",
        "guest-set-time",
        "guest-shutdown",
        "guest-suspend-disk",
        "guest-suspend-hybrid",
        "guest-suspend-ram",
    ];
    assert_eq!(not_recorded, they_stop_the_machine_or_need_windows);
}

#[test]
fn every_command_that_qemu_ga_11_1_lists_is_known() {
    let info = qapi::recorded().find(|exchange| exchange["command"] == Info::NAME).unwrap();
    let info = Info::returned(returned(&info["return"].to_string())).unwrap();
    assert!(info.version == "11.1.3");
    let listed: Vec<_> = info.supported_commands.iter().collect();
    assert_eq!(listed.len(), 43);
    for entry in listed {
        let name = entry.name.to_string();
        let command = COMMANDS.iter().find(|command| command.name == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(entry.success_response, Some(!(command.is_silent)()), "{name}");
        assert!(entry.enabled, "{name}");
    }
}

/// Of a version.
fn number(version: &str) -> (u32, u32) {
    let (major, minor) = version.split_once('.').unwrap();
    (major.parse().unwrap(), minor.parse().unwrap())
}

/// The members and choices of what it takes and returns that came later.
fn later(kind: &Value, than: &str, found: &mut BTreeSet<((u32, u32), String)>) {
    let Some(name) = kind.as_str() else { return kind.get(0).into_iter().for_each(|one| later(one, than, found)) };
    let Some(entry) = SCHEMA.get(name) else { return };
    for (member, version) in entry["later"].as_object().into_iter().flatten() {
        let version = number(version.as_str().unwrap());
        if version > number(than) {
            found.insert((version, format!("{member}`")));
        }
    }
    for pair in entry["members"].as_array().into_iter().flatten() {
        later(&pair[1], than, found);
        let alternate =
            pair[1].as_str().and_then(|kind| SCHEMA.get(kind)).filter(|kind| kind.get("alternate").is_some());
        if let Some(version) = alternate.map(|kind| number(kind["since"].as_str().unwrap())) {
            found.insert((version, format!("{}` as a string", pair[0].as_str().unwrap().trim_start_matches('*'))));
        }
    }
    entry["base"].as_array().into_iter().flatten().for_each(|pair| later(&pair[1], than, found));
    entry["variants"].as_object().into_iter().flatten().for_each(|(_, kind)| later(kind, than, found));
}

#[test]
fn the_guides_table_has_every_command_and_its_version() {
    let mut table = "| command | QEMU | type | returns | later |\n|---|--:|---|---|---|\n".to_owned();
    let mut rows: Vec<_> = COMMANDS.iter().collect();
    rows.sort_unstable_by_key(|command| command.name);
    for TypedCommand { name, ours, returns, .. } in rows {
        let entry = &SCHEMA[name];
        let since = entry["since"].as_str().unwrap();
        let mut found = BTreeSet::new();
        later(&(*name).into(), since, &mut found);
        later(&entry["returns"], since, &mut found);
        let found: Vec<_> = found.iter().map(|((major, minor), member)| format!("`{member} {major}.{minor}")).collect();
        let returns = if *returns == "Done" { String::new() } else { format!("`{returns}`") };
        table += &format!("| `{name}` | {since} | `{ours}` | {returns} | {} |\n", found.join(", "));
    }
    let guide = include_str!("../docs/commands.md");
    let (_, rest) = guide.split_once("<!-- commands: tests/schema.rs knows them -->\n").expect("the table begins");
    let (there, _) = rest.split_once("<!-- end of commands -->").expect("the table ends");
    assert!(there == table, "docs/commands.md should have:\n{table}");
}

/// QEMU 7.2, qga/commands-posix.c: a disk without a controller has -1 four times.
#[test]
fn no_pci_address_is_minus_one_everywhere() {
    assert_eq!(written(PciAddress::NONE), r#"{"bus": -1, "slot": -1, "domain": -1, "function": -1}"#);
}

/// The agent has its own function to return what was read.
#[test]
fn a_files_content_is_spelled_as_in_the_schema() {
    let answer = ask(&mut TestAgent::new(Board::new()), "guest-file-read", r#"{"handle": 1}"#);
    let content = in_order(&serde_json::from_str(r#"{"count": 2, "buf-b64": "aGk=", "eof": true}"#).unwrap());
    assert_eq!(answer, format!("{{\"return\": {content}}}\n"));
}

/// A received base64, string or list is sent again with the same meaning, however it was escaped.
#[test]
fn what_was_received_is_written_again() {
    assert_eq!(written(read::<Bytes<'_>>(r#""aGk\u003d""#)), r#""aGk=""#);
    assert_eq!(written(read::<Str<'_>>(r#""\u0061\n\u00e9""#)), r#""a\n\u00E9""#);
    let list: Vec<String> =
        serde_json::from_str(&written(read::<List<'_, Str<'_>>>(r#"["a", "\u0062", ""]"#))).unwrap();
    assert_eq!(list, ["a", "b", ""]);
    assert_eq!(written(read::<List<'_, i64>>("[1,2]")), "[1,2]");
    assert_eq!(written(read::<List<'_, i64>>("[]")), "[]");
}

/// `null` is never written for an absent member.
#[test]
fn absent_members_are_left_out() {
    assert_eq!(written(read::<ExecStatusReturn<'_>>(r#"{"exited": false}"#)), r#"{"exited": false}"#);
    assert_eq!(written(read::<OsInfo<'_>>("{}")), "{}");
}

/// A file of ten bytes, the position in it, and the mode of the last shutdown.
struct Board {
    position: i64,
    mode: Option<ShutdownMode>,
    frozen: bool,
}

impl Board {
    const LENGTH: i64 = 10;

    fn new() -> Self {
        Self { position: 5, mode: None, frozen: false }
    }
}

macro_rules! done {
    ($command:ident) => {
        $command::command(|_, call| call.respond()?.done())
    };
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        FileSeek::command(|board: &mut Self, call| {
            let (seek, response): (FileSeek, _) = call.parse()?;
            let from = match seek.whence {
                Whence::Set => 0,
                Whence::Cur => board.position,
                Whence::End => Self::LENGTH,
                Whence::Unknown(code) => return response.error(format_args!("invalid whence code {code}")),
            };
            board.position = from + seek.offset;
            response.encode(FilePosition { eof: false, position: board.position, ..Default::default() })
        }),
        Shutdown::command(|board: &mut Self, call| {
            let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
            board.mode = Some(shutdown.mode()?);
            response.done()
        }),
        FsfreezeStatus::command(|board: &mut Self, call| {
            let state = if board.frozen { FsfreezeState::Frozen } else { FsfreezeState::Thawed };
            call.respond()?.encode(state)
        }),
        FsfreezeThaw::command(|board: &mut Self, call| {
            let response = call.respond()?;
            board.frozen = false;
            response.integer(1)
        }),
        done!(SuspendDisk),
        done!(SuspendRam),
        done!(SuspendHybrid),
        done!(GetTime),
        done!(SetTime),
        done!(GetOsinfo),
        done!(GetHostName),
        done!(GetTimezone),
        done!(GetUsers),
        done!(GetLoad),
        done!(GetVcpus),
        done!(SetVcpus),
        done!(NetworkGetInterfaces),
        done!(GetFsinfo),
        done!(GetDisks),
        done!(FsfreezeFreeze),
        done!(FsfreezeFreezeList),
        done!(FsTrim),
        done!(FileOpen),
        done!(FileClose),
        FileRead::command(|_, call| {
            let (file, response): (FileRead, _) = call.parse()?;
            let mut content = response.file_content(file.wanted().unwrap_or(0));
            content.space()[..2].copy_from_slice(b"hi");
            content.respond(2, true)
        }),
        done!(FileWrite),
        done!(FileFlush),
        done!(Exec),
        done!(ExecStatus),
        done!(GetCpustats),
        done!(GetDevices),
        done!(GetDiskstats),
        done!(GetMemoryBlockInfo),
        done!(GetMemoryBlocks),
        done!(NetworkGetRoute),
        done!(SetMemoryBlocks),
        done!(SetUserPassword),
        done!(SshAddAuthorizedKeys),
        done!(SshGetAuthorizedKeys),
        done!(SshRemoveAuthorizedKeys),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }
}

type TestAgent = Agent<Board, 512, 8192>;

fn ask(agent: &mut TestAgent, name: &str, arguments: &str) -> String {
    let request = format!("{{\"execute\": \"{name}\", \"arguments\": {arguments}}}");
    String::from_utf8(exchange(agent, request.as_bytes())).unwrap()
}

/// QEMU 7.2, qga/commands-posix.c: `set`, `cur` and `end`, or 0, 1 and 2, whatever SEEK_CUR is on the guest.
#[test]
fn a_seek_counts_from_where_it_says() {
    for (whence, position) in
        [("\"set\"", -2), ("\"cur\"", 3), ("\"end\"", 8), ("0", -2), ("1", 3), ("2", 8), ("\"c\\u0075r\"", 3)]
    {
        let arguments = format!("{{\"handle\": 1, \"offset\": -2, \"whence\": {whence}}}");
        let due = format!("{{\"return\": {{\"eof\": false, \"position\": {position}}}}}\n");
        assert_eq!(ask(&mut TestAgent::new(Board::new()), "guest-file-seek", &arguments), due, "{whence}");
    }
    for code in [-1, 3, i64::MAX, i64::MIN] {
        let arguments = format!("{{\"handle\": 1, \"offset\": 0, \"whence\": {code}}}");
        let due = error("GenericError", &format!("invalid whence code {code}"));
        assert_eq!(ask(&mut TestAgent::new(Board::new()), "guest-file-seek", &arguments), due);
    }
    for (whence, desc) in [
        ("\"\"", "Parameter 'whence' does not accept value ''"),
        ("\"SET\"", "Parameter 'whence' does not accept value 'SET'"),
        ("\"curs\"", "Parameter 'whence' does not accept value 'curs'"),
        ("true", "Invalid parameter type for 'whence', expected: GuestFileWhence"),
        ("1.0", "Invalid parameter type for 'whence', expected: integer"),
    ] {
        let arguments = format!("{{\"handle\": 1, \"offset\": 0, \"whence\": {whence}}}");
        let answer = ask(&mut TestAgent::new(Board::new()), "guest-file-seek", &arguments);
        assert_eq!(answer, error("GenericError", desc));
    }
}

#[test]
fn a_client_says_where_a_seek_counts_from() {
    for (whence, spelled) in [
        (Whence::Set, "\"set\""),
        (Whence::Cur, "\"cur\""),
        (Whence::End, "\"end\""),
        (Whence::Unknown(3), "3"),
        (Whence::Unknown(-1), "-1"),
    ] {
        assert_eq!(written(whence), spelled);
        assert_eq!(read::<Whence>(spelled), whence, "and reads it back");
    }
    for (number, whence) in [("0", Whence::Set), ("1", Whence::Cur), ("2", Whence::End)] {
        assert_eq!(read::<Whence>(number), whence);
    }
}

/// QEMU 7.2, qga/commands-posix.c: 4096 by default, at most 48 MiB.
#[test]
fn a_file_is_read_by_as_many_bytes_as_are_asked_for() {
    const MOST: i64 = 50_331_648;
    for (arguments, wanted) in [
        (r#"{"handle": 1}"#.to_owned(), Some(4096)),
        (r#"{"handle": 1, "count": 0}"#.to_owned(), Some(0)),
        (r#"{"handle": 1, "count": 1}"#.to_owned(), Some(1)),
        (format!("{{\"handle\": 1, \"count\": {}}}", MOST - 1), Some(MOST as usize - 1)),
        (format!("{{\"handle\": 1, \"count\": {MOST}}}"), Some(MOST as usize)),
        (format!("{{\"handle\": 1, \"count\": {}}}", MOST + 1), None),
        (r#"{"handle": 1, "count": -1}"#.to_owned(), None),
        (format!("{{\"handle\": 1, \"count\": {}}}", i64::MIN), None),
        (format!("{{\"handle\": 1, \"count\": {}}}", i64::MAX), None),
        // What is 0 to 4095 in the lower 32 bits.
        (format!("{{\"handle\": 1, \"count\": {}}}", 1_i64 << 32), None),
    ] {
        let read = FileRead::read(&mut self::arguments(&arguments)).unwrap();
        assert_eq!(read.wanted(), wanted, "{arguments}");
    }
}

/// A guest was powered down by `"mode": ""`, which is a prefix of `powerdown`.
#[test]
fn only_a_complete_mode_shuts_down() {
    let shut_down = |arguments: &str| {
        let mut agent = TestAgent::new(Board::new());
        let answer = ask(&mut agent, "guest-shutdown", arguments);
        (agent.guest().mode, answer)
    };
    for (arguments, mode) in [
        ("{}", ShutdownMode::Powerdown),
        (r#"{"mode": "powerdown"}"#, ShutdownMode::Powerdown),
        (r#"{"mode": "halt"}"#, ShutdownMode::Halt),
        (r#"{"mode": "reboot"}"#, ShutdownMode::Reboot),
        (r#"{"mode": "re\u0062oot"}"#, ShutdownMode::Reboot),
    ] {
        assert_eq!(shut_down(arguments), (Some(mode), String::new()), "{arguments}");
    }
    let refused = error("GenericError", "mode is invalid (valid values are: halt|powerdown|reboot");
    for mode in ["powerdown", "halt", "reboot"] {
        for end in 0..mode.len() {
            let arguments = format!("{{\"mode\": \"{}\"}}", &mode[..end]);
            assert_eq!(shut_down(&arguments), (None, refused.clone()), "{arguments}");
        }
        for longer in [format!("{mode}s"), format!("{mode}\\u0000"), format!("{mode} "), format!("s{mode}")] {
            let arguments = format!("{{\"mode\": \"{longer}\"}}");
            assert_eq!(shut_down(&arguments), (None, refused.clone()), "{arguments}");
        }
    }
}

/// Whatever it is made of, and in whatever pieces it is written.
#[test]
fn only_whole_strings_are_equal() {
    for text in ["", "a", "ab", "reboot", "é", "a\0", "\u{10ffff}b"] {
        for other in ["", "a", "ab", "abc", "reboot", "reboo", "reboots", "é", "a\0", "\u{10ffff}b", "\u{10ffff}"] {
            let is_same = text == other;
            let json = serde_json::to_string(text).unwrap();
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let pieces = |to: &mut dyn std::fmt::Write| {
                text.chars().try_for_each(|piece| to.write_str(piece.encode_utf8(&mut [0; 4])))
            };
            for string in [
                Str::from(text),
                read(&json),
                read(&format!("\"{escaped}\"")),
                Str::from(&pieces),
                Str::from(&|to: &mut dyn std::fmt::Write| to.write_str("").and_then(|()| to.write_str(text))),
            ] {
                assert_eq!(string == *other, is_same, "{string:?} and {other:?}");
                assert_eq!(string == other, is_same, "{string:?} and {other:?}");
            }
        }
    }
}

#[test]
fn commands_that_are_silent_when_they_succeed() {
    let is_silent = |name: &str| SCHEMA[name]["success-response"] == false;
    let mut silent = 0;
    for command in Board::COMMANDS.iter().filter(|command| is_silent(command.name())) {
        assert_eq!(ask(&mut TestAgent::new(Board::new()), command.name(), "{}"), "", "{}", command.name());
        silent += 1;
    }
    assert_eq!(silent, 4);
    let info: Value = serde_json::from_str(&ask(&mut TestAgent::new(Board::new()), "guest-info", "{}")).unwrap();
    let commands = info["return"]["supported_commands"].as_array().unwrap();
    assert_eq!(commands.len(), COMMANDS.len());
    for command in commands {
        let name = command["name"].as_str().unwrap();
        assert_eq!(command["success-response"], !is_silent(name), "{name}");
    }
}

/// QEMU 7.2, qga/main.c, ga_freeze_allowlist, for what is not built in here.
#[test]
fn while_frozen_a_guest_can_be_thawed_and_asked_for_its_status() {
    for command in Board::COMMANDS {
        let mut agent = TestAgent::new(Board { frozen: true, ..Board::new() });
        let answer = ask(&mut agent, command.name(), "{}");
        match command.name() {
            "guest-fsfreeze-status" => assert_eq!(answer, "{\"return\": \"frozen\"}\n"),
            "guest-fsfreeze-thaw" => assert_eq!((answer.as_str(), agent.guest().frozen), ("{\"return\": 1}\n", false)),
            name => {
                let desc = format!("Command {name} has been disabled: the command is not allowed");
                assert_eq!(answer, error("CommandNotFound", &desc));
            }
        }
    }
}

#[test]
fn what_holds_no_closure_can_be_compared() {
    fn check<T: PartialEq>() {}
    check::<CpuStats<'_>>();
    check::<DeviceId<'_>>();
    check::<DiskSmart<'_>>();
    check::<DiskStats>();
    check::<Done>();
    check::<ExecPid>();
    check::<FilePosition>();
    check::<FileWritten>();
    check::<FsfreezeState<'_>>();
    check::<InterfaceStatistics>();
    check::<Load>();
    check::<LogicalProcessor>();
    check::<MemoryBlock>();
    check::<MemoryBlockInfo>();
    check::<MemoryBlockResponse<'_>>();
    check::<PciAddress>();
    check::<CcwAddress>();
    let cpu = |user| CpuStats::Linux(LinuxCpuStats { cpu: 1, user, ..Default::default() });
    assert_eq!(cpu(5), cpu(5));
    assert_ne!(cpu(5), cpu(6));
}
