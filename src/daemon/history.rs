//! Reading forwarding history: complete, without gaps, each forward once.
//!
//! Pages are asked for by time, not by offset: LND skips offsets linearly, and
//! a purge on the node would shift them. Each read starts a while before the
//! newest settle time read so far (clocks are stepped, and forwards may be
//! appended late); what is read twice is told apart by its settle time, which
//! LND makes unique. The cursor follows the node's settle times; it is only kept
//! from running ahead of our own clock, so that a clock that was wrong for a
//! while, on either side, hides nothing.

use std::time::Duration;

use tokio::time::Instant;

use sweetspot_core::ports::{HistoryCursor, HistoryPage, Node, NodeError, Store, StoreError};
use sweetspot_core::types::observation::StoredForward;
use sweetspot_core::types::raw_forward::{ForwardPage, OddForward};
use sweetspot_core::types::time::Timestamp;

/// How far before the newest forward each read starts.
const OVERLAP: Duration = Duration::from_secs(600);

/// The same, if our clock has been set back behind what was read: the node's may
/// have been, too, some time ago.
const SET_BACK_OVERLAP: Duration = Duration::from_secs(86_400);

/// Events asked for at once: about half a megabyte of reply.
pub const PAGE_EVENTS: u32 = 5_000;

/// Records that are stored in one transaction, if there are so many: a transaction waits
/// for the disk and adds up days, of which a page of a busy node holds a part of one.
const STORED_AT_ONCE: usize = 50_000;

/// A slow node's pages are stored once so much time has passed: a cycle that is cut short
/// is to keep what was read.
const STORED_WITHIN: Duration = Duration::from_secs(2);

/// Why history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The node did not answer.
    #[error("cannot read the forwarding history: {0}")]
    Node(#[from] NodeError),
    /// The store did not take it.
    #[error("cannot store the forwarding history: {0}")]
    Store(#[from] StoreError),
}

/// A page that was read and stored.
pub struct PageRead<'a> {
    /// How far history is read by it.
    pub cursor: HistoryCursor,
    /// How many records were on it.
    pub records: usize,
    /// Those kept aside that were not known yet.
    pub quarantined: &'a [OddForward],
}

