//! The settings of every story, as text and as what that allows.

/// The settings of every story; [`Rule::of`] says the same of each channel.
pub const SETTINGS: &str = r#"
[defaults]
mode = "manage"
min_ppm = 20
max_ppm = 1500
cooldown_raise = "2h"
cooldown_cut = "4h"
protect_cooldown = "1h"
max_updates_per_day = 4
foreign_hands_off = "12h"
[budget]
updates_per_hour = 6
reserved_for_protection = 2
[[rule]]
match.alias = "acinq"
mode = "pin"
pin_ppm = 250
[[rule]]
match.channel = "600002x0x0"
mode = "ignore"
[channel."600003x0x0"]
mode = "observe"
[channel."600004x0x0"]
mode = "pin"
pin_ppm = 700
[[rule]]
match.alias = "excluded*"
mode = "ignore"
[channel."600007x0x0"]
min_ppm = 100
max_ppm = 300
max_htlc = "balance"
[channel."600008x0x0"]
base_fee_msat = "keep"
max_htlc = "balance"
"#;

/// What is allowed of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub writes: bool,
    pub min: u32,
    pub max: u32,
    pub pin: Option<u32>,
    /// Outranks what is set by hand.
    pub explicit: bool,
    pub keeps_base: bool,
    pub sets_max_htlc: bool,
}

impl Rule {
    pub fn of(n: u16) -> Self {
        let open = Self {
            writes: true,
            min: 20,
            max: 1_500,
            pin: None,
            explicit: false,
            keeps_base: n == 8,
            sets_max_htlc: n == 7 || n == 8,
        };
        let pinned = |ppm| Self {
            pin: Some(ppm),
            explicit: true,
            ..open
        };
        match n {
            1 => pinned(250),
            4 => pinned(700),
            2 | 3 | 5 | 6 => Self {
                writes: false,
                ..open
            },
            7 => Self {
                min: 100,
                max: 300,
                ..open
            },
            _ => open,
        }
    }
}
