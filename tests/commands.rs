//! The typed commands: the recorded errors of the reference agent byte for byte, and both ends against each other.

mod exchange;
mod random;
mod recordings;

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exchange::{error, exchange};
use guestwire::commands::*;
use guestwire::{Agent, Client, Command, CommandError, Guest, Reply};
use random::Random;
use recordings::recordings;

/// Reads the arguments of every command, and then fails, in the state of the recorded agent.
enum Recorded {
    Default,
    Frozen,
    Blocked,
}

macro_rules! reads {
    ($command:ident) => {
        $command::command(|_, call| {
            let (_, response): ($command, _) = call.parse()?;
            response.done()
        })
    };
}

macro_rules! wants_handle {
    ($command:ident) => {
        $command::command(|_, call| {
            let (file, response): ($command, _) = call.parse()?;
            response.error(format_args!("handle '{}' has not been found", file.handle))
        })
    };
}

impl Guest for Recorded {
    const VERSION: &'static str = "7.2.22";
    const COMMANDS: &'static [Command<Self>] = &[
        reads!(GetTime),
        reads!(SetTime),
        reads!(SuspendDisk),
        reads!(SuspendRam),
        reads!(SuspendHybrid),
        reads!(GetOsinfo),
        reads!(GetHostName),
        reads!(GetTimezone),
        reads!(GetUsers),
        reads!(GetLoad),
        reads!(GetVcpus),
        reads!(NetworkGetInterfaces),
        reads!(GetFsinfo),
        reads!(GetDisks),
        reads!(FsfreezeFreeze),
        reads!(FsfreezeThaw),
        reads!(FsTrim),
        wants_handle!(FileClose),
        wants_handle!(FileRead),
        wants_handle!(FileSeek),
        wants_handle!(FileFlush),
        FileWrite::command(|_, call| {
            let (file, response): (FileWrite<'_>, _) = call.parse()?;
            response.error(format_args!("handle '{}' has not been found", file.handle))
        }),
        FsfreezeStatus::command(|guest, call| {
            let state = if guest.is_frozen() { FsfreezeState::Frozen } else { FsfreezeState::Thawed };
            call.respond()?.encode(state)
        }),
        FsfreezeFreezeList::command(|_, call| {
            let (_, response): (FsfreezeFreezeList<'_>, _) = call.parse()?;
            response.integer(0)
        }),
        Shutdown::command(|_, call| {
            let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
            shutdown.mode()?;
            response.done()
        }),
        SetVcpus::command(|_, call| {
            let (set, response): (SetVcpus<'_>, _) = call.parse()?;
            response.integer(set.vcpus.iter().count() as i64)
        }),
        FileOpen::command(|_, call| {
            let (_, response): (FileOpen<'_>, _) = call.parse()?;
            response.integer(1000)
        }),
        Exec::command(|_, call| {
            let (_, response): (Exec<'_>, _) = call.parse()?;
            response.encode(ExecPid { pid: 1, ..Default::default() })
        }),
        ExecStatus::command(|_, call| {
            let (_, _): (ExecStatus, _) = call.parse()?;
            Err(CommandError::Failed("PID ld does not exist"))
        }),
    ];

    fn is_frozen(&self) -> bool {
        matches!(self, Self::Frozen)
    }

    fn is_disabled(&self, command: &str) -> bool {
        let blocked = [Exec::NAME, Shutdown::NAME, SuspendRam::NAME, GetTime::NAME];
        matches!(self, Self::Blocked) && blocked.contains(&command)
    }
}

#[test]
fn errors_in_arguments_are_answered_with_the_recorded_bytes() {
    let mut compared = 0;
    for recording in recordings() {
        let Ok(request) = serde_json::from_slice::<serde_json::Value>(&recording.input) else { continue };
        let command = request["execute"].as_str().unwrap_or_default();
        let is_known = Recorded::COMMANDS.iter().any(|known| known.name() == command);
        let returns = recording.output.starts_with(b"{\"return\"") && !command.starts_with("guest-fsfreeze-");
        if !is_known || returns || recording.name.starts_with("val-exec-capture-") {
            continue;
        }
        if recording.name.starts_with("val-exec-capture-") {
            continue; // only a boolean for this agent: see what_a_program_writes_is_kept_by_mode
        }
        let guest = match recording.agent.as_str() {
            "frozen" => Recorded::Frozen,
            "blocked" => Recorded::Blocked,
            _ => Recorded::Default,
        };
        let ours = exchange(&mut Agent::<_, 512, 8192>::new(guest), &recording.input);
        assert_eq!(
            ours.escape_ascii().to_string(),
            recording.output.escape_ascii().to_string(),
            "{}: {}",
            recording.name,
            recording.input.escape_ascii()
        );
        compared += 1;
    }
    assert_eq!(compared, 51);
}

#[test]
fn errors_that_were_not_recorded() {
    let ask = |request: &str| {
        String::from_utf8(exchange(&mut Agent::<_, 512, 8192>::new(Recorded::Default), request.as_bytes())).unwrap()
    };
    let mode = r#"{"execute": "guest-shutdown", "arguments": {"mode": "fast"}}"#;
    assert_eq!(ask(mode), error("GenericError", "mode is invalid (valid values are: halt|powerdown|reboot"));
    assert_eq!(ask(r#"{"execute": "guest-shutdown", "arguments": {"mode": "h\u0061lt"}}"#), "");
    let whence = r#"{"execute": "guest-file-seek", "arguments": {"handle": 1, "offset": 0, "whence": 1.5}}"#;
    assert_eq!(ask(whence), error("GenericError", "Invalid parameter type for 'whence', expected: integer"));
    let item = r#"{"execute": "guest-fsfreeze-freeze-list", "arguments": {"mountpoints": ["/", null]}}"#;
    assert_eq!(ask(item), error("GenericError", "Invalid parameter type for 'mountpoints[1]', expected: string"));
    let vcpus =
        r#"{"execute": "guest-set-vcpus", "arguments": {"vcpus": [{"logical-id": 0, "online": true, "x": 0}]}}"#;
    assert_eq!(ask(vcpus), error("GenericError", "Parameter 'vcpus[0].x' is unexpected"));
}

/// The errors are those of qemu-ga 11.1.3.
#[test]
fn what_a_program_writes_is_kept_by_mode() {
    struct Guarded;

    impl Guest for Guarded {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Exec::command(|_, call| {
            let (exec, response): (Exec<'_>, _) = call.parse()?;
            response.string(exec.capture_output.unwrap_or_default().mode().as_str())
        })];
    }

    for (capture_output, answer) in [
        ("true", Ok("separated")),
        ("false", Ok("none")),
        ("\"none\"", Ok("none")),
        ("\"stdout\"", Ok("stdout")),
        ("\"stderr\"", Ok("stderr")),
        ("\"separated\"", Ok("separated")),
        ("\"m\\u0065rged\"", Ok("merged")),
        ("\"yes\"", Err("Parameter 'capture-output' does not accept value 'yes'")),
        ("1", Err("Invalid parameter type for 'capture-output', expected: GuestExecCaptureOutput")),
        ("null", Err("Invalid parameter type for 'capture-output', expected: GuestExecCaptureOutput")),
    ] {
        let request = format!(
            r#"{{"execute": "guest-exec", "arguments": {{"path": "/nonexistent", "capture-output": {capture_output}}}}}"#
        );
        let answered = exchange(&mut Agent::<_, 512, 8192>::new(Guarded), request.as_bytes());
        let due =
            answer.map_or_else(|desc| error("GenericError", desc), |mode| format!("{{\"return\": \"{mode}\"}}\n"));
        assert_eq!(String::from_utf8(answered).unwrap(), due, "{capture_output}");
    }
}

/// An agent before QEMU 8.0 takes only a boolean.
#[test]
fn a_client_says_by_mode_or_boolean_what_is_to_be_kept() {
    for (capture_output, spelled) in [
        (true.into(), r#""capture-output": true}"#),
        (CaptureOutput::Flag(false), r#""capture-output": false}"#),
        (CaptureMode::Merged.into(), r#""capture-output": "merged"}"#),
        (CaptureOutput::Mode(CaptureMode::Separated), r#""capture-output": "separated"}"#),
    ] {
        let mut client: Client<256, 256> = Client::new();
        client.synchronize(1);
        client.transmitted(usize::MAX);
        client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
        let capture_output = Some(capture_output);
        client.request(Exec { path: "/bin/true".into(), capture_output, ..Default::default() }).unwrap();
        let sent = String::from_utf8(client.transmit().to_vec()).unwrap();
        assert!(sent.contains(spelled), "{sent}");
    }
}

/// A guest with every command.
#[derive(Default)]
struct Board {
    file: Vec<u8>,
    position: usize,
    output: Vec<u8>,
    asked: String,
}

fn os() -> OsInfo<'static> {
    OsInfo {
        name: Some("Debian \"x\"\n".into()),
        version_id: Some("é😀".into()),
        machine: Some("x86_64".into()),
        ..Default::default()
    }
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        GetTime::command(|_, call| call.respond()?.integer(i64::MIN)),
        GetOsinfo::command(|_, call| call.respond()?.encode(os())),
        GetTimezone::command(|_, call| call.respond()?.encode(Timezone { offset: -3600, ..Default::default() })),
        GetUsers::command(|_, call| {
            call.respond()?.array(|users| {
                for (user, login_time) in [("root", 1_764_045_123_456), ("nobody", 0)] {
                    let login_time = Thousandths(login_time);
                    users.element().encode(User { login_time, user: user.into(), ..Default::default() })?;
                }
                Ok(())
            })
        }),
        GetLoad::command(|_, call| {
            let [load15m, load5m, load1m] = [10, 1250, 70_000].map(Thousandths);
            call.respond()?.encode(Load { load15m, load5m, load1m, ..Default::default() })
        }),
        NetworkGetInterfaces::command(|_, call| {
            call.respond()?.array(|interfaces| {
                for number in 0..3_u8 {
                    let name = format!("eth{number}");
                    interfaces.element().encode(NetworkInterface {
                        name: name.as_str().into(),
                        ip_addresses: (number > 0).then_some(List::of(&|addresses| {
                            for host in 0..number {
                                addresses.element().encode(IpAddress {
                                    ip_address_type: IpAddressType::Ipv4,
                                    ip_address: (&|text: &mut dyn Write| write!(text, "10.0.{number}.{host}")).into(),
                                    prefix: 24,
                                    ..Default::default()
                                })?;
                            }
                            Ok(())
                        })),
                        ..Default::default()
                    })?;
                }
                Ok(())
            })
        }),
        GetFsinfo::command(|_, call| {
            call.respond()?.array(|list| {
                list.element().encode(FileSystem {
                    name: "vda1".into(),
                    total_bytes: Some(u64::MAX),
                    mountpoint: "/".into(),
                    disk: List::of(&|disks| {
                        disks.element().encode(DiskAddress {
                            bus_type: DiskBusType::Virtio,
                            bus: 0,
                            unit: 1,
                            pci_controller: PciAddress::NONE,
                            dev: Some("/dev/vda".into()),
                            target: 2,
                            ..Default::default()
                        })
                    }),
                    fs_type: "ext4".into(),
                    ..Default::default()
                })
            })
        }),
        SetVcpus::command(|board, call| {
            let (set, response): (SetVcpus<'_>, _) = call.parse()?;
            board.asked = set.vcpus.iter().map(|vcpu| format!("{}={} ", vcpu.logical_id, vcpu.online)).collect();
            response.integer(set.vcpus.iter().count() as i64)
        }),
        FileRead::command(|board, call| {
            let (file, response): (FileRead, _) = call.parse()?;
            let Some(wanted) = file.wanted() else { return response.error("count") };
            let mut content = response.file_content(wanted);
            let space = content.space();
            let rest = &board.file[board.position..];
            let count = space.len().min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            board.position += count;
            content.respond(count, board.position == board.file.len())
        }),
        FileWrite::command(|board, call| {
            let (file, response): (FileWrite<'_>, _) = call.parse()?;
            board.file.extend(file.buf_b64.decoded()?);
            response.encode(FileWritten { count: board.file.len() as i64, eof: false, ..Default::default() })
        }),
        Exec::command(|board, call| {
            let (exec, response): (Exec<'_>, _) = call.parse()?;
            let arguments: String =
                exec.arg.iter().flat_map(|list| list.iter()).map(|arg| format!("[{arg}]")).collect();
            board.asked = format!("{} {arguments} {:?} {:?}", exec.path, exec.env.is_some(), exec.capture_output);
            board.output = exec.input_data.map(|input| input.decoded().map(Vec::from_iter)).transpose()?.unwrap();
            response.encode(ExecPid { pid: 77, ..Default::default() })
        }),
        ExecStatus::command(|board, call| {
            let (_, response): (ExecStatus, _) = call.parse()?;
            response.encode(ExecStatusReturn {
                exitcode: Some(3),
                out_data: Some(Bytes::Plain(&board.output)),
                out_truncated: Some(false),
                exited: true,
                ..Default::default()
            })
        }),
    ];
}

/// Both ends, and the line between them.
struct Line {
    client: Client<16384, 8192>,
    agent: Agent<Board, 8192, 2048>,
}

impl Line {
    fn new() -> Self {
        let mut line = Self { client: Client::new(), agent: Agent::new(Board::default()) };
        line.client.synchronize(1);
        line.exchange();
        line
    }

    fn exchange(&mut self) -> Reply<'_> {
        let answer = exchange(&mut self.agent, self.client.transmit());
        self.client.transmitted(usize::MAX);
        self.client.push_slice(&answer).1.unwrap().unwrap()
    }

    fn ask<'a, C: Schema<'a>>(&'a mut self, command: C) -> C::Return {
        self.client.request(command).unwrap();
        match self.exchange() {
            Reply::Return(value) => C::returned(value).unwrap(),
            other => panic!("{}: {other:?}", C::NAME),
        }
    }
}

#[test]
fn what_an_agent_returns_a_client_reads() {
    let mut line = Line::new();
    assert_eq!(line.ask(GetTime::default()), i64::MIN);
    assert_eq!(format!("{:?}", line.ask(GetOsinfo::default())), format!("{:?}", os()));
    let zone = line.ask(GetTimezone::default());
    assert_eq!((zone.zone.is_none(), zone.offset), (true, -3600));
    let users: Vec<_> =
        line.ask(GetUsers::default()).iter().map(|user| format!("{} {}", user.user, user.login_time.0)).collect();
    assert_eq!(users, ["root 1764045123456", "nobody 0"]);
    let load = line.ask(GetLoad::default());
    assert_eq!([load.load1m, load.load5m, load.load15m].map(|load| load.0), [70_000, 1250, 10]);
    let interfaces: Vec<_> = line.ask(NetworkGetInterfaces::default()).iter().collect();
    assert_eq!(interfaces.len(), 3);
    assert!(interfaces[0].ip_addresses.is_none());
    let addresses: Vec<_> = interfaces[2].ip_addresses.unwrap().iter().map(|one| one.ip_address.to_string()).collect();
    assert_eq!(addresses, ["10.0.2.0", "10.0.2.1"]);
    let systems: Vec<_> = line.ask(GetFsinfo::default()).iter().collect();
    assert_eq!((systems[0].total_bytes, systems[0].used_bytes), (Some(u64::MAX), None));
    assert_eq!(systems[0].disk.iter().next().unwrap().dev.unwrap().to_string(), "/dev/vda");
    let vcpus = List::of(&|vcpus| {
        vcpus.element().encode(LogicalProcessor {
            logical_id: 1,
            online: false,
            can_offline: Some(true),
            ..Default::default()
        })
    });
    assert_eq!(line.ask(SetVcpus { vcpus, ..Default::default() }), 1);
    assert_eq!(line.agent.guest().asked, "1=false ");
    let exec = Exec {
        path: "/bin/échö".into(),
        arg: Some(List::of(&|list| ["a\n", "", "😀"].iter().try_for_each(|arg| list.element().string(arg)))),
        input_data: Some(Bytes::Plain(b"\0\xFF\x80 in")),
        capture_output: Some(true.into()),
        ..Default::default()
    };
    assert_eq!(line.ask(exec).pid, 77);
    assert_eq!(line.agent.guest().asked, "/bin/échö [a\n][][😀] false Some(Flag(true))");
    let status = line.ask(ExecStatus { pid: 77, ..Default::default() });
    assert!(status.out_data.unwrap().decoded().unwrap().eq(*b"\0\xFF\x80 in"));
    assert_eq!((status.exitcode, status.signal, status.exited), (Some(3), None, true));
}

#[test]
fn members_that_a_client_does_not_know_are_ignored_and_missing_ones_named() {
    let mut client: Client<1024, 256> = Client::new();
    client.omit_ids();
    client.synchronize(1);
    client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
    let mut returned = |value: &str| {
        client.request(NetworkGetInterfaces::default()).unwrap();
        client.transmitted(usize::MAX);
        match client.push_slice(format!("{{\"return\": {value}}}").as_bytes()).1.unwrap() {
            Some(Reply::Return(value)) => match NetworkGetInterfaces::returned(value) {
                Ok(list) => {
                    format!("{:?}", list.iter().map(|interface| interface.name.to_string()).collect::<Vec<_>>())
                }
                Err(error) => error.to_string(),
            },
            other => panic!("{other:?}"),
        }
    };
    let newer = r#"[{"name": "lo", "new": [1], "hardware-address": null, "ip-addresses": [{"ip-address": "::1",
        "ip-address-type": "ipv6", "prefix": 128, "scope": "host"}]}]"#;
    assert_eq!(returned(newer), "[\"lo\"]");
    assert_eq!(returned(r#"[{"name": "lo"}, {}]"#), "Parameter '[1].name' is missing");
    let newer = r#"[{"name": "lo", "ip-addresses": [{"ip-address": "a", "ip-address-type": "ipx", "prefix": 1}]}]"#;
    assert_eq!(returned(newer), "[\"lo\"]");
    let odd = r#"[{"name": "lo", "ip-addresses": [{"ip-address": "a", "ip-address-type": 4, "prefix": 1}]}]"#;
    assert_eq!(returned(odd), "Invalid parameter type for '[0].ip-addresses[0].ip-address-type', expected: string");
    assert_eq!(returned("{}"), "Invalid parameter type for '', expected: array");
}

#[test]
fn files_of_any_length_go_both_ways_in_pieces() {
    let mut random = Random(3);
    for length in (0..20).chain([1000, 1499, 1500, 1501, 40_000]) {
        let content: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        let mut line = Line::new();
        let mut sent = 0;
        while sent < length {
            let count = (1 + random.below(3000)).min(length - sent);
            let buf_b64 = Bytes::Plain(&content[sent..sent + count]);
            sent += count;
            assert_eq!(line.ask(FileWrite { handle: 1, buf_b64, ..Default::default() }).count, sent as i64);
        }
        let mut received = Vec::new();
        loop {
            let wanted = random.below(5000) as i64;
            let content = line.ask(FileRead { handle: 1, count: Some(wanted), ..Default::default() });
            let bytes: Vec<u8> = content.buf_b64.decoded().unwrap().collect();
            assert_eq!(content.count, bytes.len() as i64);
            assert!(content.count <= wanted);
            assert!(content.eof || content.count > 0 || wanted == 0, "it goes on");
            received.extend(bytes);
            if content.eof {
                break;
            }
        }
        assert!(received == content, "{length} bytes");
    }
}

/// Both streams of a program, each longer than the client's buffer.
#[test]
fn what_a_program_wrote_comes_in_pieces() {
    let mut client: Client<256, 256> = Client::new();
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    client.request_in_pieces(ExecStatus { pid: 77, ..Default::default() }).unwrap();
    client.transmitted(usize::MAX);
    let (out, err) = ("A".repeat(1000), "B".repeat(2000));
    let response = format!(
        "{{\"return\": {{\"exitcode\": 3, \"err-data\": \"{err}\", \"out-data\": \"{out}\", \"exited\": true}}, \"id\": 8}}"
    );
    let (mut received, mut pieces, mut exit) = (response.as_bytes(), BTreeMap::<_, Vec<u8>>::new(), None);
    while !received.is_empty() {
        let (taken, reply) = client.push_slice(received);
        received = &received[taken..];
        match reply.unwrap() {
            Some(Reply::Piece(piece)) => pieces.entry(piece.member).or_default().extend(piece.content),
            Some(Reply::Return(value)) => exit = ExecStatus::returned(value).unwrap().exitcode,
            other => assert_eq!(other, None),
        }
    }
    assert_eq!(exit, Some(3));
    assert!(pieces["out-data"] == out.as_bytes() && pieces["err-data"] == err.as_bytes());
}

/// The longest piece that fits, also with an `id`: the response fills the buffer to the last group of digits.
#[test]
fn a_file_is_read_in_the_longest_pieces_that_fit() {
    for id in ["", ", \"id\": 7", ", \"id\": \"a long one\""] {
        let mut agent: Agent<Board, 256, 1900> = Agent::new(Board { file: vec![0xA5; 9000], ..Board::default() });
        let request = format!("{{\"execute\": \"guest-file-read\", \"arguments\": {{\"handle\": 1}}{id}}}");
        let answer = exchange(&mut agent, request.as_bytes());
        assert!((1900 - 20..=1900).contains(&answer.len()), "{}", answer.len());
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let content = STANDARD.decode(answer["return"]["buf-b64"].as_str().unwrap()).unwrap();
        assert!(content == vec![0xA5; answer["return"]["count"].as_u64().unwrap() as usize]);
    }
}

#[test]
fn base64_is_what_the_base64_crate_makes_of_it() {
    let mut random = Random(4);
    let mut line = Line::new();
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain("+/===\n\n-_ \u{e9}".chars()).collect();
    let mut refused = 0;
    for round in 0..20_000 {
        let mut digits: String = if round % 2 == 0 {
            let bytes: Vec<u8> = (0..random.below(20)).map(|_| random.next() as u8).collect();
            STANDARD.encode(bytes)
        } else {
            (0..random.below(9)).map(|_| random.pick(&alphabet[..])).collect()
        };
        if random.one_in(4) {
            digits = digits.replacen('A', "=", 1);
        }
        line.agent.guest_mut().file.clear();
        let escaped = digits.replace('/', "\\/").replace('=', "\\u003d").replace('\n', "\\n");
        let request = format!(
            "{{\"execute\": \"guest-file-write\", \"arguments\": {{\"handle\": 1, \"buf-b64\": \"{escaped}\"}}}}"
        );
        let answer = exchange(&mut line.agent, request.as_bytes());
        let config = base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let lenient = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config);
        // Line feeds are skipped, and each group may be padded, as in the reference agent.
        let digits = digits.replace('\n', "");
        let groups: Result<Vec<_>, _> = digits.as_bytes().chunks(4).map(|group| lenient.decode(group)).collect();
        match groups.map(|groups| groups.concat()) {
            Ok(bytes) => assert_eq!(line.agent.guest().file, bytes, "{digits}"),
            Err(_) => {
                refused += 1;
                assert_eq!(
                    String::from_utf8(answer).unwrap(),
                    error("GenericError", "Base64 data contains invalid characters"),
                    "{digits}"
                );
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn numbers_with_a_fraction_are_read_in_thousandths() {
    let mut client: Client<1024, 256> = Client::new();
    client.omit_ids();
    client.synchronize(1);
    client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
    let mut read = |number: &str| {
        client.request(GetLoad::default()).unwrap();
        client.transmitted(usize::MAX);
        let response = format!("{{\"return\": {{\"load1m\": {number}, \"load5m\": 0, \"load15m\": 0}}}}");
        match client.push_slice(response.as_bytes()).1.unwrap() {
            Some(Reply::Return(value)) => GetLoad::returned(value).map(|load| load.load1m.0).ok(),
            other => panic!("{other:?}"),
        }
    };
    for (number, thousandths) in [
        ("0", 0),
        ("-0.0", 0),
        ("1", 1000),
        ("0.01", 10),
        ("-1.2345", -1234),
        ("1.52587890625e-05", 0),
        ("15E-1", 1500),
        ("2e+3", 2_000_000),
        ("1764045123.4567890167236328", 1_764_045_123_456),
        ("0.00000000000000000000000000001e30", 10_000),
        ("0e999999999999", 0),
        ("0e99999999999999999999", 0),
        ("1e-99999999999999999999", 0),
        ("9223372036854775.8079", i64::MAX),
        ("9223372036854775.80799999999999999999999995", i64::MAX),
        ("-9223372036854775.808", i64::MIN),
        ("1844674407370955.16165", 1_844_674_407_370_955_161),
    ] {
        assert_eq!(read(number), Some(thousandths), "{number}");
    }
    for number in [
        "9223372036854775.808",
        "9223372036854775.8091",
        "-9223372036854775.809",
        "1e300",
        "99999999999999999999999",
        "\"1\"",
        "true",
        "1e99999999999999999999",
    ] {
        assert_eq!(read(number), None, "{number}");
    }
}

/// A return value that does not fit: only an error is sent.
#[test]
fn file_content_that_does_not_fit() {
    struct Greedy {
        wanted: usize,
        more: usize,
    }

    impl Guest for Greedy {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[FileRead::command(|guest: &mut Self, call| {
            let (_, response): (FileRead, _) = call.parse()?;
            let mut content = response.file_content(guest.wanted);
            let room = content.space().len();
            content.respond(room + guest.more, true)
        })];
    }

    let read = |wanted: usize, more: usize| {
        let request = b"{\"execute\": \"guest-file-read\", \"arguments\": {\"handle\": 1}}";
        let mut agent = Agent::<_, 512, 1024>::new(Greedy { wanted, more });
        String::from_utf8(exchange(&mut agent, request)).unwrap()
    };
    assert!(read(usize::MAX, 0).starts_with("{\"return\": {\"count\": "));
    assert!(read(3, 0).starts_with("{\"return\": {\"count\": 3, "));
    assert_eq!(read(3, 1), error("GenericError", "Response does not fit the transmit buffer"));
    assert_eq!(read(usize::MAX, 1), error("GenericError", "Response does not fit the transmit buffer"));
}

#[test]
fn shutting_down_powers_down_by_default() {
    assert_eq!(Shutdown::default().mode(), Ok(ShutdownMode::Powerdown));
    for mode in [ShutdownMode::Powerdown, ShutdownMode::Halt, ShutdownMode::Reboot] {
        assert_eq!(Shutdown { mode: Some(mode.as_str().into()), ..Default::default() }.mode(), Ok(mode));
    }
    assert!(Shutdown { mode: Some("haltx".into()), ..Default::default() }.mode().is_err());
}

/// 250 interfaces are no long string: they need a buffer that holds them.
#[test]
#[cfg(target_pointer_width = "64")]
fn two_hundred_and_fifty_interfaces_are_read_typed() {
    const COUNT: u64 = 250;

    fn statistics(at: u64) -> InterfaceStatistics {
        let many = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        InterfaceStatistics {
            tx_packets: at,
            rx_bytes: many,
            rx_packets: many >> 9,
            tx_bytes: !many,
            ..Default::default()
        }
    }

    fn name(at: u64) -> String {
        format!("vethe{at:08x}")
    }

    fn addresses(at: u64) -> Vec<(IpAddressType<'static>, String, i64)> {
        let last = (0..3).map(|index| (IpAddressType::Ipv6, format!("fe80::{index}:{at:x}:d8ff:fe00:6ee7"), 64));
        [(IpAddressType::Ipv4, format!("10.{}.{}.1", at / 256, at % 256), 24)].into_iter().chain(last).collect()
    }

    struct Host;

    impl Guest for Host {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[NetworkGetInterfaces::command(|_, call| {
            call.respond()?.array(|interfaces| {
                (0..COUNT).try_for_each(|at| {
                    interfaces.element().encode(NetworkInterface {
                        name: name(at).as_str().into(),
                        ip_addresses: Some(List::of(&|list| {
                            addresses(at).iter().try_for_each(|(version, address, prefix)| {
                                list.element().encode(IpAddress {
                                    ip_address_type: *version,
                                    ip_address: address.as_str().into(),
                                    prefix: *prefix,
                                    ..Default::default()
                                })
                            })
                        })),
                        statistics: Some(statistics(at)),
                        hardware_address: Some("02:42:ac:11:00:02".into()),
                        ..Default::default()
                    })
                })
            })
        })];
    }

    let mut agent: Box<Agent<Host, 256, { 192 << 10 }>> = Box::new(Agent::new(Host));
    let mut client: Box<Client<{ 160 << 10 }, 256>> = Box::default();
    client.synchronize(7);
    let mut response = Vec::new();
    for step in 0..2 {
        assert_eq!(agent.push_slice(client.transmit()), client.transmit().len());
        client.transmitted(usize::MAX);
        response = agent.transmit().to_vec();
        agent.transmitted(usize::MAX);
        if step == 0 {
            assert_eq!(client.push_slice(&response).1, Ok(Some(Reply::Synchronized)));
            client.request(NetworkGetInterfaces::default()).expect("in step");
        }
    }
    assert!(response.len() > 125_000, "{}", response.len());
    let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(&response) else { panic!("they are returned") };
    let interfaces = NetworkGetInterfaces::returned(value).expect("a list");
    let mut count = 0;
    for (at, interface) in (0..).zip(interfaces.iter()) {
        assert!(interface.name == *name(at));
        let listed: Vec<_> = (interface.ip_addresses.expect("a list").iter())
            .map(|one| (one.ip_address_type, one.ip_address.to_string(), one.prefix))
            .collect();
        assert_eq!(listed, addresses(at));
        assert_eq!(format!("{:?}", interface.statistics), format!("{:?}", Some(statistics(at))));
        count += 1;
    }
    assert_eq!(count, COUNT);
}
