//! Which settings file is meant, and which node in it.

use std::fmt;
use std::path::PathBuf;

use super::{Config, ConfigError, one_of};

/// Where settings are looked for if no file is named, below the home folder.
const DEFAULT: &str = ".sweetspot/config.toml";

/// The settings file: one that was named, or the default one, which may be
/// missing: then the built-in settings hold, which only observe.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
    named: bool,
    node: Option<String>,
}

impl SettingsFile {
    /// The file that was named, or else the default one, and the node that was.
    pub fn new(named: Option<PathBuf>, node: Option<String>) -> Self {
        match named {
            Some(path) => Self {
                path,
                named: true,
                node,
            },
            None => Self {
                path: std::env::home_dir().unwrap_or_default().join(DEFAULT),
                named: false,
                node,
            },
        }
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The node that was named.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Reads and checks it: what it says for the node that was named, which it must
    /// have been where there are several.
    pub fn load(&self) -> Result<Config, ConfigError> {
        one_of(self.load_all()?, &self.path, self.node())
    }

    /// This file for the node that was named, or for each of its nodes.
    pub fn each(&self) -> Result<Vec<Self>, ConfigError> {
        let all = self.load_all()?;
        if self.node.is_some() || all.len() == 1 {
            one_of(all, &self.path, self.node())?;
            return Ok(vec![self.clone()]);
        }
        let of = |config: Config| Self {
            node: config.name,
            ..self.clone()
        };
        Ok(all.into_iter().map(of).collect())
    }

    fn load_all(&self) -> Result<Vec<Config>, ConfigError> {
        if !self.named && !self.path.exists() {
            let built_in = Config::parse_all("", std::env::home_dir().as_deref());
            return built_in.map_err(|faults| ConfigError::Faulty {
                path: self.path.clone(),
                faults,
            });
        }
        Config::load_all(&self.path)
    }
}

impl fmt::Display for SettingsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if !self.named && !self.path.exists() {
            f.write_str(" (missing; using built-in settings)")?;
        }
        Ok(())
    }
}
