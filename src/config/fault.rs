//! What is wrong with a config, and where.

use std::fmt;
use std::path::PathBuf;

use sweetspot_core::types::format::grouped;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The key it is about; empty where the text is no TOML.
    pub key: String,
    /// The rule, and what was found instead.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the config {}: {source}; config.example.toml shows every key",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The path names a directory or a device.
    #[error("the config {} is not a regular file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is too large to be a settings file.
    #[error("the config {} is larger than {} bytes", path.display(), grouped(*most_bytes))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        most_bytes: u64,
    },
    /// The file is not UTF-8 text.
    #[error("{}:{line}: the config is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first odd byte, from 1.
        line: usize,
    },
    /// The file breaks rules.
    #[error("{}", lines(path, faults))]
    Faulty {
        /// The file.
        path: PathBuf,
        /// Every rule it breaks, in the order of the file.
        faults: Vec<Fault>,
    },
    /// There are several nodes, and none of them, or none that there is, was named.
    #[error("{}", which(path, names, asked.as_deref()))]
    WhichNode {
        /// The file.
        path: PathBuf,
        /// What its nodes are called.
        names: Vec<String>,
        /// What was asked for.
        asked: Option<String>,
    },
}

fn which(path: &std::path::Path, names: &[String], asked: Option<&str>) -> String {
    let (path, names) = (path.display(), names.join(", "));
    match asked {
        Some(asked) if names.is_empty() => {
            format!("--node {asked}: {path} has no [[node]] with a name")
        }
        Some(asked) => format!("--node {asked}: {path} has no such node, but {names}"),
        None => format!("{path} has several nodes: say which with --node NAME ({names})"),
    }
}

fn lines(path: &std::path::Path, faults: &[Fault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}:{fault}", path.display()))
        .collect();
    lines.join("\n")
}
