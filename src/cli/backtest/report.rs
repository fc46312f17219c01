//! What came out of a backtest, for people and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::Failure;
use crate::format::{local_time, times};
use crate::table::table;
use sweetspot_core::backtest::demand::Elasticity;
use sweetspot_core::backtest::run::Backtest;
use sweetspot_core::backtest::sales::Account;
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::{FeePpm, Msat, Sat};
use sweetspot_store::StoreReader;

const ASSUMED: &str = "\
Assumptions: demand follows price by a log-logistic curve that has the given
elasticity at the actual fee. Each actual forward becomes more or less likely by
it; balances, demand, the learned price level and all other nodes stay as they
were. Additional forwards come out of the balance the channel had. Senders see a
fee change at once. Payments that were never attempted are unknown. The true
result may lie outside this range.";

/// What came out of a backtest.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(serialize_with = "times")]
    from: Timestamp,
    #[serde(serialize_with = "times")]
    to: Timestamp,
    elasticities: Vec<f64>,
    /// Channels at the end, and how many of them the settings tried would set.
    channels_at_end: usize,
    managed_at_end: usize,
    total: Earned,
    channels: Vec<Line>,
}

/// What was and what might have been earned.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Earned {
    forwards: u64,
    then_msat: u64,
    /// The band.
    with_low_msat: u64,
    with_high_msat: u64,
    /// For each elasticity.
    with_msat: Vec<u64>,
}

/// A channel.
#[derive(Debug, Serialize)]
struct Line {
    channel_point: ChannelPoint,
    scid: Option<Scid>,
    peer: CleanText,
    moves_then: usize,
    moves_with: usize,
    /// Over time; `None` if it had no fee.
    mean_ppm_then: Option<f64>,
    mean_ppm_with: Option<f64>,
    earned: Earned,
    /// Only of a channel that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves: Option<Moves>,
}

#[derive(Debug, Serialize)]
struct Moves {
    #[serde(serialize_with = "times")]
    then: Vec<Decision>,
    #[serde(serialize_with = "times")]
    with: Vec<Decision>,
}

/// `None` if no stored turn lies in the stretch.
pub async fn gather(
    store: &StoreReader,
    backtest: &Backtest,
    elasticities: &[Elasticity],
    only: Option<ChannelPoint>,
) -> Result<Option<Report>, Failure> {
    let Some((from, to)) = backtest.sales().span() else {
        return Ok(None);
    };
    let known = store.channels().await?;
    let known = known.into_iter().map(|known| known.channel);
    let known: BTreeMap<ChannelPoint, Channel> = known.map(|c| (c.point, c)).collect();
    let accounts = backtest.sales().accounts().iter();
    let meant: Vec<_> = accounts
        .filter(|(point, _)| only.is_none_or(|only| only == **point))
        .collect();
    let lines = meant.iter().map(|(point, account)| {
        let channel = known.get(point);
        let means = account.mean_ppm();
        Line {
            channel_point: **point,
            scid: channel.map(|channel| channel.scid),
            peer: channel.map_or_else(CleanText::default, Channel::peer_name),
            moves_then: account.moves_then.len(),
            moves_with: account.moves_with.len(),
            mean_ppm_then: means.map(|(then, _)| then),
            mean_ppm_with: means.map(|(_, with)| with),
            earned: Earned::of([*account], elasticities.len()),
            moves: only.map(|_| Moves {
                then: account.moves_then.clone(),
                with: account.moves_with.clone(),
            }),
        }
    });
    let mut channels: Vec<Line> = lines.collect();
    channels.sort_by(|a, b| (&a.peer, a.scid).cmp(&(&b.peer, b.scid)));
    let all = meant.iter().map(|(_, account)| *account);
    let elsewhere = only.is_none().then(|| backtest.sales().elsewhere());
    let settings = backtest.settings();
    Ok(Some(Report {
        from,
        to,
        elasticities: elasticities.iter().map(|e| e.number()).collect(),
        channels_at_end: settings.len(),
        managed_at_end: settings.values().filter(|s| s.writes()).count(),
        total: Earned::of(all.chain(elsewhere), elasticities.len()),
        channels,
    }))
}

