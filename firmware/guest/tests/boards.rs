//! What an agent answers for a board that tells everything, and for one that tells nothing.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use guest::{Board, FileSystem, Firmware, Interface, Shutdown, System};
use guestwire::commands::*;
use guestwire::{Agent, Client, Reply};

/// It tells only what every board must.
struct Bare;

impl Board for Bare {
    const MACHINE: &'static str = "test";

    fn uptime(&self) -> i64 {
        0
    }

    fn shut_down(&mut self, _: Shutdown) -> ! {
        panic!("shut down")
    }
}

struct Complete {
    addresses: Vec<(IpAddr, u8)>,
    uptime: Cell<i64>,
    frozen: bool,
}

impl Complete {
    fn new() -> Self {
        let v6 = Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 1);
        let addresses = vec![(Ipv4Addr::new(192, 0, 2, 7).into(), 24), (v6.into(), 64)];
        Self { addresses, uptime: Cell::new(0), frozen: false }
    }
}

impl Board for Complete {
    const MACHINE: &'static str = "test";

    fn uptime(&self) -> i64 {
        self.uptime.get()
    }

    fn clock(&self) -> Option<i64> {
        Some(1_700_000_000_000_000_000)
    }

    fn shut_down(&mut self, _: Shutdown) -> ! {
        panic!("shut down")
    }

    fn host_name(&self) -> &str {
        "toaster"
    }

    fn system(&self) -> System<'_> {
        System { id: "crumb", name: "Crumb OS", pretty_name: "Crumb OS 2.1 (Rye)", version_id: "2.1" }
    }

    fn interfaces(&self) -> impl Iterator<Item = Interface<'_>> {
        let hardware_address = Some([2, 0, 0, 0, 0, 0xAB]);
        let wired = Interface { name: "en0", hardware_address, addresses: &self.addresses };
        [wired, Interface { name: "sl0", hardware_address: None, addresses: &[] }].into_iter()
    }

    fn file_systems(&self) -> impl Iterator<Item = FileSystem<'_>> {
        let flash =
            FileSystem { name: "flash0", mountpoint: "/", format: "littlefs", total_bytes: 4096, used_bytes: 512 };
        [flash].into_iter()
    }

    fn freeze(&mut self) {
        self.frozen = true;
    }

    fn thaw(&mut self) {
        assert!(self.frozen, "it is not frozen");
        self.frozen = false;
    }

    fn processors(&self) -> u32 {
        2
    }

    fn load(&self) -> Option<[u32; 3]> {
        Some([1500, 250, 1])
    }
}

type Served<B> = Agent<Firmware<B>, 512, 2560>;

fn ask<B: Board + 'static>(agent: &mut Served<B>, request: &str) -> String {
    assert_eq!(agent.push_slice(request.as_bytes()), request.len());
    let response = std::str::from_utf8(agent.transmit()).unwrap().trim_end().to_owned();
    agent.transmitted(usize::MAX);
    response
}