/// Reads everything after `cursor` and stores it part by part, so that a break loses one
/// part at most, which the next read brings; `progress` hears of each. `last` is the earliest that the
/// clock may have said at the last read: what settled since, on a clock that has been set
/// forward, lies behind the cursor. Returns the new cursor.
pub async fn read<N: Node, S: Store>(
    node: &N,
    store: &S,
    mut cursor: HistoryCursor,
    now: Timestamp,
    last: Timestamp,
    mut progress: impl FnMut(PageRead<'_>),
) -> Result<HistoryCursor, HistoryError> {
    let overlap = match cursor.through > now {
        true => SET_BACK_OVERLAP,
        false => OVERLAP,
    };
    let known = cursor.through.min(now).min(last);
    let from = known.minus(overlap).max(cursor.from);
    let first = HistoryPage {
        start_secs: start_secs(from),
        offset: 0,
        max_events: PAGE_EVENTS,
    };
    let mut part = Part::begin(first);
    part.fill(node).await;
    loop {
        let newest = part.read.newest().unwrap_or(cursor.from);
        cursor.through = cursor.through.max(newest).min(now);
        // The node tells the next pages while these are stored.
        let mut next = part.next();
        let ahead = async {
            if let Some(next) = &mut next {
                next.fill(node).await;
            }
        };
        let (stored, ()) = tokio::join!(keep(store, &part.read, cursor), ahead);
        let quarantined = stored?;
        if part.read.records() > 0 {
            progress(PageRead {
                cursor,
                records: part.read.records(),
                quarantined: &quarantined,
            });
        }
        if let Some(error) = part.error {
            return Err(error.into());
        }
        let Some(next) = next else {
            return Ok(cursor);
        };
        part = next;
    }
}

/// Pages that are stored in one transaction.
struct Part {
    /// The page to ask for; `None` at the end.
    page: Option<HistoryPage>,
    /// The page before it.
    last: Option<ForwardPage>,
    /// What they said, together.
    read: ForwardPage,
    /// Why there are no more.
    error: Option<NodeError>,
}

impl Part {
    fn begin(page: HistoryPage) -> Self {
        Self {
            page: Some(page),
            last: None,
            read: ForwardPage::default(),
            error: None,
        }
    }

    /// The pages after these; `None` at the end.
    fn next(&mut self) -> Option<Self> {
        self.page.filter(|_| self.error.is_none()).map(|page| Self {
            last: self.last.take(),
            ..Self::begin(page)
        })
    }

    /// Asks for pages until they are many, or have taken long, or there are no more.
    async fn fill(&mut self, node: &impl Node) {
        let began = Instant::now();
        while let Some(page) = self.page {
            if self.read.records() >= STORED_AT_ONCE || began.elapsed() >= STORED_WITHIN {
                break;
            }
            let told = match node.forwards(page).await {
                Ok(told) => told,
                Err(error) => return self.error = Some(error),
            };
            if let Err(error) = refuse_repetition(page, &told, self.last.as_ref()) {
                return self.error = Some(error);
            }
            self.page = next_page(page, &told);
            self.read.forwards.extend_from_slice(&told.forwards);
            self.read.odd.extend_from_slice(&told.odd);
            self.last = Some(told);
        }
    }
}

/// Stores a page; returns the records kept aside that were not known yet.
async fn keep<S: Store>(
    store: &S,
    read: &ForwardPage,
    cursor: HistoryCursor,
) -> Result<Vec<OddForward>, StoreError> {
    // Those that cannot be any first: the cursor passes over them.
    let quarantined = match read.odd.is_empty() {
        true => vec![],
        false => store.quarantine(&read.odd).await?,
    };
    if read.records() > 0 {
        store.add_forwards(&read.forwards, cursor).await?;
    }
    Ok(quarantined)
}

/// All forwards since `from`, in the order of settling, without storing any.
pub async fn read_all(node: &impl Node, from: Timestamp) -> Result<Vec<StoredForward>, NodeError> {
    let mut page = HistoryPage {
        start_secs: start_secs(from),
        offset: 0,
        max_events: PAGE_EVENTS,
    };
    let mut forwards = vec![];
    let mut before = None;
    loop {
        let read = node.forwards(page).await?;
        refuse_repetition(page, &read, before.as_ref())?;
        let records = u32::try_from(read.records()).unwrap_or(u32::MAX);
        forwards.extend_from_slice(&read.forwards);
        before = Some(read);
        match page.offset.checked_add(records) {
            Some(offset) if records >= page.max_events => page.offset = offset,
            _ => break,
        }
    }
    forwards.sort_by_key(|forward| forward.settled_at);
    let numbered = (1..).zip(forwards);
    Ok(numbered
        .map(|(seq, forward)| StoredForward { seq, forward })
        .collect())
}

/// A node that tells one full page again, though it was asked for what comes after
/// it, would be asked for ever.
fn refuse_repetition(
    page: HistoryPage,
    read: &ForwardPage,
    before: Option<&ForwardPage>,
) -> Result<(), NodeError> {
    let repeats = page.offset > 0 && read.records() > 0 && before == Some(read);
    match repeats {
        true => Err(NodeError::Other(
            "ForwardingHistory: the node tells the same page again and again".into(),
        )),
        false => Ok(()),
    }
}

fn start_secs(at: Timestamp) -> u64 {
    u64::try_from(at.secs()).unwrap_or(0)
}

/// The page after a full one. It starts at the last second read, which may go
/// on; only within one page-full second is an offset needed.
fn next_page(page: HistoryPage, read: &ForwardPage) -> Option<HistoryPage> {
    let records = u32::try_from(read.records()).unwrap_or(u32::MAX);
    if records < page.max_events {
        return None;
    }
    let last_second = read.forwards.last().map(|last| start_secs(last.settled_at));
    match last_second.filter(|second| *second > page.start_secs) {
        Some(start_secs) => Some(HistoryPage {
            start_secs,
            offset: 0,
            ..page
        }),
        // No page lies beyond the last offset that can be asked for.
        None => Some(HistoryPage {
            offset: page.offset.checked_add(records)?,
            ..page
        }),
    }
}
