//! How far a fee change has come: the column `writes.outcome`, and the last
//! change in a channel's memory.

use serde::{Deserialize, Serialize};
use sweetspot_core::types::fee_change::{FeeChange, MaxHtlcChange, Stage};

use super::channel::FeePartsForm;
use super::{Form, form, form_enum};

form_enum! {
    /// How far it has come. The column is null for an intended change.
    #[derive(PartialEq)]
    enum StageForm of Stage {
        Intended,
        #[serde(rename = "unknown")]
        Sent,
        Confirmed,
        Refused,
        #[serde(rename = "not_attempted")]
        NotSent,
        NotSeen,
        #[serde(rename = "not_done")]
        NotApplied,
        Settled,
    }
}

form! {
    /// A change of the max HTLC, in msat.
    struct MaxHtlcChangeForm of MaxHtlcChange {
        from: u64,
        to: u64,
    }
}

/// The last change of a channel. An older program wrote only whether it was
/// `unresolved`, and goes by that alone; what is missing beside it is then all
/// that can be told from it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RememberedChangeForm {
    from: FeePartsForm,
    to: FeePartsForm,
    /// Left out where it was none, as always before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_htlc: Option<MaxHtlcChangeForm>,
    at: i64,
    unresolved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<StageForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<i64>,
}

impl Form<FeeChange> for RememberedChangeForm {
    fn of(change: &FeeChange) -> Self {
        // What was said of it is stored with the change itself.
        let FeeChange {
            from,
            to,
            max_htlc,
            intended_at,
            stage,
            settled_at,
            detail: _,
        } = change;
        Self {
            from: Form::of(from),
            to: Form::of(to),
            max_htlc: Form::of(max_htlc),
            at: Form::of(intended_at),
            unresolved: change.is_open(),
            stage: Some(Form::of(stage)),
            settled_at: Form::of(settled_at),
        }
    }

    fn into_core(self) -> FeeChange {
        let stage = match (self.stage, self.unresolved) {
            (Some(StageForm::Settled) | None, true) => Stage::Sent,
            (Some(stage), _) => stage.into_core(),
            (None, false) => Stage::Settled,
        };
        FeeChange {
            from: self.from.into_core(),
            to: self.to.into_core(),
            max_htlc: self.max_htlc.into_core(),
            intended_at: self.at.into_core(),
            stage,
            settled_at: self.settled_at.into_core(),
            detail: Default::default(),
        }
    }
}