/// Asks as the crate's client does.
fn returned<C: Schema<'static>, B: Board + 'static>(agent: &mut Served<B>, command: C) -> C::Return {
    let client: &mut Client<4096, 256> = Box::leak(Box::new(Client::new()));
    client.synchronize(7);
    let mut exchange = |client: &mut Client<4096, 256>| {
        let request = String::from_utf8_lossy(client.transmit()).into_owned();
        let taken = agent.push_slice(client.transmit());
        client.transmitted(taken);
        assert!(client.transmit().is_empty(), "{request}");
        let response = agent.transmit().to_vec();
        agent.transmitted(response.len());
        response
    };
    let response = exchange(client);
    assert!(matches!(client.push_slice(&response), (_, Ok(Some(Reply::Synchronized)))));
    client.request(command).unwrap();
    let response = exchange(client);
    match client.push_slice(&response) {
        (_, Ok(Some(Reply::Return(value)))) => C::returned(value).unwrap_or_else(|error| panic!("{value}: {error}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_board_tells_arrives_at_a_client() {
    let mut agent = Served::new(Firmware::new(Complete::new()));
    assert!(returned(&mut agent, GetHostName::default()).host_name == "toaster");

    let system = returned(&mut agent, GetOsinfo::default());
    let members = [system.id, system.name, system.pretty_name, system.version_id, system.machine];
    let members = members.map(|member| member.unwrap().to_string());
    assert_eq!(members, ["crumb", "Crumb OS", "Crumb OS 2.1 (Rye)", "2.1", "test"]);

    let [wired, serial] = returned(&mut agent, NetworkGetInterfaces::default()).iter().collect::<Vec<_>>()[..] else {
        panic!("two interfaces")
    };
    assert!(wired.name == "en0" && wired.hardware_address.unwrap() == "02:00:00:00:00:ab");
    let addresses: Vec<_> = wired.ip_addresses.unwrap().iter().collect();
    assert!(addresses[0].ip_address == "192.0.2.7" && addresses[0].ip_address_type == IpAddressType::Ipv4);
    assert!(addresses[1].ip_address == "fe80::1" && addresses[1].ip_address_type == IpAddressType::Ipv6);
    assert_eq!((addresses[0].prefix, addresses[1].prefix, addresses.len()), (24, 64, 2));
    assert!(serial.name == "sl0" && serial.hardware_address.is_none());
    assert_eq!(serial.ip_addresses.unwrap().iter().count(), 0);

    let [flash] = returned(&mut agent, GetFsinfo::default()).iter().collect::<Vec<_>>()[..] else {
        panic!("one file system")
    };
    assert!(flash.name == "flash0" && flash.mountpoint == "/" && flash.fs_type == "littlefs");
    assert_eq!((flash.total_bytes, flash.used_bytes, flash.disk.iter().count()), (Some(4096), Some(512), 0));

    let ids: Vec<_> =
        returned(&mut agent, GetVcpus::default()).iter().map(|vcpu| (vcpu.logical_id, vcpu.online)).collect();
    assert_eq!(ids, [(0, true), (1, true)]);
    let load = returned(&mut agent, GetLoad::default());
    assert_eq!([load.load1m, load.load5m, load.load15m].map(|load| load.0), [1500, 250, 1]);
}

/// The standard library's text is the reference.
#[test]
fn addresses_are_written_as_everywhere() {
    // Every pattern of zeros in a version 6 address, each with short and long segments.
    let patterns = (0..=255_u32).map(|pattern| {
        let segment = |index: u32| if pattern >> index & 1 == 0 { 0 } else { 0xF << (4 * (index % 4)) };
        Ipv6Addr::from([0, 1, 2, 3, 4, 5, 6, 7].map(|index| segment(index) as u16))
    });
    let v6 = patterns.chain([Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), Ipv6Addr::from([0x1234; 8])]);
    let v4 = (0..=255).map(|octet| Ipv4Addr::new(octet, 0, 255 - octet, octet / 10));
    for expected in v6.map(IpAddr::from).chain(v4.map(IpAddr::from)) {
        let mut board = Complete::new();
        board.addresses = vec![(expected, 8)];
        let interfaces = returned(&mut Served::new(Firmware::new(board)), NetworkGetInterfaces::default());
        let address = interfaces.iter().next().unwrap().ip_addresses.unwrap().iter().next().unwrap();
        assert_eq!(address.ip_address.to_string(), expected.to_string());
    }
}

#[test]
fn a_board_that_tells_nothing_gives_empty_lists_and_has_no_load() {
    let mut agent = Served::new(Firmware::new(Bare));
    assert_eq!(returned(&mut agent, NetworkGetInterfaces::default()).iter().count(), 0);
    assert_eq!(returned(&mut agent, GetFsinfo::default()).iter().count(), 0);
    assert_eq!(returned(&mut agent, GetVcpus::default()).iter().count(), 1);
    let load = ask(&mut agent, r#"{"execute":"guest-get-load"}"#);
    let disabled = r#"{"error": {"class": "CommandNotFound", "desc": "Command guest-get-load has been disabled: the command is not allowed"}}"#;
    assert_eq!(load, disabled);
    // What KubeVirt wants before it calls an agent supported.
    let info = ask(&mut agent, r#"{"execute":"guest-info"}"#);
    for name in [
        "ping",
        "get-time",
        "info",
        "shutdown",
        "network-get-interfaces",
        "get-fsinfo",
        "get-host-name",
        "get-users",
        "get-timezone",
        "get-osinfo",
    ] {
        assert!(info.contains(&format!(r#"{{"enabled": true, "name": "guest-{name}""#)), "{name}: {info}");
    }
    assert!(info.contains(r#"{"enabled": false, "name": "guest-get-load""#), "{info}");
}

/// As Unix's averages, about: after a minute at full load they are 0.63, 0.18 and 0.06.
#[test]
fn the_load_is_the_time_that_was_not_slept() {
    struct Clock(Rc<Cell<i64>>);
    impl Board for Clock {
        const MACHINE: &'static str = "test";

        fn uptime(&self) -> i64 {
            self.0.get()
        }

        fn shut_down(&mut self, _: Shutdown) -> ! {
            panic!("shut down")
        }
    }
    let clock = Rc::new(Cell::new(0));
    let pass = |nanoseconds: i64| clock.set(clock.get() + nanoseconds);
    let mut agent = Served::new(Firmware::new(Clock(clock.clone())));
    // Every ten milliseconds, a part of them.
    let mut run = |seconds: i64, busy: i64| {
        for _ in 0..seconds * 100 {
            pass(busy);
            agent.guest_mut().sleep(|| pass(10_000_000 - busy));
        }
        let load = returned(&mut agent, GetLoad::default());
        [load.load1m, load.load5m, load.load15m].map(|load| load.0)
    };
    let [one, five, fifteen] = run(60, 10_000_000);
    assert!(
        (550..650).contains(&one) && (150..220).contains(&five) && (50..70).contains(&fifteen),
        "{one} {five} {fifteen}"
    );
    assert!(run(7200, 5_000_000).iter().all(|load| (498..=501).contains(load)));
    assert!(run(7200, 0).iter().all(|load| *load <= 1));
    // Years asleep, then nothing overflows.
    agent.guest_mut().sleep(|| pass(i64::MAX / 2));
    agent.guest_mut().sleep(|| pass(-1));
    assert_eq!(returned(&mut agent, GetLoad::default()).load1m.0, 0);
}

#[test]
fn file_systems_are_frozen_and_thawed_once() {
    let mut agent = Served::new(Firmware::new(Complete::new()));
    let (freeze, thaw) = (r#"{"execute":"guest-fsfreeze-freeze"}"#, r#"{"execute":"guest-fsfreeze-thaw"}"#);
    assert_eq!(ask(&mut agent, thaw), r#"{"return": 0}"#);
    assert_eq!(ask(&mut agent, freeze), r#"{"return": 1}"#);
    assert_eq!(ask(&mut agent, thaw), r#"{"return": 1}"#);
    assert_eq!(ask(&mut agent, thaw), r#"{"return": 0}"#);
}

#[test]
fn processors_stay_online() {
    let mut agent = Served::new(Firmware::new(Complete::new()));
    let mut set =
        |vcpus: &str| ask(&mut agent, &format!(r#"{{"execute":"guest-set-vcpus","arguments":{{"vcpus":[{vcpus}]}}}}"#));
    let (first, last) = (r#"{"logical-id":0,"online":true}"#, r#"{"logical-id":1,"online":true}"#);
    assert_eq!(set(&[first, last].join(",")), r#"{"return": 2}"#);
    assert!(set(r#"{"logical-id":1,"online":false}"#).contains("a logical processor can't be offlined"));
    assert!(set(r#"{"logical-id":2,"online":true}"#).contains("there is no such logical processor"));
    assert!(set(r#"{"logical-id":-1,"online":true}"#).contains("there is no such logical processor"));
}

#[test]
fn a_shutdown_waits_until_everything_is_sent() {
    let mut firmware = Firmware::new(Complete::new());
    assert!(!firmware.shuts_down(true), "nothing was asked for");
    let mut agent = Served::new(firmware);
    assert_eq!(ask(&mut agent, r#"{"execute":"guest-shutdown"}"#), "");
    assert!(agent.guest_mut().shuts_down(false));
    let shut_down = || agent.guest_mut().shuts_down(true);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(shut_down)).is_err());
}

#[test]
fn a_shutdown_waits_a_second_for_a_host_that_does_not_read() {
    let board = Complete::new();
    board.uptime.set(5_000_000_000);
    let mut agent = Served::new(Firmware::new(board));
    ask(&mut agent, r#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#);
    agent.guest().board().uptime.set(5_999_999_999);
    assert!(agent.guest_mut().shuts_down(false));
    agent.guest().board().uptime.set(6_000_000_000);
    let shut_down = || agent.guest_mut().shuts_down(false);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(shut_down)).is_err());
}
