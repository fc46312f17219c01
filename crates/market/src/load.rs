//! The network that a scenario names.

use super::network::Network;
use super::scenario::NetworkChoice;
use super::synthetic;

pub use sweetspot_graph::load::LoadError;
use sweetspot_graph::load::from_file;

/// Made up, or read from a file.
pub fn network(choice: &NetworkChoice) -> Result<Network, LoadError> {
    match choice {
        NetworkChoice::Synthetic { nodes, seed } => Ok(synthetic::network(*nodes, *seed)),
        NetworkChoice::File(path) => Ok(from_file(path)?.network),
    }
}
