//! Settings changed beneath a running sweetspot.

use crate::daemon::{Sweetspot, pin};
use crate::network::Network;

/// On SIGHUP a good file is told key by key and used; of a faulty one each fault is told by line
/// and column, and what held before goes on holding.
pub fn a_reload_takes_good_settings_and_refuses_faulty_ones(network: &mut Network) {
    let channel = network.bob_carol.clone();
    let mut sweetspot = Sweetspot::new(network, "reload");
    sweetspot.settings(&pin(&channel, 410));
    sweetspot.start();
    sweetspot.wait_until_confirmed(&channel, 410);

    sweetspot.settings(&pin(&channel, 411));
    sweetspot.reload();
    sweetspot.wait_for_line(&["INFO", "config reloaded", "pin_ppm: 410 → 411"]);
    let write = sweetspot.wait_until_confirmed(&channel, 411);

    let [wrong_pin, wrong_base_fee] = ["pin_ppm = \"412\"", "base_fee_msat = \"none\""];
    let faulty = pin(&channel, 412)
        .replace("pin_ppm = 412", wrong_pin)
        .replace("base_fee_msat = \"keep\"", wrong_base_fee);
    sweetspot.settings(&faulty);
    let text = std::fs::read_to_string(sweetspot.config()).expect("just written");
    sweetspot.reload();
    for (wrong, column) in [(wrong_pin, 11), (wrong_base_fee, 17)] {
        let line = text.lines().position(|line| line == wrong);
        let place = format!("config.toml:{}:{column}:", line.expect("just written") + 1);
        sweetspot.wait_for_line(&["ERROR", "keeping the old config", &place]);
    }
    sweetspot.wait_for_turns(2);
    assert_eq!(sweetspot.last_write(&channel), Some(write));
    assert_eq!(network.bob_policy(&channel).fee_ppm, 411);

    sweetspot.settings(&pin(&channel, 413));
    sweetspot.reload();
    sweetspot.wait_until_confirmed(&channel, 413);
    assert_eq!(sweetspot.stop().code(), Some(0));
}
