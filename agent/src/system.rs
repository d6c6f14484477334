//! Time, the operating system, its users and its CPUs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use etc_os_release::OsRelease;
use guestwire::commands::*;
use guestwire::{Call, CommandResult};
use log::info;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::{ClockId, clock_settime};
use utmp_rs::UtmpEntry;

use crate::guest::{Linux, failed};

pub fn get_time(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match UNIX_EPOCH.elapsed() {
        Ok(since_1970) => response.integer(since_1970.as_nanos() as i64),
        Err(_) => response.error("The clock is before 1970"),
    }
}

/// Sets the system clock. The kernel or a time service updates the hardware clock.
pub fn set_time(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SetTime { time, .. }, response) = call.parse()?;
    let time = match time {
        Some(nanoseconds) if nanoseconds < 0 => return response.error(format_args!("Invalid time {nanoseconds}")),
        Some(nanoseconds) => TimeSpec::nanoseconds(nanoseconds),
        None => match read_number("/sys/class/rtc/rtc0/since_epoch") {
            Ok(seconds) => TimeSpec::seconds(seconds),
            Err(error) => return failed(response, "failed to read the hardware's clock", error),
        },
    };
    match clock_settime(ClockId::CLOCK_REALTIME, time) {
        Ok(()) => {
            info!("set the clock to {time} s since 1970");
            response.done()
        }
        Err(error) => failed(response, "Failed to set time to guest", error),
    }
}

pub fn get_osinfo(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let kernel = match nix::sys::utsname::uname() {
        Ok(kernel) => kernel,
        Err(error) => return failed(response, "uname failed", error),
    };
    let release = OsRelease::open().ok();
    let released = |key| release.as_ref().and_then(|release| release.get_value(key)).map(Str::from);
    response.encode(OsInfo {
        name: released("NAME"),
        kernel_release: kernel.release().to_str().map(Str::from),
        version: released("VERSION"),
        variant: released("VARIANT"),
        pretty_name: released("PRETTY_NAME"),
        version_id: released("VERSION_ID"),
        variant_id: released("VARIANT_ID"),
        kernel_version: kernel.version().to_str().map(Str::from),
        machine: kernel.machine().to_str().map(Str::from),
        id: released("ID"),
        ..Default::default()
    })
}

pub fn get_host_name(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match nix::sys::utsname::uname() {
        Ok(kernel) => response
            .encode(HostName { host_name: (&*kernel.nodename().to_string_lossy()).into(), ..Default::default() }),
        Err(error) => failed(response, "uname failed", error),
    }
}

pub fn get_timezone(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let zone = jiff::tz::TimeZone::system();
    let now = zone.to_offset_info(jiff::Timestamp::now());
    let zone = Some(now.abbreviation().into());
    response.encode(Timezone { zone, offset: now.offset().seconds().into(), ..Default::default() })
}

/// Each user with the first login. If there is no record of logins, no users are logged in.
pub fn get_users(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let mut logins = BTreeMap::new();
    for entry in utmp_rs::parse_from_path("/run/utmp").unwrap_or_default() {
        if let UtmpEntry::UserProcess { user, time, .. } = entry {
            let time = (time.unix_timestamp_nanos() / 1_000_000) as i64;
            logins.entry(user).and_modify(|first: &mut i64| *first = time.min(*first)).or_insert(time);
        }
    }
    response.array(|list| {
        logins.iter().try_for_each(|(user, login)| {
            let (login_time, user) = (Thousandths(*login), user.as_str().into());
            list.element().encode(User { login_time, user, ..Default::default() })
        })
    })
}

pub fn get_load(_: &mut Linux, call: Call<'_>) -> CommandResult {
    use procfs::Current;
    let response = call.respond()?;
    match procfs::LoadAverage::current() {
        Ok(load) => {
            let thousandths = |load: f32| Thousandths((f64::from(load) * 1000.0).round() as i64);
            response.encode(Load {
                load15m: thousandths(load.fifteen),
                load5m: thousandths(load.five),
                load1m: thousandths(load.one),
                ..Default::default()
            })
        }
        Err(error) => response.error(format_args!("failed to read the load: {error}")),
    }
}

fn cpu(id: i64, file: &str) -> PathBuf {
    format!("/sys/devices/system/cpu/cpu{id}/{file}").into()
}

/// A CPU that cannot be taken offline has no file `online`.
fn processor(logical_id: i64) -> io::Result<LogicalProcessor> {
    match read_number(cpu(logical_id, "online")) {
        Ok(online) => {
            Ok(LogicalProcessor { logical_id, online: online != 0, can_offline: Some(true), ..Default::default() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && cpu(logical_id, "").exists() => {
            Ok(LogicalProcessor { logical_id, online: true, can_offline: Some(false), ..Default::default() })
        }
        Err(error) => Err(error),
    }
}

/// Sorted by their numbers.
pub fn processors() -> io::Result<Vec<LogicalProcessor>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir("/sys/devices/system/cpu")? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix("cpu"));
        ids.extend(id.and_then(|id| id.parse::<i64>().ok()));
    }
    ids.sort_unstable();
    ids.into_iter().map(processor).collect()
}

pub fn get_vcpus(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match processors() {
        Ok(processors) => {
            response.array(|list| processors.iter().try_for_each(|processor| list.element().encode(*processor)))
        }
        Err(error) => failed(response, "failed to list the CPUs", error),
    }
}

/// Stops at the first failure, which is an error only if nothing was done before.
pub fn set_vcpus(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SetVcpus { vcpus, .. }, response) = call.parse()?;
    let mut done = 0;
    for wanted in vcpus.iter() {
        let set = processor(wanted.logical_id).and_then(|now| match now.online == wanted.online {
            true => Ok(()),
            false => fs::write(cpu(wanted.logical_id, "online"), if wanted.online { "1" } else { "0" }),
        });
        match set {
            Ok(()) => done += 1,
            Err(error) if done == 0 => return failed(response, &format!("CPU {}", wanted.logical_id), error),
            Err(_) => break,
        }
    }
    response.integer(done)
}

pub fn read_number(path: impl AsRef<std::path::Path>) -> io::Result<i64> {
    fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)
}
