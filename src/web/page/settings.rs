//! The settings in effect, and where each comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::json::Ids;
use crate::web::guard::Visitor;
use crate::web::page::{channel_link, layout};
use crate::web::trouble::Trouble;
use crate::web::{Seen, Site};
use sweetspot_core::settings::keys::channel::{ChannelKey, ChannelLayer};
use sweetspot_core::settings::keys::node::{BudgetLayer, InboundLayer, RhythmLayer};
use sweetspot_core::settings::keys::{Key, Layer};
use sweetspot_core::settings::values::NodeSettings;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::units::BlockHeight;

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let seen = site.open().await?;
    let tip = seen.store.last_cycle().await?.map(|cycle| cycle.tip);
    let known = seen.store.channels().await?;
    let open: Vec<&Channel> = known
        .iter()
        .filter(|known| known.open)
        .map(|known| &known.channel)
        .collect();
    let content = html! {
        h2 { "The node" }
        (node(&seen.config.book.node))
        h2 { "Channels" }
        p { "The defaults, and what differs from them. Later sources win." }
        (channels(&seen, &open, tip.unwrap_or_default()))
    };
    Ok(layout(
        &visitor,
        "/settings",
        "Settings in effect",
        &content,
    ))
}

fn node(settings: &NodeSettings) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Settings of the node" {
            table class="keys" {
                caption { "Keys as in the config" }
                thead { tr { th scope="col" { "key" } th scope="col" { "value" } th scope="col" { "source" } } }
                tbody {
                    (section::<RhythmLayer>("rhythm", settings))
                    (section::<BudgetLayer>("budget", settings))
                    (section::<InboundLayer>("inbound", settings))
                }
            }
        }
    }
}

fn section<L: Layer<Settings = NodeSettings>>(name: &str, settings: &NodeSettings) -> Markup {
    let built_in = NodeSettings::default();
    html! {
        @for key in L::Key::ALL {
            @let (value, usual) = (L::written(settings, *key).to_string(), L::written(&built_in, *key).to_string());
            tr {
                th scope="row" { (name) "." (key.name()) }
                td { (value) }
                td { @if value == usual { "built in" } @else { "config" } }
            }
        }
    }
}

fn channels(seen: &Seen<'_>, open: &[&Channel], tip: BlockHeight) -> Markup {
    let book = &seen.config.book;
    let defaults = {
        let mut settings = Default::default();
        book.defaults.lay_over(&mut settings);
        settings
    };
    // Most channels differ from the defaults in the same way, or not at all.
    let mut alike: BTreeMap<(Vec<String>, Vec<String>), Vec<&Channel>> = BTreeMap::new();
    for channel in open {
        let settings = book.resolve(channel, tip, seen.now);
        let differs = ChannelKey::ALL.iter().filter_map(|key| {
            let value = ChannelLayer::written(&settings, *key).to_string();
            let usual = ChannelLayer::written(&defaults, *key).to_string();
            (value != usual).then(|| format!("{} = {value}", key.name()))
        });
        let sources = book.sources(channel, tip, seen.now);
        alike
            .entry((sources, differs.collect()))
            .or_default()
            .push(channel);
    }
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Settings of channels" {
            table {
                caption { "By where they come from" }
                thead { tr { th scope="col" { "sources" } th scope="col" { "differs from the defaults" } th scope="col" { "channels" } } }
                tbody {
                    @for ((sources, differs), channels) in &alike {
                        tr {
                            td { (sources.join(", ")) }
                            td { @if differs.is_empty() { "nothing" } @else { (differs.join(", ")) } }
                            td {
                                @if channels.len() > 12 {
                                    details { summary { (channels.len()) " channels" } (links(channels)) }
                                } @else { (links(channels)) }
                            }
                        }
                    }
                }
            }
        }
        h2 { "Defaults" }
        div class="scroll" tabindex="0" role="region" aria-label="Defaults" {
            table class="keys" {
                caption { "Of every channel" }
                thead { tr { th scope="col" { "key" } th scope="col" { "value" } th scope="col" { "source" } } }
                tbody {
                    @for key in ChannelKey::ALL {
                        tr {
                            th scope="row" { (key.name()) }
                            td { (ChannelLayer::written(&defaults, *key).to_string()) }
                            td { @if book.defaults.sets(*key) { "config" } @else { "built in" } }
                        }
                    }
                }
            }
        }
    }
}

fn links(channels: &[&Channel]) -> Markup {
    html! { @for channel in channels { (channel_link(&Ids::of(channel))) " " } }
}
