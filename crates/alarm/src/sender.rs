//! The task of one service: puts notices together while it may not send, tries again
//! while nobody answers, and never has anyone wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::send;
use sweetspot_core::alarm::message::Message;
use sweetspot_core::alarm::service::Service;
use sweetspot_core::alarm::standing::Notice;

/// Batches that wait; a batch is what one look found.
const QUEUED: usize = 64;
/// Notices kept for one message; the rest is counted.
const MOST_KEPT: usize = 500;
const HOUR: Duration = Duration::from_secs(3_600);

/// How a service is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The most messages ...
    pub most: u32,
    /// ... in any such span.
    pub within: Duration,
    /// The pause after the first try that failed; each next is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// When a message is given up.
    pub give_up_after: Duration,
}

impl Pace {
    /// For services on the Internet, which may be away for hours.
    pub fn new(messages_per_hour: u32) -> Self {
        Self {
            most: messages_per_hour,
            within: HOUR,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(600),
            // What is older is no alarm any more, and what lasts is told again by then.
            give_up_after: HOUR.saturating_mul(24),
        }
    }
}

/// Sends to one service in the background. Dropping it ends that.
#[derive(Debug)]
pub struct Sender {
    queue: mpsc::Sender<Vec<Notice>>,
    missed: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Sender {
    /// Starts the task.
    pub fn start(service: Service, pace: Pace) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED);
        let missed = Arc::new(AtomicUsize::new(0));
        let task = Task {
            service,
            pace,
            waiting,
            missed: Arc::clone(&missed),
            sent: VecDeque::new(),
        };
        Self {
            queue,
            missed,
            _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
        }
    }

    /// Has these sent as soon as may be. Returns at once; what finds no place any
    /// more is counted in the next message.
    pub fn tell(&self, notices: Vec<Notice>) {
        let count = notices.len();
        if self.queue.try_send(notices).is_err() {
            self.missed.fetch_add(count, Ordering::Relaxed);
        }
    }
}

struct Task {
    service: Service,
    pace: Pace,
    waiting: mpsc::Receiver<Vec<Notice>>,
    missed: Arc<AtomicUsize>,
    /// When messages were sent within the span.
    sent: VecDeque<Instant>,
}

impl Task {
    async fn run(mut self) {
        while let Some(mut notices) = self.waiting.recv().await {
            self.wait_for_turn().await;
            while let Ok(more) = self.waiting.try_recv() {
                notices.extend(more);
            }
            let too_many = notices.len().saturating_sub(MOST_KEPT);
            notices.truncate(MOST_KEPT);
            let missed = self.missed.swap(0, Ordering::Relaxed) + too_many;
            self.deliver(&Message::of(notices, missed)).await;
            self.sent.push_back(Instant::now());
        }
    }

    async fn wait_for_turn(&mut self) {
        let most = usize::try_from(self.pace.most).unwrap_or(usize::MAX);
        while self.sent.len() >= most.max(1) {
            let Some(first) = self.sent.pop_front() else {
                return;
            };
            sleep_until(first + self.pace.within).await;
        }
    }

    async fn deliver(&self, message: &Message) {
        let service = self.service.name();
        let pauses = ExponentialBuilder::default()
            .with_min_delay(self.pace.first_pause)
            .with_max_delay(self.pace.longest_pause)
            .with_total_delay(Some(self.pace.give_up_after))
            .without_max_times()
            .with_jitter();
        let mut tries = 0_u32;
        let sent = (|| send(&self.service, message))
            .retry(pauses)
            .when(|error| error.may_pass())
            .notify(|error, pause| {
                tries = tries.saturating_add(1);
                match tries {
                    1 => warn!(service, %error, "cannot send an alarm: trying again"),
                    _ => debug!(service, %error, ?pause, "still cannot send an alarm"),
                }
            })
            .await;
        match sent {
            Ok(()) if tries > 0 => info!(service, "alarms are sent again"),
            Ok(()) => debug!(service, title = message.title, "alarm sent"),
            Err(error) => warn!(
                service, %error, title = message.title,
                "an alarm was not sent, and is given up"
            ),
        }
    }
}
