//! Reads `[alarm]`: where alarms go, and which.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::node::{is_hex_secret, resolve};
use super::reader::{Reader, Section, nearest};
use super::values;
use sweetspot_core::alarm::service::{Address, Service};
use sweetspot_core::alarm::settings::{AlarmKind, AlarmSettings};

const NTFY: &str = "https://ntfy.sh";
const TELEGRAM: &str = "https://api.telegram.org";

const MINUTE: Duration = Duration::from_secs(60);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Where alarms go, and when there is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarms {
    /// The services; with none, there are no alarms.
    pub services: Vec<Service>,
    /// The thresholds.
    pub settings: AlarmSettings,
}

impl Alarms {
    /// Whether somebody is to be called for a force close, by a program that can.
    pub fn tell_of_force_closes(&self) -> bool {
        !self.services.is_empty()
            && !self.settings.off.contains(&AlarmKind::ForceClose)
            && cfg!(feature = "alarm")
    }
}

/// Reads `[alarm]`.
pub(super) fn alarms<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> Alarms {
    let settings = settings(reader, &mut section);
    let webhook = section.section(reader, "webhook");
    let ntfy = section.section(reader, "ntfy");
    let telegram = section.section(reader, "telegram");
    let services = [
        webhook_service(reader, webhook, home),
        ntfy_service(reader, ntfy, home),
        telegram_service(reader, telegram, home),
    ];
    section.finish(reader);
    Alarms {
        services: services.into_iter().flatten().collect(),
        settings,
    }
}

fn settings<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> AlarmSettings {
    let mut settings = AlarmSettings::default();
    for (at, value) in section.take("off").map_or(vec![], |off| off.into_items()) {
        match kind(&value) {
            Ok(kind) => _ = settings.off.insert(kind),
            Err(message) => reader.refuse(at, "alarm.off", message),
        }
    }
    let mut share = |name, value: &mut f64| {
        let read = section.read(reader, name, |found| values::number(found, 0.001..=0.99));
        *value = read.unwrap_or(*value);
    };
    share("income_fall", &mut settings.income_fall);
    // Above this, no channel could count as filled.
    let read = section.read(reader, "drained_ratio", |found| {
        values::number(found, 0.001..=0.24)
    });
    settings.drained_ratio = read.unwrap_or(settings.drained_ratio);
    let mut span = |name, value: &mut Duration| {
        let read = section.read(reader, name, |found| values::span(found, MINUTE..=MONTH));
        *value = read.unwrap_or(*value);
    };
    span("drained_after", &mut settings.drained_after);
    span("offline_after", &mut settings.offline_after);
    span("unreachable_after", &mut settings.unreachable_after);
    span("stuck_after", &mut settings.stuck_after);
    span("remind_after", &mut settings.remind_after);
    let mut count = |name, value: &mut u32, most| {
        let read = section.read(reader, name, |found| values::whole(found, 1..=most));
        *value = read.unwrap_or(*value);
    };
    count("failed_updates", &mut settings.failed_updates, 1_000);
    count("messages_per_hour", &mut settings.messages_per_hour, 1_000);
    settings
}

fn kind(value: &DeValue<'_>) -> Result<AlarmKind, String> {
    let name = values::text(value)?;
    let codes = || AlarmKind::ALL.iter().map(|kind| kind.code());
    let found = AlarmKind::ALL.into_iter().find(|kind| kind.code() == name);
    found.ok_or_else(|| match nearest(&name, codes()) {
        Some(meant) => format!("unknown alarm {name:?}; did you mean {meant:?}?"),
        None => format!(
            "unknown alarm {name:?}; there are {}",
            codes().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn webhook_service<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> Option<Service> {
    let at = section.place_of("url").unwrap_or(section.at);
    let url = section.read(reader, "url", |value| match value {
        DeValue::String(none) if none.is_empty() => Ok(None),
        _ => address(value).map(Some),
    });
    let url = url.flatten();
    let url_file = file(reader, &mut section, "url_file", home);
    let token_file = file(reader, &mut section, "token_file", home);
    let path = section.path.clone();
    section.finish(reader);
    let url = match (url, url_file) {
        (Some(_), Some(_)) => {
            let message = "is set beside url_file; set only one of them";
            reader.refuse(at, &format!("{path}.url"), message);
            return None;
        }
        (Some(url), None) => Address::Plain(url),
        (None, Some(file)) => Address::File(file),
        (None, None) => {
            if token_file.is_some() {
                reader.refuse(at, &format!("{path}.url"), "is missing (or url_file)");
            }
            return None;
        }
    };
    Some(Service::Webhook { url, token_file })
}

fn ntfy_service<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> Option<Service> {
    let at = section.at;
    let server = section.read(reader, "server", address);
    let topic_file = file(reader, &mut section, "topic_file", home);
    let token_file = file(reader, &mut section, "token_file", home);
    let path = section.path.clone();
    section.finish(reader);
    let Some(topic_file) = topic_file else {
        if token_file.is_some() {
            reader.refuse(at, &format!("{path}.topic_file"), "is missing");
        }
        return None;
    };
    Some(Service::Ntfy {
        server: server.unwrap_or_else(|| NTFY.to_owned()),
        topic_file,
        token_file,
    })
}

fn telegram_service<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> Option<Service> {
    let at = section.at;
    let server = section.read(reader, "server", address);
    let token_file = file(reader, &mut section, "token_file", home);
    let chat_id = section.read(reader, "chat_id", |value| {
        values::whole(value, i64::MIN..=i64::MAX)
    });
    let path = section.path.clone();
    section.finish(reader);
    let (token_file, chat_id) = match (token_file, chat_id.filter(|id| *id != 0)) {
        (Some(token_file), Some(chat_id)) => (token_file, chat_id),
        (Some(_), None) => {
            reader.refuse(at, &format!("{path}.chat_id"), "is missing");
            return None;
        }
        (None, Some(_)) => {
            reader.refuse(at, &format!("{path}.token_file"), "is missing");
            return None;
        }
        (None, None) => return None,
    };
    Some(Service::Telegram {
        server: server.unwrap_or_else(|| TELEGRAM.to_owned()),
        token_file,
        chat_id,
    })
}

/// A file; an empty name stands for none.
fn file<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    name: &'static str,
    home: Option<&Path>,
) -> Option<PathBuf> {
    let at = section.place_of(name)?;
    let path = section.read(reader, name, |value| match values::text(value)? {
        path if is_hex_secret(&path) => Err("is a secret, not a file name".to_owned()),
        path => Ok(path),
    })?;
    if path.is_empty() {
        return None;
    }
    let key = format!("{}.{name}", section.path);
    Some(resolve(reader, at, &key, path, home))
}

/// An address that is no secret.
fn address(value: &DeValue<'_>) -> Result<String, String> {
    let address = values::text(value)?;
    let rest = ["https://", "http://"].map(|scheme| address.strip_prefix(scheme));
    let Some(rest) = rest.into_iter().flatten().next() else {
        return Err("must be https://…, or http://… in a private network".to_owned());
    };
    if rest.is_empty() || address.contains(|c: char| !c.is_ascii_graphic()) {
        return Err("must be https://host/…".to_owned());
    }
    if rest.contains(['@', '?', '#']) {
        return Err(
            "may hold a secret here: write the address into a file, and its name as url_file"
                .to_owned(),
        );
    }
    Ok(address)
}
