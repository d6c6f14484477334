//! The typed commands against QAPI's schema: each name on the wire, each member's place, and which commands are silent
//! or allowed while frozen.
//!
//! No value is built field by field: each is read from JSON, so that a new member in the schema changes nothing here.

mod exchange;

use std::cmp::Reverse;

use exchange::{error, exchange};
use guestwire::commands::*;
use guestwire::{
    Agent, Client, Command, Decoder, Event, Guest, Reply,
    json::Encoder,
    message::{Arguments, Request},
};
use serde_json::Value;

/// The arguments in `json`, in memory that outlives every test.
#[track_caller]
fn arguments(json: &str) -> Arguments<'static> {
    let decoder: &'static mut Decoder<4096> = Box::leak(Box::default());
    let request = format!("{{\"execute\": \"x\", \"arguments\": {json}}}");
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
    let mut buffer = [0; 4096];
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

/// The same members in the order of their buckets, in objects inside it, too.
fn in_order(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // In one bucket the newest is the first: of load1m and load5m, the only such pair, that is the latter.
            members.sort_by_key(|(name, _)| (bucket(name), Reverse(*name)));
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

/// Reads a return value with all its members, checks each field, writes it, and expects it as the reference agent
/// writes it: no member lost, none renamed, each in its place.
macro_rules! returned {
    ($type:ty, $json:expr, |$value:ident| $($field:expr => $due:expr),+ $(,)?) => {{
        let json = in_order(&serde_json::from_str(&String::from($json)).unwrap());
        let $value: $type = read(&json);
        $(assert!($field == $due, "{} is not {}: {json}", stringify!($field), stringify!($due));)+
        assert_eq!(compact(&written($value)), compact(&json));
    }};
}

#[test]
fn system_values_are_spelled_as_in_the_schema() {
    returned!(OsInfo<'_>, r#"{"kernel-release": "a", "kernel-version": "b", "machine": "c", "id": "d", "name": "e",
        "pretty-name": "f", "version": "g", "version-id": "h", "variant": "i", "variant-id": "j"}"#, |os|
        os.kernel_release.unwrap() => "a", os.kernel_version.unwrap() => "b", os.machine.unwrap() => "c",
        os.id.unwrap() => "d", os.name.unwrap() => "e", os.pretty_name.unwrap() => "f", os.version.unwrap() => "g",
        os.version_id.unwrap() => "h", os.variant.unwrap() => "i", os.variant_id.unwrap() => "j");
    returned!(HostName<'_>, r#"{"host-name": "toaster"}"#, |host| host.host_name => "toaster");
    returned!(Timezone<'_>, r#"{"zone": "CET", "offset": 3600}"#, |zone| zone.zone.unwrap() => "CET", zone.offset => 3600);
    returned!(User<'_>, r#"{"user": "root", "login-time": 1764045123.456, "domain": "D"}"#, |user|
        user.user => "root", user.login_time.0 => 1_764_045_123_456, user.domain.unwrap() => "D");
    returned!(Load, r#"{"load1m": 1.001, "load5m": 5.002, "load15m": 15.003}"#, |load|
        load.load1m.0 => 1001, load.load5m.0 => 5002, load.load15m.0 => 15003);
    let vcpu: LogicalProcessor = read(r#"{"logical-id": 3, "online": true, "can-offline": false}"#);
    assert_eq!((vcpu.logical_id, vcpu.online, vcpu.can_offline), (3, true, Some(false)));
    let members = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    assert_eq!(members(&written(vcpu)), members(r#"{"logical-id": 3, "online": true, "can-offline": false}"#));
}

const STATISTICS: &str = r#"{"rx-bytes": 1, "rx-packets": 2, "rx-errs": 3, "rx-dropped": 4,
    "tx-bytes": 5, "tx-packets": 6, "tx-errs": 7, "tx-dropped": 18446744073709551615}"#;

#[test]
fn network_values_are_spelled_as_in_the_schema() {
    returned!(InterfaceStatistics, STATISTICS, |seen|
        seen.rx_bytes => 1, seen.rx_packets => 2, seen.rx_errs => 3, seen.rx_dropped => 4,
        seen.tx_bytes => 5, seen.tx_packets => 6, seen.tx_errs => 7, seen.tx_dropped => u64::MAX);
    for (name, kind) in [("ipv4", IpAddressType::Ipv4), ("ipv6", IpAddressType::Ipv6)] {
        let json = format!(r#"{{"ip-address": "a", "ip-address-type": "{name}", "prefix": 24}}"#);
        returned!(IpAddress<'_>, json, |one|
            one.ip_address => "a", one.ip_address_type => kind, one.prefix => 24);
        assert_eq!(kind.as_str(), name);
    }
    let interface = format!(
        r#"{{"name": "eth0", "hardware-address": "02:00", "statistics": {STATISTICS},
        "ip-addresses": [{{"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128}}]}}"#
    );
    returned!(NetworkInterface<'_>, interface, |one|
        one.name => "eth0", one.hardware_address.unwrap() => "02:00", one.statistics.unwrap().rx_errs => 3,
        one.ip_addresses.unwrap().iter().map(|address| address.prefix).collect::<Vec<_>>() => [128]);
}

const DISK_ADDRESS: &str = r#"{"pci-controller": {"domain": 1, "bus": 2, "slot": 3, "function": 4},
    "bus-type": "scsi", "bus": 5, "target": 6, "unit": 7, "serial": "s", "dev": "/dev/sda"}"#;

#[test]
fn storage_values_are_spelled_as_in_the_schema() {
    returned!(PciAddress, r#"{"domain": 1, "bus": 2, "slot": 3, "function": 4}"#, |pci|
        pci.domain => 1, pci.bus => 2, pci.slot => 3, pci.function => 4);
    returned!(DiskAddress<'_>, DISK_ADDRESS, |disk|
        disk.bus_type => "scsi", disk.bus => 5, disk.target => 6, disk.unit => 7, disk.serial.unwrap() => "s",
        disk.dev.unwrap() => "/dev/sda", disk.pci_controller.slot => 3);
    let system = format!(
        r#"{{"name": "sda1", "mountpoint": "/mnt", "type": "ext4", "used-bytes": 8,
        "total-bytes": 9, "disk": [{DISK_ADDRESS}]}}"#
    );
    returned!(FileSystem<'_>, system, |one|
        one.name => "sda1", one.mountpoint => "/mnt", one.fs_type => "ext4", one.used_bytes => Some(8),
        one.total_bytes => Some(9), one.disk.iter().map(|disk| disk.target).collect::<Vec<_>>() => [6]);
    let disk = format!(
        r#"{{"name": "/dev/sda1", "partition": true, "dependencies": ["/dev/sda"], "alias": "root",
        "address": {DISK_ADDRESS}}}"#
    );
    returned!(Disk<'_>, disk, |one|
        one.name => "/dev/sda1", one.partition => true, one.alias.unwrap() => "root", one.address.unwrap().bus => 5,
        one.dependencies.unwrap().iter().map(|disk| disk.to_string()).collect::<Vec<_>>() => ["/dev/sda"]);
    returned!(FsTrimResult<'_>, r#"{"path": "/", "trimmed": 10, "minimum": 11, "error": "no"}"#, |one|
        one.path => "/", one.trimmed => Some(10), one.minimum => Some(11), one.error.unwrap() => "no");
    returned!(FsTrimmed<'_>, r#"{"paths": [{"path": "/", "trimmed": 10}, {"path": "/b", "error": "no"}]}"#, |all|
        all.paths.iter().map(|one| one.trimmed).collect::<Vec<_>>() => [Some(10), None]);
    for (name, state) in [("thawed", FsfreezeState::Thawed), ("frozen", FsfreezeState::Frozen)] {
        returned!(FsfreezeState, format!("\"{name}\""), |read| read => state);
    }
}

/// QEMU 7.2, qga/commands-posix.c: a disk without a controller has -1 four times.
#[test]
fn no_pci_address_is_minus_one_everywhere() {
    assert_eq!(written(PciAddress::NONE), r#"{"bus": -1, "slot": -1, "domain": -1, "function": -1}"#);
}

#[test]
fn file_and_program_values_are_spelled_as_in_the_schema() {
    returned!(FileContent<'_>, r#"{"count": 2, "buf-b64": "aGk=", "eof": true}"#, |content|
        content.count => 2, content.eof => true,
        content.buf_b64.decoded().unwrap().collect::<Vec<_>>() => b"hi");
    returned!(FileWritten, r#"{"count": 12, "eof": false}"#, |file| file.count => 12, file.eof => false);
    returned!(FilePosition, r#"{"position": 13, "eof": true}"#, |file| file.position => 13, file.eof => true);
    returned!(ExecPid, r#"{"pid": 14}"#, |exec| exec.pid => 14);
    for truncated in [true, false] {
        let json = format!(
            r#"{{"exited": true, "exitcode": 1, "signal": 2, "out-data": "b3V0", "err-data": "ZXJy",
            "out-truncated": {truncated}, "err-truncated": {}}}"#,
            !truncated
        );
        returned!(ExecStatusReturn<'_>, json, |status|
            status.exited => true, status.exitcode => Some(1), status.signal => Some(2),
            status.out_data.unwrap().decoded().unwrap().collect::<Vec<_>>() => b"out",
            status.err_data.unwrap().decoded().unwrap().collect::<Vec<_>>() => b"err",
            status.out_truncated => Some(truncated), status.err_truncated => Some(!truncated));
    }
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

/// The request that a client sends for the command that has these arguments.
fn requested<C: Schema<'static>>(json: &str) -> String {
    let mut arguments = arguments(json);
    let command = C::read(&mut arguments).unwrap();
    arguments.end().unwrap();
    let mut client: Client<1024, 1024> = Client::new();
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    client.request(command).unwrap();
    String::from_utf8(client.transmit().to_vec()).unwrap()
}

#[test]
fn requests_are_spelled_as_in_the_schema() {
    type Requested = fn(&str) -> String;
    let commands: [(&str, &str, Requested); 29] = [
        ("guest-get-time", "{}", requested::<GetTime>),
        ("guest-set-time", r#"{"time": -4}"#, requested::<SetTime>),
        ("guest-shutdown", r#"{"mode": "halt"}"#, requested::<Shutdown<'_>>),
        ("guest-suspend-disk", "{}", requested::<SuspendDisk>),
        ("guest-suspend-ram", "{}", requested::<SuspendRam>),
        ("guest-suspend-hybrid", "{}", requested::<SuspendHybrid>),
        ("guest-get-osinfo", "{}", requested::<GetOsinfo>),
        ("guest-get-host-name", "{}", requested::<GetHostName>),
        ("guest-get-timezone", "{}", requested::<GetTimezone>),
        ("guest-get-users", "{}", requested::<GetUsers>),
        ("guest-get-load", "{}", requested::<GetLoad>),
        ("guest-get-vcpus", "{}", requested::<GetVcpus>),
        ("guest-set-vcpus", r#"{"vcpus": [{"logical-id":1,"online":true}]}"#, requested::<SetVcpus<'_>>),
        ("guest-network-get-interfaces", "{}", requested::<NetworkGetInterfaces>),
        ("guest-get-fsinfo", "{}", requested::<GetFsinfo>),
        ("guest-get-disks", "{}", requested::<GetDisks>),
        ("guest-fsfreeze-status", "{}", requested::<FsfreezeStatus>),
        ("guest-fsfreeze-freeze", "{}", requested::<FsfreezeFreeze>),
        ("guest-fsfreeze-freeze-list", r#"{"mountpoints": ["/a","/b"]}"#, requested::<FsfreezeFreezeList<'_>>),
        ("guest-fsfreeze-thaw", "{}", requested::<FsfreezeThaw>),
        ("guest-fstrim", r#"{"minimum": 5}"#, requested::<FsTrim>),
        ("guest-file-open", r#"{"path": "/a", "mode": "w"}"#, requested::<FileOpen<'_>>),
        ("guest-file-close", r#"{"handle": 1}"#, requested::<FileClose>),
        ("guest-file-read", r#"{"handle": 1, "count": 2}"#, requested::<FileRead>),
        ("guest-file-write", r#"{"handle": 1, "buf-b64": "aGk=", "count": 2}"#, requested::<FileWrite<'_>>),
        ("guest-file-seek", r#"{"handle": 1, "offset": -2, "whence": "cur"}"#, requested::<FileSeek>),
        ("guest-file-flush", r#"{"handle": 1}"#, requested::<FileFlush>),
        (
            "guest-exec",
            r#"{"path": "/a", "arg": ["b","c"], "env": ["d=e"], "input-data": "aGk=", "capture-output": true}"#,
            requested::<Exec<'_>>,
        ),
        ("guest-exec-status", r#"{"pid": 3}"#, requested::<ExecStatus>),
    ];
    for (name, arguments, requested) in commands {
        let request = requested(arguments);
        let due = format!("{{\"execute\": \"{name}\", \"arguments\": {arguments}");
        assert!(request.starts_with(&due), "{request} is not {due}");
    }
}

/// Reads the arguments of a command, and checks each field.
macro_rules! taken {
    ($type:ty, $json:expr, |$command:ident| $($field:expr => $due:expr),+ $(,)?) => {{
        let $command = <$type>::read(&mut arguments($json)).unwrap();
        $(assert!($field == $due, "{} is not {}: {}", stringify!($field), stringify!($due), $json);)+
    }};
}

#[test]
fn arguments_are_read_into_their_fields() {
    let all = |list: List<'_, Str<'_>>| list.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    taken!(SetTime, r#"{"time": -4}"#, |set| set.time => Some(-4));
    taken!(Shutdown<'_>, r#"{"mode": "halt"}"#, |shutdown| shutdown.mode.unwrap() => "halt");
    taken!(FsTrim, r#"{"minimum": 5}"#, |trim| trim.minimum => Some(5));
    taken!(FsfreezeFreezeList<'_>, r#"{"mountpoints": ["/a", "/b"]}"#, |freeze|
        all(freeze.mountpoints.unwrap()) => ["/a", "/b"]);
    taken!(SetVcpus<'_>, r#"{"vcpus": [{"logical-id": 1, "online": true}]}"#, |set|
        set.vcpus.iter().map(|vcpu| (vcpu.logical_id, vcpu.online)).collect::<Vec<_>>() => [(1, true)]);
    taken!(FileOpen<'_>, r#"{"path": "/a", "mode": "w"}"#, |file| file.path => "/a", file.mode.unwrap() => "w");
    taken!(FileClose, r#"{"handle": 1}"#, |file| file.handle => 1);
    taken!(FileRead, r#"{"handle": 1, "count": 2}"#, |file| file.handle => 1, file.count => Some(2));
    taken!(FileWrite<'_>, r#"{"handle": 1, "buf-b64": "aGk=", "count": 2}"#, |file|
        file.handle => 1, file.count => Some(2), file.buf_b64.decoded().unwrap().collect::<Vec<_>>() => b"hi");
    taken!(FileSeek, r#"{"handle": 1, "offset": -2, "whence": "end"}"#, |file|
        file.handle => 1, file.offset => -2, file.whence => Whence::End);
    taken!(FileFlush, r#"{"handle": 1}"#, |file| file.handle => 1);
    taken!(Exec<'_>, r#"{"path": "/a", "arg": ["b"], "env": ["c=d"], "input-data": "aGk="}"#, |exec|
        exec.path => "/a", all(exec.arg.unwrap()) => ["b"], all(exec.env.unwrap()) => ["c=d"],
        exec.input_data.unwrap().decoded().unwrap().collect::<Vec<_>>() => b"hi");
    taken!(ExecStatus, r#"{"pid": 3}"#, |exec| exec.pid => 3);
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
            response.encode(FilePosition { eof: false, position: board.position })
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

/// QEMU 7.2, qga/qapi-schema.json: `success-response: false`.
const SILENT: [&str; 4] = ["guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid"];

#[test]
fn commands_that_are_silent_when_they_succeed() {
    for name in SILENT {
        assert_eq!(ask(&mut TestAgent::new(Board::new()), name, "{}"), "", "{name}");
    }
    let info: Value = serde_json::from_str(&ask(&mut TestAgent::new(Board::new()), "guest-info", "{}")).unwrap();
    let commands = info["return"]["supported_commands"].as_array().unwrap();
    assert_eq!(commands.len(), 4 + Board::COMMANDS.len());
    for command in commands {
        let name = command["name"].as_str().unwrap();
        assert_eq!(command["success-response"], !SILENT.contains(&name), "{name}");
    }
}

/// A client of a silent command takes silence for success, of another it does not.
#[test]
fn a_client_knows_which_commands_are_silent() {
    fn is_silent<C: Schema<'static>>() -> (&'static str, bool) {
        let mut client: Client<1024, 1024> = Client::new();
        client.synchronize(7);
        client.transmitted(usize::MAX);
        assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
        client.execute(C::EXECUTE).unwrap();
        client.transmitted(usize::MAX);
        (C::NAME, client.reset())
    }
    for (name, is_silent) in [
        is_silent::<Shutdown<'_>>(),
        is_silent::<SuspendDisk>(),
        is_silent::<SuspendRam>(),
        is_silent::<SuspendHybrid>(),
        is_silent::<GetTime>(),
        is_silent::<SetTime>(),
        is_silent::<FsfreezeThaw>(),
        is_silent::<FileClose>(),
        is_silent::<Exec<'_>>(),
    ] {
        assert_eq!(is_silent, SILENT.contains(&name), "{name}");
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

/// One thread may build what another sends.
#[test]
fn types_of_the_schema_can_be_sent_between_threads() {
    fn check<T: Send + Sync + Default>() {}
    check::<Str<'_>>();
    check::<Bytes<'_>>();
    check::<Exec<'_>>();
    check::<ExecStatusReturn<'_>>();
    check::<FileContent<'_>>();
    check::<FileSeek>();
    check::<FsTrimmed<'_>>();
    check::<List<'_, FileSystem<'_>>>();
    check::<List<'_, Disk<'_>>>();
    check::<List<'_, NetworkInterface<'_>>>();
    check::<List<'_, LogicalProcessor>>();
    check::<List<'_, User<'_>>>();
    check::<Load>();
    check::<OsInfo<'_>>();
    check::<Shutdown<'_>>();
    check::<Timezone<'_>>();
}
