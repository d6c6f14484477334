//! What disks and CPUs have done.

use guestwire::commands::*;
use guestwire::{Call, CommandResult};
use procfs::{CpuTime, CurrentSI, DiskStat, KernelStats};

use crate::guest::{Linux, failed};
use crate::system::processors;

pub fn get_diskstats(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match procfs::diskstats() {
        Ok(disks) => response.array(|list| {
            disks.iter().try_for_each(|disk| {
                list.element().encode(DiskStatsInfo {
                    name: disk.name.as_str().into(),
                    stats: disk_stats(disk),
                    minor: disk.minor as u64,
                    major: disk.major as u64,
                    ..Default::default()
                })
            })
        }),
        Err(error) => response.error(format_args!("failed to read the disk statistics: {error}")),
    }
}

fn disk_stats(disk: &DiskStat) -> DiskStats {
    DiskStats {
        discard_sectors: disk.sectors_discarded,
        write_ios: Some(disk.writes),
        discard_ios: disk.discards,
        discard_ticks: disk.time_discarding,
        weight_ticks: Some(disk.weighted_time_in_progress),
        read_ios: Some(disk.reads),
        flush_ios: disk.flushes,
        write_sectors: Some(disk.sectors_written),
        write_merges: Some(disk.writes_merged),
        write_ticks: Some(disk.time_writing),
        ios_pgr: Some(disk.in_progress),
        read_sectors: Some(disk.sectors_read),
        read_merges: Some(disk.merged),
        total_ticks: Some(disk.time_in_progress),
        discard_merges: disk.discards_merged,
        flush_ticks: disk.time_flushing,
        read_ticks: Some(disk.time_reading),
        ..Default::default()
    }
}

pub fn get_cpustats(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let processors = match processors() {
        Ok(processors) => processors,
        Err(error) => return failed(response, "failed to list the CPUs", error),
    };
    let times = match KernelStats::current() {
        Ok(stats) => stats.cpu_time,
        Err(error) => return response.error(format_args!("failed to read the CPU statistics: {error}")),
    };
    response.array(|list| {
        with_number(&processors, &times)
            .try_for_each(|(cpu, time)| list.element().encode(CpuStats::Linux(cpu_stats(cpu, time))))
    })
}

/// What the kernel lists, which is without the CPUs that are offline, each with its CPU's number.
fn with_number<'l, T>(processors: &'l [LogicalProcessor], listed: &'l [T]) -> impl Iterator<Item = (i64, &'l T)> {
    let online = processors.iter().filter(|processor| processor.online);
    online.map(|processor| processor.logical_id).zip(listed)
}

fn cpu_stats(cpu: i64, time: &CpuTime) -> LinuxCpuStats {
    LinuxCpuStats {
        cpu,
        guestnice: time.guest_nice_ms(),
        idle: time.idle_ms(),
        steal: time.steal_ms(),
        iowait: time.iowait_ms(),
        system: time.system_ms(),
        guest: time.guest_ms(),
        nice: time.nice_ms(),
        irq: time.irq_ms(),
        user: time.user_ms(),
        softirq: time.softirq_ms(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_cpus_that_are_online() {
        let processors = [(0, true), (1, false), (2, true), (5, false), (7, true)]
            .map(|(logical_id, online)| LogicalProcessor { logical_id, online, ..Default::default() });
        let with_numbers: Vec<_> = with_number(&processors, &["a", "b", "c"]).collect();
        assert_eq!(with_numbers, [(0, &"a"), (2, &"b"), (7, &"c")]);
    }
}
