//! Where alarms go. What is secret is named by its file alone.

use std::path::{Path, PathBuf};

/// Where an address is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In the config.
    Plain(String),
    /// In this file, for it is a secret.
    File(PathBuf),
}

/// One service, and how to reach it. An address is `https://…`, or `http://…` on this
/// machine or a private network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Any server that takes JSON.
    Webhook {
        /// Where to.
        url: Address,
        /// The bearer token.
        token_file: Option<PathBuf>,
    },
    /// ntfy: <https://docs.ntfy.sh/publish/#publish-as-json>.
    Ntfy {
        /// The server.
        server: String,
        /// The topic: who knows it, reads it.
        topic_file: PathBuf,
        /// An access token.
        token_file: Option<PathBuf>,
    },
    /// Telegram's Bot API: <https://core.telegram.org/bots/api#sendmessage>.
    Telegram {
        /// The server.
        server: String,
        /// The bot's token.
        token_file: PathBuf,
        /// The chat.
        chat_id: i64,
    },
}

impl Service {
    /// Its name in the config and the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Ntfy { .. } => "ntfy",
            Self::Telegram { .. } => "telegram",
        }
    }

    /// The files with its secrets.
    pub fn secret_files(&self) -> Vec<&Path> {
        let (one, other) = match self {
            Self::Webhook { url, token_file } => {
                let url = match url {
                    Address::Plain(_) => None,
                    Address::File(path) => Some(path),
                };
                (url, token_file.as_ref())
            }
            Self::Ntfy {
                topic_file,
                token_file,
                ..
            } => (Some(topic_file), token_file.as_ref()),
            Self::Telegram { token_file, .. } => (Some(token_file), None),
        };
        let files = one.into_iter().chain(other);
        files.map(PathBuf::as_path).collect()
    }
}
