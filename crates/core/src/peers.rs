//! What is known of each peer: how it kept its channels with us. Nothing here moves a
//! fee, but for rules that match by [`ended::Mark`].

pub mod ended;
pub mod leaving;
pub mod watch;
pub mod week;
