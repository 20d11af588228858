//! What the machine, or the container's control group, grants this process.

use std::fs;
use std::thread;

/// Cores, at least one: the affinity mask and the CPU quota of the control group.
pub(crate) fn cores() -> u16 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(cores).unwrap_or(u16::MAX)
}

/// Bytes of memory: the limit of the control group, or what the machine has.
pub(crate) fn memory() -> u64 {
    const UNKNOWN: u64 = 1 << 30;
    let machine = read("/proc/meminfo").and_then(|text| total(&text)).unwrap_or(UNKNOWN);
    let limit = read("/sys/fs/cgroup/memory.max")
        .or_else(|| read("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(u64::MAX);
    machine.min(limit)
}

/// The name of this machine or pod.
pub(crate) fn host_name() -> String {
    read("/proc/sys/kernel/hostname")
        .map_or_else(|| "localhost".to_owned(), |n| n.trim().to_owned())
}

/// Bytes of memory this process has resident now; 0 when the system does not say.
pub(crate) fn resident() -> u64 {
    let pages = read("/proc/self/statm")
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_something() {
        assert!(cores() >= 1);
        assert!(memory() > 1 << 20);
        assert!(resident() > 0);
        assert_eq!(total("MemTotal:       24685420 kB\nMemFree: 1 kB"), Some(24_685_420 * 1024));
    }
}
