//! `backup`, `restore` and `doctor`: looking after the database.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::output::{print, print_json};
use crate::config::SettingsFile;
use crate::daemon::clock::SystemClock;
use crate::format::{local_time, times};
use crate::json::SCHEMA;
use crate::table::{Align, Plain};
use sweetspot_core::ports::Clock;
use sweetspot_core::types::format::{counted, grouped};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{Health, RestoreError, StoreReader, restore};

/// Which file.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// In what form.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct BackedUp {
    schema: u32,
    database: String,
    copy: String,
    bytes: u64,
}

/// `backup FILE`.
pub async fn back_up(file: &SettingsFile, args: &FileArgs) -> Result<(), Failure> {
    let config = file.load()?;
    let store = StoreReader::open(&config.store).await?;
    store.back_up(&args.file).await?;
    let written = std::fs::metadata(&args.file);
    let done = BackedUp {
        schema: SCHEMA,
        database: config.store.display().to_string(),
        copy: args.file.display().to_string(),
        bytes: written.map_or(0, |file| file.len()),
    };
    if args.json {
        return print_json(&done);
    }
    print(&format!(
        "{} copied to {} ({} bytes), and checked",
        done.database,
        done.copy,
        grouped(done.bytes)
    ));
    Ok(())
}

#[derive(Debug, Serialize)]
struct PutInPlace {
    schema: u32,
    database: String,
    copy: String,
    node: Option<String>,
    replaced: Option<String>,
}

/// `restore FILE`.
pub async fn put_in_place(file: &SettingsFile, args: &FileArgs) -> Result<(), Failure> {
    let config = file.load()?;
    let restored = restore(&args.file, &config.store, SystemClock.now()).await;
    let restored = restored.map_err(|error| match error {
        RestoreError::Open(error) => Failure::Open(error),
        RestoreError::Store(error) => Failure::Store(error),
        error @ (RestoreError::Itself(_) | RestoreError::OtherNode { .. }) => {
            Failure::Folder(error.to_string())
        }
    })?;
    let done = PutInPlace {
        schema: SCHEMA,
        database: config.store.display().to_string(),
        copy: args.file.display().to_string(),
        node: restored.node,
        replaced: restored.replaced.map(|path| path.display().to_string()),
    };
    if args.json {
        return print_json(&done);
    }
    print(&format!("{} restored from {}", done.database, done.copy));
    if let Some(replaced) = done.replaced {
        print(&format!("the database that stood there: {replaced}"));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Doctor {
    schema: u32,
    database: String,
    ok: bool,
    faults: Vec<String>,
    format: i64,
    node: Option<String>,
    daemon_runs: bool,
    killed: bool,
    #[serde(serialize_with = "times")]
    closed_at: Option<Timestamp>,
    tables: Vec<Table>,
    free_bytes: u64,
    forwards: u64,
    quarantined_forwards: u64,
    open_changes: Vec<Open>,
    clock: ClockSeen,
}

#[derive(Debug, Serialize)]
struct Table {
    name: String,
    rows: u64,
    bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Open {
    channel_point: String,
    to_ppm: u32,
    #[serde(serialize_with = "times")]
    intended_at: Timestamp,
}

/// The machine's clock against the one that limits hold on.
#[derive(Debug, Serialize)]
struct ClockSeen {
    /// By how much it was set since the daemon's last cycle, in seconds.
    set_by_secs: i64,
    #[serde(serialize_with = "times")]
    doubted_until: Option<Timestamp>,
}

impl Doctor {
    fn of(database: String, health: Health) -> Self {
        let reading = SystemClock.reading();
        let now = health.clock.now(reading);
        let orphans = match health.orphans {
            0 => None,
            rows => Some(format!("{rows} rows name another that is not there")),
        };
        let faults: Vec<String> = health.faults.into_iter().chain(orphans).collect();
        let tables = health.tables.into_iter().map(|table| Table {
            name: table.name,
            rows: table.rows,
            bytes: table.bytes,
        });
        let open = health.open_changes.iter().map(|(point, change)| Open {
            channel_point: point.to_string(),
            to_ppm: change.to.outbound.0,
            intended_at: change.intended_at,
        });
        Self {
            schema: SCHEMA,
            database,
            ok: faults.is_empty(),
            faults,
            format: health.format,
            node: health.node,
            daemon_runs: health.in_use,
            killed: health.unclean,
            closed_at: health.closed_at,
            tables: tables.collect(),
            free_bytes: health.free_bytes,
            forwards: health.forwards,
            quarantined_forwards: health.quarantined,
            open_changes: open.collect(),
            clock: ClockSeen {
                set_by_secs: reading.wall.nanos_since(now) / 1_000_000_000,
                doubted_until: health.clock.doubted_at(now),
            },
        }
    }

    fn left(&self) -> String {
        match (self.daemon_runs, self.killed, self.closed_at) {
            (true, ..) => "running".to_owned(),
            (false, true, _) => {
                "killed; nothing is lost, the next start settles what it had begun".to_owned()
            }
            (false, false, Some(at)) => format!("stopped at {}", local_time(at)),
            (false, false, None) => "not known".to_owned(),
        }
    }

    fn clock(&self) -> String {
        let off = match self.clock.set_by_secs {
            -30..=30 => "as it was".to_owned(),
            secs => format!("set by {} s since the last cycle", secs),
        };
        match self.clock.doubted_until {
            Some(until) => format!(
                "{off}; in doubt, no fee updates until {}",
                local_time(until)
            ),
            None => off,
        }
    }

    fn render(&self) -> String {
        let mut lines = vec![
            format!("database     {} (format {})", self.database, self.format),
            format!(
                "node         {}",
                self.node.as_deref().unwrap_or("none yet")
            ),
            format!("integrity    {}", if self.ok { "OK" } else { "ERROR" }),
        ];
        lines.extend(self.faults.iter().map(|fault| format!("  {fault}")));
        lines.push(format!("daemon       {}", self.left()));
        lines.push(format!("clock        {}", self.clock()));
        lines.push(format!("forwards     {}", grouped(self.forwards)));
        lines.push(format!(
            "quarantine   {}",
            counted(self.quarantined_forwards, "forward")
        ));
        lines.push(format!(
            "unconfirmed  {} fee updates",
            self.open_changes.len()
        ));
        lines.extend(self.open_changes.iter().map(|open| {
            let at = local_time(open.intended_at);
            format!("  {} to {} ppm, {at}", open.channel_point, open.to_ppm)
        }));
        lines.push(String::new());
        let columns = [
            ("table", Align::Left),
            ("rows", Align::Right),
            ("bytes", Align::Right),
        ];
        let mut table = Plain::new(&columns);
        for one in &self.tables {
            let bytes = one.bytes.map(grouped).unwrap_or_default();
            table.row(vec![one.name.clone(), grouped(one.rows), bytes]);
        }
        lines.push(table.fit(table.needs()));
        lines.push(format!("free: {} bytes", grouped(self.free_bytes)));
        lines.join("\n")
    }
}

/// `doctor`.
pub async fn doctor(file: &SettingsFile, args: &DoctorArgs) -> Result<(), Failure> {
    let config = file.load()?;
    let store = StoreReader::open(&config.store).await?;
    let found = Doctor::of(config.store.display().to_string(), store.health().await?);
    match args.json {
        true => print_json(&found)?,
        false => print(&found.render()),
    }
    match found.ok {
        true => Ok(()),
        false => Err(Failure::Folder(
            "the database is corrupt: stop sweetspot and restore a backup".to_owned(),
        )),
    }
}
