//! What commands write to standard output.

use serde::Serialize;

use super::Failure;

/// Writes one value as JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&json_text(value)?);
    Ok(())
}

/// One value as JSON.
pub fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Other(format!("cannot be shown as JSON: {error}")))
}

/// Writes to standard output; a reader that has gone away is no error.
pub fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
