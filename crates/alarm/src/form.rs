//! The request that each service takes.

use serde_json::{Value, json};

use super::http::{Request, SendError};
use super::secret::Secret;
use sweetspot_core::alarm::message::Message;
use sweetspot_core::alarm::service::{Address, Service};
use sweetspot_core::alarm::standing::{Notice, Turn};

/// The form of the webhook's JSON; a higher one may drop or rename keys.
const SCHEMA: u32 = 1;
/// Of ntfy's five: 3 is the default, 4 makes a noise.
const ORDINARY: u8 = 3;
const HIGH: u8 = 4;

/// What to send.
pub fn request(service: &Service, message: &Message) -> Result<Request, SendError> {
    match service {
        Service::Webhook { url, token_file } => Ok(Request {
            url: match url {
                Address::Plain(url) => url.clone(),
                Address::File(path) => Secret::read(path)?.reveal().to_owned(),
            },
            bearer: token_file.as_deref().map(Secret::read).transpose()?,
            body: webhook(message).to_string(),
        }),
        Service::Ntfy {
            server,
            topic_file,
            token_file,
        } => {
            let topic = Secret::read(topic_file)?;
            let body = json!({
                "topic": topic.reveal(),
                "title": message.title,
                "message": message.text,
                "priority": if message.urgent { HIGH } else { ORDINARY },
            });
            Ok(Request {
                url: format!("{}/", server.trim_end_matches('/')),
                bearer: token_file.as_deref().map(Secret::read).transpose()?,
                body: body.to_string(),
            })
        }
        Service::Telegram {
            server,
            token_file,
            chat_id,
        } => {
            let token = Secret::read(token_file)?;
            // Without `parse_mode`, nothing in it is markup.
            let body = json!({
                "chat_id": chat_id,
                "text": format!("{}\n{}", message.title, message.text),
                "disable_notification": !message.urgent,
                "link_preview_options": { "is_disabled": true },
            });
            let server = server.trim_end_matches('/');
            Ok(Request {
                url: format!("{server}/bot{}/sendMessage", token.reveal()),
                bearer: None,
                body: body.to_string(),
            })
        }
    }
}

fn webhook(message: &Message) -> Value {
    let alarms: Vec<Value> = message.notices.iter().map(alarm).collect();
    json!({
        "schema": SCHEMA,
        "title": message.title,
        "text": message.text,
        "urgent": message.urgent,
        "alarms": alarms,
        "left_off": message.left_off,
    })
}

fn alarm(notice: &Notice) -> Value {
    json!({
        "kind": notice.kind.code(),
        "state": match notice.turn {
            Turn::Happened => "happened",
            Turn::Begins => "begins",
            Turn::Lasts => "lasts",
            Turn::Over => "over",
        },
        "channel_point": notice.channel.map(|point| point.to_string()),
        "text": notice.text.as_str(),
        "times": notice.times,
        "lasted_secs": notice.lasted.as_secs(),
    })
}
