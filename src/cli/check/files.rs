//! The files that the daemon uses: whether they can be, and who else may.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Finding, Judgement, finding};
use crate::config::{Config, Macaroon, NodeConnection, SettingsFile, Tls};
use sweetspot_core::types::format::grouped;
use sweetspot_store::{OpenError, OpenFault, StoreReader};

/// Anyone who is neither the owner nor of its group.
const OTHERS: u32 = 0o007;
/// Whoever may write beside the owner.
const WRITABLE: u32 = 0o022;
/// Whoever may read beside the owner.
const READABLE: u32 = 0o044;

/// Files that others may use.
pub(super) fn permissions(config: &Config, file: &SettingsFile) -> Vec<Finding> {
    let mut findings = vec![];
    let mut look = |what, path: &Path, too_much: u32, danger: &str| {
        let Some(mode) = mode(path).filter(|mode| mode & too_much != 0) else {
            return;
        };
        let says = format!(
            "{} has mode {mode:03o}: {danger}; run chmod 600",
            path.display()
        );
        findings.push(finding(what, Judgement::Warning, says));
    };
    let in_config = matches!(config.node.macaroon, Macaroon::Hex(_));
    if in_config {
        let danger = "others could read the macaroon in it, or change it";
        look("config", file.path(), READABLE | WRITABLE, danger);
    } else {
        let danger = "others could change the config";
        look("config", file.path(), WRITABLE, danger);
    }
    if let Macaroon::File(path) = &config.node.macaroon {
        let danger = "others could use or replace the macaroon";
        look("macaroon", path, OTHERS | WRITABLE, danger);
    }
    let danger = "others could read or replace a secret of the alarms";
    for path in secret_files(config) {
        look("alarm", path, OTHERS | READABLE | WRITABLE, danger);
    }
    let danger = "others could read or change what sweetspot knows";
    look("database", &config.store, OTHERS | WRITABLE, danger);
    findings
}

fn secret_files(config: &Config) -> impl Iterator<Item = &Path> {
    let services = config.alarms.services.iter();
    services.flat_map(|service| service.secret_files())
}

/// Where alarms go, and secrets that cannot be read.
pub(super) fn alarms(config: &Config) -> Vec<Finding> {
    let services = &config.alarms.services;
    if services.is_empty() {
        return vec![];
    }
    if cfg!(not(feature = "alarm")) {
        let says = "this build has no alarms: [alarm] has no effect";
        return vec![finding("alarm", Judgement::Warning, says)];
    }
    let unread = secret_files(config).filter_map(|path| {
        let error = fs::File::open(path).err()?;
        let says = format!("cannot read {}: {error}", path.display());
        Some(finding("alarm", Judgement::Error, says))
    });
    let mut findings: Vec<Finding> = unread.collect();
    let names: Vec<&str> = services.iter().map(|service| service.name()).collect();
    let says = format!(
        "alarms go to {} (sweetspot alarm test sends one)",
        names.join(", ")
    );
    findings.push(finding("alarm", Judgement::Ok, says));
    findings
}

fn mode(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

/// Why the certificate's file cannot be used, if it cannot.
pub(super) fn certificate(node: &NodeConnection) -> Option<Finding> {
    let Tls::Pinned(path) = &node.tls else {
        return None;
    };
    let error = fs::read(path).err()?;
    let says = format!("cannot read {}: {error}", path.display());
    Some(finding("tls_cert", Judgement::Error, says))
}

/// The database, if there is one to read, and what is to be said of it. It is
/// not made.
pub(super) async fn database(config: &Config) -> (Option<StoreReader>, Option<Finding>) {
    let path = &config.store;
    let unusable = |says: String| (None, Some(finding("database", Judgement::Error, says)));
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return unusable(format!("{} is not a regular file", path.display()));
        }
        Ok(found) if found.permissions().readonly() => {
            return unusable(format!("{} is read-only", path.display()));
        }
        Ok(found) if found.len() == 0 => return (None, None),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return (None, cannot_be_made(path));
        }
        Err(error) => return unusable(format!("{}: {error}", path.display())),
    }
    match StoreReader::open(path).await {
        Ok(reader) => {
            let quarantined = reader.quarantined().await.unwrap_or(0);
            let says = format!(
                "{} impossible forwards are quarantined: kept, counted nowhere",
                grouped(quarantined)
            );
            let odd = (quarantined > 0).then(|| finding("database", Judgement::Warning, says));
            (Some(reader), odd)
        }
        Err(OpenError {
            fault: OpenFault::Older { .. },
            ..
        }) => (None, None),
        Err(error) => unusable(error.to_string()),
    }
}

/// Why a database that is missing cannot be made: the folder that is there, of
/// those above it, takes none.
fn cannot_be_made(path: &Path) -> Option<Finding> {
    let mut folders = path.ancestors().skip(1);
    let there = folders.find(|folder| folder.as_os_str().is_empty() || folder.exists())?;
    let there = match there.as_os_str().is_empty() {
        true => Path::new("."),
        false => there,
    };
    let found = fs::metadata(there).ok()?;
    let why = match (found.is_dir(), found.permissions().readonly()) {
        (false, _) => "is not a directory",
        (true, true) => "is read-only",
        (true, false) => return None,
    };
    let says = format!(
        "{} cannot be created: {} {why}",
        path.display(),
        there.display()
    );
    Some(finding("database", Judgement::Error, says))
}
