//! What a cycle reads: who the node is, its channels, what was forwarded since, and
//! what the operator has ordered.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{debug, info};

use super::super::{history, log};
use super::{Cycle, CycleError, CycleOptions};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::{Clock, Node, NodeError, PolicyWriter, Store, StoreError};
use sweetspot_core::settings::latches::Threshold;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::matcher::Remembered;
use sweetspot_core::settings::orders::Orders;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// The longest that one cycle waits for the node to tell of itself and its channels:
/// twice what one call may take. The watchdog waits 15 minutes for a whole cycle, and
/// with [`HISTORY_TIME`] and the time for updates it is over within ten.
const LOOK_TIME: Duration = Duration::from_secs(120);

/// The longest that one cycle reads history. What is read is kept, and the next cycle
/// goes on from there.
const HISTORY_TIME: Duration = Duration::from_secs(150);

/// When closed channels that could not be listed are asked for again.
const CLOSED_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

impl<N: Node, W: PolicyWriter, S: Store, C: Clock> Cycle<N, W, S, C> {
    /// Everything the node has to say, stored before it is counted.
    pub(super) async fn read(
        &mut self,
        options: CycleOptions<'_>,
    ) -> Result<CycleInput, CycleError> {
        let reading = self.clock.reading();
        let known = &self.engine.memory().node;
        let step = known.clock.step(reading, known.seen_at);
        let now = match &step {
            Some(step) => step.to.wall,
            None => known.clock.now(reading),
        };
        let seen = self.look(now).await?;
        self.tell_unread(&seen);
        self.learn(&seen).await?;
        let history_read = self.try_history(now).await?;
        let mut layers = self.by_known_names(options.layers, &seen).await?;
        layers.orders = self.orders(now).await?;
        let preparing = layers.orders.preparing(now);
        self.known.preparing = preparing.map(|(order, goal)| (order.at, goal));
        let from = self.cursor.from;
        let mut input = CycleInput::new(seen, &layers, options.observe_only, from);
        let known = &self.engine.memory().node;
        let fresh = layers
            .orders
            .fresh(known.orders_through, known.seen_at, now);
        log::orders(&layers.orders, known.orders_through, &input.seen);
        input.ordered = fresh;
        input.node_ready = self.known.synced;
        input.history_read = history_read;
        input.clock = step;
        input.look_again = std::mem::take(&mut self.look_again);
        input.report_due = options.report_due;
        Ok(input)
    }

    /// Who the node is, and its channels.
    async fn look(&mut self, now: Timestamp) -> Result<Observation, CycleError> {
        let look = async {
            self.ask_node().await?;
            Ok(self.node.observe(now).await?)
        };
        timeout(LOOK_TIME, look).await.unwrap_or_else(|_| {
            let said = format!("it told nothing of its channels in {LOOK_TIME:?}");
            Err(NodeError::Unreachable(said.into()).into())
        })
    }

    /// The settings with the names by which their rules know the peers seen, and the
    /// conditions on what moves that hold. Either counts only once it is stored: it is
    /// to hold over restarts.
    async fn by_known_names(
        &mut self,
        layers: &SettingsLayers,
        seen: &Observation,
    ) -> Result<SettingsLayers, StoreError> {
        let mut names = self.names.clone();
        let renamed = names.learn(&layers.alias_patterns(), seen);
        if names != self.names {
            self.store.save_names(&names).await?;
            self.names = names;
        }
        renamed.iter().for_each(log::renamed);
        let forwarded = match layers.thresholds().any(Threshold::is_of_forwards) {
            true => self.forwarded(seen).await?,
            false => BTreeMap::new(),
        };
        let mut latches = self.latches.clone();
        latches.learn(layers.thresholds(), seen, &forwarded);
        if latches != self.latches {
            self.store.save_latches(&latches).await?;
            self.latches = latches;
        }
        Ok(SettingsLayers {
            remembered: Remembered {
                names: self.names.clone(),
                latches: self.latches.clone(),
                marks: layers.remembered.marks.clone(),
            },
            ..layers.clone()
        })
    }

    /// What the operator has ordered. One that was given by a clock ahead of ours
    /// holds from now on.
    async fn orders(&self, now: Timestamp) -> Result<Orders, StoreError> {
        let mut orders = self.store.orders().await?;
        for order in &mut orders.0 {
            order.at = order.at.min(now);
        }
        Ok(orders)
    }

