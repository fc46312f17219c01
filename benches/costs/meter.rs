//! What a process used, as the system counts it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor's time of this process, all threads.
pub fn cpu() -> Duration {
    let passed = clock_gettime(ClockId::ProcessCPUTime);
    let secs = u64::try_from(passed.tv_sec).expect("not before the start");
    Duration::new(secs, u32::try_from(passed.tv_nsec).expect("nanoseconds"))
}

/// Bytes that this process had written to the disk.
pub fn written_bytes() -> u64 {
    field("/proc/self/io", "write_bytes:")
}

/// Resident memory of this process that no file can be read for again, in kB.
pub fn own_memory_kb() -> u64 {
    field("/proc/self/status", "RssAnon:")
}

/// Resident pages of files of a process, above all of its program, in kB.
pub fn file_memory_kb(process: u32) -> u64 {
    field(&format!("/proc/{process}/status"), "RssFile:")
}

fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
