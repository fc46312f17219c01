//! The daemon: one cycle after the other, beside one node.

#[cfg(feature = "alarm")]
mod alarm;
#[cfg(not(feature = "alarm"))]
#[path = "daemon/no_alarm.rs"]
mod alarm;
mod bookkeeping;
mod chain_fees;
pub mod clock;
mod closings;
pub mod connect;
pub mod cycle;
mod deadlines;
mod first_words;
pub mod history;
pub mod log;
pub mod logging;
mod main_loop;
mod peers;
mod preparing;
pub mod pulse;
mod repeated_error;
pub mod serve;
mod signals;
pub mod systemd;
pub(crate) mod vital_signs;
pub mod write;

use sweetspot_core::alarm::sight::Sight;