    /// Who the node is, and whether it follows the chain: only then is it
    /// written to.
    pub(super) async fn ask_node(&mut self) -> Result<(), CycleError> {
        let info = self.node.info().await?;
        if self.known.pubkey.as_ref() != Some(&info.pubkey) {
            self.store.bind_node(&info.pubkey.to_string()).await?;
            if self.known.pubkey.replace(info.pubkey).is_none() {
                self.known.synced = true;
                self.learn_closed().await?;
            }
        }
        if self
            .known
            .closed_again_at
            .is_some_and(|at| self.now() >= at)
        {
            self.learn_closed().await?;
        }
        if std::mem::replace(&mut self.known.synced, info.synced_to_chain) != info.synced_to_chain {
            log::synced(info.synced_to_chain);
        }
        Ok(())
    }

    /// Reads history; `false` if the node answers everything else, but not that.
    async fn try_history(&mut self, now: Timestamp) -> Result<bool, CycleError> {
        match self.read_history(now).await {
            Ok(()) => {
                if self.known.history_error.take().is_some() {
                    log::history_read_again();
                }
                Ok(true)
            }
            Err(CycleError::Node(NodeError::Other(said))) => {
                if self.known.history_error.as_ref() != Some(&said) {
                    log::history_unread(&said);
                }
                self.known.history_error = Some(said);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Tells, when that changes, of which channels the policy cannot be read.
    fn tell_unread(&mut self, seen: &Observation) {
        let now: BTreeMap<ChannelPoint, CleanText> = seen
            .channels
            .iter()
            .filter_map(|(point, channel)| Some((*point, channel.policy_error.clone()?)))
            .collect();
        let before = std::mem::take(&mut self.known.unread);
        for (point, channel) in &seen.channels {
            match (before.get(point), now.get(point)) {
                (None, Some(error)) => log::policy_unread(channel, error),
                (Some(_), None) => log::policy_read_again(channel),
                _ => {}
            }
        }
        self.known.unread = now;
    }

    async fn read_history(&mut self, now: Timestamp) -> Result<(), CycleError> {
        let from = self.cursor;
        let cycle = self.engine.memory().node.seen_at.unwrap_or(now);
        let last = self.known.history_read_at.unwrap_or(now).min(cycle);
        let (mut events, mut through) = (0, from);
        let reading = history::read(&self.node, &self.store, from, now, last, |page| {
            let (cursor, read) = (page.cursor, page.records);
            events += read;
            through = cursor;
            log::quarantined(page.quarantined);
            if read >= history::PAGE_EVENTS as usize {
                info!(
                    events,
                    through = %cursor.through,
                    days_left = now.days_since(cursor.through).round(),
                    "reading forwarding history"
                );
            }
        });
        let read = timeout(HISTORY_TIME, reading).await;
        self.cursor = match read {
            Ok(read) => read?,
            Err(_) => {
                self.cursor = through;
                let said = "it takes long, and goes on in the next cycle";
                return Err(NodeError::Other(said.into()).into());
            }
        };
        self.known.history_read_at = Some(now);
        debug!(events, through = %self.cursor.through, "forwarding history read");
        Ok(())
    }

    /// Learns the scids of open channels.
    async fn learn(&mut self, seen: &Observation) -> Result<(), StoreError> {
        let new: Vec<(Scid, ChannelPoint)> = seen
            .channels
            .values()
            .flat_map(|channel| channel.scids().map(|scid| (scid, channel.point)))
            .filter(|(scid, point)| self.engine.resolve(*scid) != Some(*point))
            .collect();
        self.learn_ids(new).await
    }

    /// Learns the scids of closed channels, which old forwards name. Nothing else
    /// needs them: without them, those forwards stay unnamed until the next
    /// start.
    async fn learn_closed(&mut self) -> Result<(), CycleError> {
        self.known.closed_again_at = None;
        let closed = match self.node.closed_channels().await {
            Ok(closed) => closed,
            Err(error) => {
                log::closed_unread(&error);
                self.known.closed_again_at = Some(self.now().plus(CLOSED_AGAIN_AFTER));
                return Ok(());
            }
        };
        let new = closed
            .iter()
            .flat_map(|channel| channel.scids.iter().map(|scid| (*scid, channel.point)))
            .filter(|(scid, _)| self.engine.resolve(*scid).is_none())
            .collect();
        Ok(self.learn_ids(new).await?)
    }

    async fn learn_ids(&mut self, new: Vec<(Scid, ChannelPoint)>) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        self.store.add_ids(&new).await?;
        for (scid, point) in new {
            self.engine.learn(scid, point);
        }
        Ok(())
    }
}
