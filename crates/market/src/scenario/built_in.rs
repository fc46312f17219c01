//! The worlds that have a name.

/// The built-in scenarios: name and text.
pub const BUILT_IN: [(&str, &str); 16] = [
    ("standard", ""),
    ("quiet", "rate = 0.1"),
    ("busy", "rate = 3.0"),
    ("small-node", "channels = 12"),
    ("hub", "channels = 150"),
    ("drifting", "demand = { drift_sd = 1.0, drift_days = 20 }"),
    (
        "demand-shock",
        "events = [{ day = 50, demand = 0.3 }, { day = 85, demand = 1.5 }]",
    ),
    (
        "price-war",
        "events = [{ day = 50, rivals = 0.6 }]\nrivals = { sd = 0.3, noise = 0.3 }",
    ),
    ("cheap-rivals", "events = [{ day = 0.1, rivals = 0.45 }]"),
    ("dear-rivals", "events = [{ day = 0.1, rivals = 2.2 }]"),
    ("reactive-rivals", "rivals = { reaction = 0.1 }"),
    (
        "no-bursts",
        "demand = { cluster = 1.0, shock_shape = 0.0, receiver_shock_shape = 0.0 }",
    ),
    ("announced-only", "peers = { private = 0 }"),
    ("uninformed-senders", "demand = { inbound_aware = 0.0 }"),
    ("slow-gossip", "gossip_mean_secs = 3600"),
    (
        "flaky",
        "outages = { per_channel_year = 100, mean_hours = 8, node_per_year = 20 }",
    ),
];
