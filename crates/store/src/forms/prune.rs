//! How long each pruning rule has held: part of a channel's memory. Nothing in
//! it has been added since the first version.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::state::prune::{Held, PruneMemory, Recommendation, Rule};

use super::{form, form_enum};

form! {
    /// The rules that hold, and what was last recommended.
    struct PruneMemoryForm of PruneMemory {
        watched: Duration,
        held: BTreeMap<RuleForm, HeldForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        recommended: Option<RecommendationForm>,
    }
}

form_enum! {
    /// A rule by which a channel counts as dead.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum RuleForm of Rule {
        StuckLocal,
        StuckRemote,
        Idle,
        AtMinimum,
    }
}

form! {
    /// How long one rule has held.
    struct HeldForm of Held {
        since: i64,
        watched: Duration,
    }
}

form! {
    /// A recommendation to prune.
    struct RecommendationForm of Recommendation {
        rule: RuleForm,
        since: i64,
    }
}
