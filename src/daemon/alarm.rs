//! The alarms of a running daemon: a task of its own hears what the daemon does and
//! sees, and has what is to be told sent. The daemon never waits for it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{Instrument, warn};

use super::Sight;
use crate::config::Alarms;
use sweetspot_alarm::{Pace, Sender};
use sweetspot_core::alarm::standing::Turn;
use sweetspot_core::alarm::watch::Watch;

/// How often it is looked whether something lasts too long.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Sights that wait for the task: far more than a cycle gives.
const QUEUED: usize = 256;

enum Said {
    Saw(Sight),
    Settings(Alarms),
}

/// Where the daemon says what it does and sees.
#[derive(Clone)]
pub struct AlarmTask(mpsc::Sender<Said>);

impl AlarmTask {
    /// Starts the task; it ends with the last of these. Of several nodes, each message
    /// begins with the `name`.
    pub fn start(name: Option<String>, alarms: Alarms) -> Self {
        let (said, hears) = mpsc::channel(QUEUED);
        tokio::spawn(run(name, alarms, hears).in_current_span());
        Self(said)
    }

    /// Says what was seen. The task waits for nothing, so that there is a place; if
    /// there is none, it is lost: what lasts is seen again by the next cycle.
    pub fn saw(&self, sight: Sight) {
        _ = self.0.try_send(Said::Saw(sight));
    }

    /// Goes on by a changed config.
    pub fn set(&self, alarms: Alarms) {
        if self.0.try_send(Said::Settings(alarms)).is_err() {
            warn!("changes to [alarm] take effect after a restart");
        }
    }
}

async fn run(name: Option<String>, alarms: Alarms, mut hears: mpsc::Receiver<Said>) {
    let began = Instant::now();
    let mut watch = Watch::new(alarms.settings.clone());
    let mut senders = senders(&alarms);
    let mut known = alarms;
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            said = hears.recv() => match said {
                None => return,
                Some(Said::Saw(sight)) => watch.hear(sight, began.elapsed()),
                Some(Said::Settings(alarms)) => {
                    watch.set(alarms.settings.clone());
                    if alarms != known {
                        senders = self::senders(&alarms);
                        known = alarms;
                    }
                    continue;
                }
            },
            _ = looks.tick() => {}
        }
        if senders.is_empty() {
            continue;
        }
        let mut notices = watch.due(began.elapsed());
        if notices.is_empty() {
            continue;
        }
        for notice in &mut notices {
            if let Some(name) = &name {
                notice.text = format!("{name}: {}", notice.text.as_str()).into();
            }
        }
        // The log has what happened in full; here it is said that somebody is called.
        for notice in notices.iter().filter(|told| told.turn != Turn::Over) {
            warn!(kind = %notice.kind, text = notice.text.as_str(), "alarm");
        }
        for sender in &senders {
            sender.tell(notices.clone());
        }
    }
}

fn senders(alarms: &Alarms) -> Vec<Sender> {
    let pace = Pace::new(alarms.settings.messages_per_hour);
    let services = alarms.services.iter().cloned();
    services
        .map(|service| Sender::start(service, pace))
        .collect()
}