impl Earned {
    fn of<'a>(accounts: impl IntoIterator<Item = &'a Account>, elasticities: usize) -> Self {
        let mut sums = vec![0.0; elasticities];
        let (mut forwards, mut then) = (0, Msat(0));
        for account in accounts {
            forwards += account.forwards;
            then = Msat(then.0.saturating_add(account.then.0));
            for (sum, msat) in sums.iter_mut().zip(&account.with_msat) {
                *sum += msat;
            }
        }
        // `as` saturates and maps NaN to 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let with_msat: Vec<u64> = sums.iter().map(|sum| sum.round() as u64).collect();
        Self {
            forwards,
            then_msat: then.0,
            with_low_msat: with_msat.iter().min().copied().unwrap_or_default(),
            with_high_msat: with_msat.iter().max().copied().unwrap_or_default(),
            with_msat,
        }
    }

    /// The band in sat.
    fn band(&self) -> String {
        let (low, high) = (sat(self.with_low_msat), sat(self.with_high_msat));
        format!("{low} to {high}")
    }
}

fn sat(msat: u64) -> String {
    grouped(msat / 1_000)
}

impl Report {
    /// As a table for people, with what is assumed.
    pub fn render(&self) -> String {
        let mut shown = table(
            &[
                "channel",
                "peer",
                "changes: actual",
                "simulated",
                "mean ppm: actual",
                "simulated",
                "forwards",
                "earned sat: actual",
                "simulated",
            ],
            &[2, 3, 4, 5, 6, 7, 8],
        );
        let ppm = |mean: Option<f64>| {
            mean.map_or("-".to_owned(), |ppm| {
                let ppm = FeePpm::rounded(ppm);
                grouped(ppm.0.into())
            })
        };
        for line in &self.channels {
            shown.add_row(vec![
                line.scid.map_or("-".to_owned(), |scid| scid.to_string()),
                line.peer.to_string(),
                line.moves_then.to_string(),
                line.moves_with.to_string(),
                ppm(line.mean_ppm_then),
                ppm(line.mean_ppm_with),
                grouped(line.earned.forwards),
                sat(line.earned.then_msat),
                line.earned.band(),
            ]);
        }
        let mut lines = vec![shown.to_string()];
        for moves in self.channels.iter().filter_map(|line| line.moves.as_ref()) {
            lines.extend(listed("actual", &moves.then));
            lines.extend(listed("simulated", &moves.with));
        }
        lines.push(format!(
            "{} from {} to {}; this config manages {} of {} channels at the end",
            human_span(self.to.since(self.from)),
            local_time(self.from),
            local_time(self.to),
            self.managed_at_end,
            self.channels_at_end,
        ));
        let total = &self.total;
        lines.push(format!(
            "earned: actual {} with {} forwards; simulated {} sat:",
            Sat(total.then_msat / 1_000),
            grouped(total.forwards),
            total.band()
        ));
        for (elasticity, msat) in self.elasticities.iter().zip(&total.with_msat) {
            lines.push(format!(
                "  elasticity {elasticity:<4} {:>12} sat",
                sat(*msat)
            ));
        }
        lines.push(ASSUMED.to_owned());
        lines.join("\n")
    }
}

/// Moves, one to a line.
fn listed(when: &str, moves: &[Decision]) -> Vec<String> {
    let mut lines = vec![format!("\nFee changes, {when}: {}", moves.len())];
    for decision in moves {
        let to = match decision.verdict {
            Verdict::Change { to } | Verdict::WouldChange { to } => to.outbound.0,
            Verdict::Hold { .. } => continue,
        };
        let from = decision.current.unwrap_or_default().outbound.0;
        let (from, to) = (grouped(from.into()), grouped(to.into()));
        let (at, why) = (local_time(decision.at), decision.story());
        lines.push(format!("  {at} {from} -> {to} ppm: {why}"));
    }
    lines
}
