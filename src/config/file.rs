//! Which settings file is meant.

use std::fmt;
use std::path::PathBuf;

use super::{Config, ConfigError};

/// Where settings are looked for if no file is named, below the home folder.
const DEFAULT: &str = ".sweetspot/config.toml";

/// The settings file: one that was named, or the default one, which may be
/// missing: then the built-in settings hold, which only observe.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
    named: bool,
}

impl SettingsFile {
    /// The file that was named, or else the default one.
    pub fn new(named: Option<PathBuf>) -> Self {
        match named {
            Some(path) => Self { path, named: true },
            None => Self {
                path: std::env::home_dir().unwrap_or_default().join(DEFAULT),
                named: false,
            },
        }
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Reads and checks it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        if !self.named && !self.path.exists() {
            return Config::parse("", std::env::home_dir().as_deref()).map_err(|faults| {
                ConfigError::Faulty {
                    path: self.path.clone(),
                    faults,
                }
            });
        }
        Config::load(&self.path)
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
