//! A page of the journal: what one turn was given, and how it is told by what the
//! turn before was given.
//!
//! ```text
//! {"cycle": {..}, "channels": {"0": {..}, "7": null}, "settings": {"0": {..}}}
//! ```
//! Each part is a merge patch on the page before, or all of it, where settings may
//! be said to be those of another channel: `"settings": {"0": {..}, "1": 0}`. A
//! channel goes by a small number that it has on every page: its point is 32 bytes
//! of noise. A page names only what changed, so telling it costs what changed.

mod numbers;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::columns::json;
use super::deflated::Deflater;
use super::fault::Fault;
use super::forms::{ByField, ChannelForm, ChannelSettingsForm, CycleInputForm, Form};
use super::patch;
use numbers::Numbers;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::settings::values::ChannelSettings;
use sweetspot_core::types::channel::{Channel, ChannelPoint};
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

type Object = Map<String, Value>;

/// What a turn was given, and the numbers of its channels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    input: CycleInput,
    numbers: Numbers,
}

impl Page {
    /// What the turn was given.
    pub fn input(&self) -> &CycleInput {
        &self.input
    }

    /// The first page of all.
    pub fn of(input: &CycleInput) -> Self {
        Self {
            input: input.clone(),
            numbers: renumbered(input, &Numbers::default()).unwrap_or_default(),
        }
    }

    /// All of this page, deflated. A channel at a time: of a hub's, all at once would be
    /// some megabytes.
    pub fn told_whole(&self) -> Result<Vec<u8>, Fault> {
        let mut out = Deflater::new()?;
        let mut tell = |text: &str| out.write_all(text.as_bytes()).map_err(unreadable);
        tell("{\"cycle\":")?;
        tell(&json("a cycle's input", &CycleInputForm::of(&self.input))?)?;
        tell(",\"channels\":{")?;
        let mut by_number: Vec<(u32, &Channel)> = vec![];
        for (number, point) in self.numbers.by_number() {
            by_number.extend(self.input.seen.channels.get(&point).map(|c| (number, c)));
        }
        for (place, (number, channel)) in by_number.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            tell(&format!("{comma}\"{number}\":{}", read_back_text(channel)?))?;
        }
        tell("},\"settings\":")?;
        let settings = settings_told(&self.input, &by_number)?;
        tell(&json("settings", &settings)?)?;
        tell("}")?;
        out.finish()
    }

    /// The page after this one, and what differs.
    pub fn next(mut self, input: &CycleInput) -> Result<(Self, String), Fault> {
        let renumbered = renumbered(input, &self.numbers);
        let numbers = renumbered.as_ref().unwrap_or(&self.numbers);
        let before = object(&CycleInputForm::of(&self.input))?;
        let cycle = patch::between(&before, &object(&CycleInputForm::of(input))?);
        let known = &mut self.input.seen.channels;
        let channels = differences(
            (known, &self.numbers),
            (&input.seen.channels, numbers),
            |old, new| ChannelForm::differing(old, new).map_err(unreadable),
            read_back::<_, ChannelForm>,
        )?;
        let settings = differences(
            (&mut self.input.settings, &self.numbers),
            (&input.settings, numbers),
            |old, new| {
                Ok([
                    read_back::<_, ChannelSettingsForm>(old)?,
                    read_back::<_, ChannelSettingsForm>(new)?,
                ])
            },
            read_back::<_, ChannelSettingsForm>,
        )?;
        if let Some(numbers) = renumbered {
            self.numbers = numbers;
        }
        let page = self.with_cycle(input.seen.at, cycle.clone())?;
        page.must_be(input)?;
        let parts = [
            ("cycle", cycle),
            ("channels", channels),
            ("settings", settings),
        ];
        let told = parts.into_iter().filter(|(_, part)| !part.is_empty());
        let told = told.map(|(name, part)| (name.to_owned(), part.into()));
        Ok((page, Value::Object(told.collect()).to_string()))
    }

    /// The page that a whole one tells.
    pub fn whole(at: Timestamp, text: &str) -> Result<Self, Fault> {
        let told: Whole = serde_json::from_str(text).map_err(unreadable)?;
        let mut page = Self {
            input: told.cycle.into_core(at),
            numbers: Numbers::default(),
        };
        for (number, form) in told.channels {
            let channel = form.into_core();
            page.numbers.insert(channel.point, number);
            page.input.seen.channels.insert(channel.point, channel);
        }
        let mut own: BTreeMap<u32, ChannelSettings> = BTreeMap::new();
        for (number, form) in told.settings {
            let Some(point) = page.numbers.point(number) else {
                return Err(unreadable("settings of no channel"));
            };
            let settings = match form {
                SettingsTold::SameAs(other) => own.get(&other).copied(),
                SettingsTold::Own(form) => Some(form.into_core()),
            };
            let settings = settings.ok_or_else(|| unreadable("the same settings as none"))?;
            own.insert(number, settings);
            page.input.settings.insert(point, settings);
        }
        Ok(page)
    }

    /// The page that differs from this one by what is told.
    pub fn turned(mut self, at: Timestamp, text: &str) -> Result<Self, Fault> {
        let told = Told::of(text)?;
        self = self.with_cycle(at, told.cycle)?;
        self.apply(told.channels, told.settings)?;
        Ok(self)
    }

    /// The same channels and settings, and what else the cycle was given as told.
    fn with_cycle(mut self, at: Timestamp, told: Object) -> Result<Self, Fault> {
        let mut cycle = object(&CycleInputForm::of(&self.input))?;
        patch::apply(&mut cycle, told);
        let form: CycleInputForm = serde_json::from_value(cycle.into()).map_err(unreadable)?;
        let (channels, settings) = (self.input.seen.channels, self.input.settings);
        self.input = form.into_core(at);
        (self.input.seen.channels, self.input.settings) = (channels, settings);
        Ok(self)
    }

    /// A page that does not read back as what it was written for is worse than
    /// none: JSON has no word for a float that is not a number. What is said of single
    /// channels was looked at one by one.
    fn must_be(&self, input: &CycleInput) -> Result<(), Fault> {
        let of_the_cycle = |input: &CycleInput| CycleInput {
            seen: Observation {
                channels: BTreeMap::new(),
                ..input.seen
            },
            settings: BTreeMap::new(),
            ordered: input.ordered.clone(),
            ..*input
        };
        match of_the_cycle(&self.input) == of_the_cycle(input) {
            true => Ok(()),
            false => Err(unreadable("it does not read back as it was")),
        }
    }

    /// What is told of a channel is unfolded when it is its turn: all of a hub's at once
    /// would be a megabyte a page.
    fn apply(&mut self, channels: Parts<'_>, settings: Parts<'_>) -> Result<(), Fault> {
        for (number, told) in channels {
            let told = serde_json::from_str(told.get()).map_err(unreadable)?;
            let point = self.numbers.point(number);
            let known = &mut self.input.seen.channels;
            match (told, point) {
                (Value::Null, Some(point)) => {
                    known.remove(&point);
                    self.input.settings.remove(&point);
                    self.numbers.remove(&point);
                }
                (Value::Object(told), Some(point))
                    if !told.contains_key("point")
                        && known
                            .get_mut(&point)
                            .is_some_and(|channel| ChannelForm::patch(channel, &told).is_ok()) => {}
                (told, _) => {
                    let before = point.and_then(|point| known.get(&point));
                    let form: ChannelForm = patched(before.map(ChannelForm::of), told)?;
                    let channel = form.into_core();
                    self.numbers.insert(channel.point, number);
                    known.insert(channel.point, channel);
                }
            }
        }
        for (number, told) in settings {
            let told = serde_json::from_str(told.get()).map_err(unreadable)?;
            let known = &mut self.input.settings;
            match (told, self.numbers.point(number)) {
                (Value::Null, Some(point)) => {
                    known.remove(&point);
                }
                // They went with their channel.
                (Value::Null, None) => {}
                (told, Some(point)) => {
                    let before = known.get(&point).map(ChannelSettingsForm::of);
                    let form: ChannelSettingsForm = patched(before, told)?;
                    known.insert(point, form.into_core());
                }
                (_, None) => return Err(unreadable("settings of no channel")),
            }
        }
        Ok(())
    }
}

/// All of a page: nothing of a page before is needed.
#[derive(Deserialize)]
struct Whole {
    cycle: CycleInputForm,
    channels: BTreeMap<u32, ChannelForm>,
    settings: BTreeMap<u32, SettingsTold>,
}

/// What held for a channel. Most channels of a node have the same settings.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SettingsTold {
    /// As for the channel of this number, which is a lower one.
    SameAs(u32),
    Own(Box<ChannelSettingsForm>),
}

/// Among how many settings the same are looked for: a node has a few.
const SETTINGS_LOOKED_AT: usize = 64;

/// What held for these channels.
fn settings_told(
    input: &CycleInput,
    by_number: &[(u32, &Channel)],
) -> Result<BTreeMap<u32, SettingsTold>, Fault> {
    let mut own: Vec<(u32, &ChannelSettings)> = vec![];
    let mut told = BTreeMap::new();
    for (number, channel) in by_number {
        let Some(settings) = input.settings.get(&channel.point) else {
            continue;
        };
        let mut latest = own.iter().rev().take(SETTINGS_LOOKED_AT);
        let this = match latest.find(|(_, other)| *other == settings) {
            Some((same, _)) => SettingsTold::SameAs(*same),
            None => {
                own.push((*number, settings));
                read_back::<_, ChannelSettingsForm>(settings)?;
                SettingsTold::Own(Box::new(ChannelSettingsForm::of(settings)))
            }
        };
        told.insert(*number, this);
    }
    Ok(told)
}

/// The parts of a page's text.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(default)]
    cycle: Object,
    #[serde(default, borrow)]
    channels: Parts<'a>,
    #[serde(default, borrow)]
    settings: Parts<'a>,
}

/// Texts by the channel's number.
type Parts<'a> = BTreeMap<u32, &'a RawValue>;

impl<'a> Told<'a> {
    fn of(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(unreadable)
    }
}

/// The numbers of a cycle's channels. None where the channels are those of before.
fn renumbered(input: &CycleInput, before: &Numbers) -> Option<Numbers> {
    before.followed_by(input.seen.channels.keys())
}

/// How one map differs from another, channels by their numbers; the first becomes as the
/// second is. Both are walked once, side by side.
fn differences<T: PartialEq + Clone>(
    (known, numbers_before): (&mut BTreeMap<ChannelPoint, T>, &Numbers),
    (now, numbers): (&BTreeMap<ChannelPoint, T>, &Numbers),
    differing: impl Fn(&T, &T) -> Result<[Object; 2], Fault>,
    whole: impl Fn(&T) -> Result<Object, Fault>,
) -> Result<Object, Fault> {
    let mut found = Object::new();
    let mut tell = |numbers: &Numbers, point: &ChannelPoint, told: Value| {
        if let Some(number) = numbers.of(point) {
            found.insert(number.to_string(), told);
        }
    };
    let (mut came, mut gone) = (vec![], vec![]);
    let mut before = known.iter_mut().peekable();
    for (point, new) in now {
        while let Some((earlier, _)) = before.next_if(|(known, _)| *known < point) {
            gone.push(*earlier);
        }
        match before.next_if(|(known, _)| *known == point) {
            Some((_, old)) if old == new => {}
            Some((_, old)) => {
                let [from, to] = differing(old, new)?.map(patch::fields_without_nulls);
                tell(numbers, point, patch::between(&from, &to).into());
                old.clone_from(new);
            }
            None => came.push((*point, new)),
        }
    }
    gone.extend(before.map(|(point, _)| *point));
    for (point, new) in came {
        tell(numbers, &point, whole(new)?.into());
        known.insert(point, new.clone());
    }
    for point in gone {
        tell(numbers_before, &point, Value::Null);
        known.remove(&point);
    }
    Ok(found)
}

/// The form of a value that reads back as it was.
fn read_back<T: PartialEq, F>(value: &T) -> Result<Object, Fault>
where
    F: Form<T> + Serialize + DeserializeOwned,
{
    let told = object(&F::of(value))?;
    let read: F = patched(None, told.clone().into())?;
    match read.into_core() == *value {
        true => Ok(told),
        false => Err(unreadable("it does not read back as it was")),
    }
}

/// The JSON of a channel, which reads back as it was.
fn read_back_text(channel: &Channel) -> Result<String, Fault> {
    let text = serde_json::to_string(&ChannelForm::of(channel)).map_err(unreadable)?;
    let read: ChannelForm = serde_json::from_str(&text).map_err(unreadable)?;
    match read.into_core() == *channel {
        true => Ok(text),
        false => Err(unreadable("it does not read back as it was")),
    }
}

/// A form, changed by a patch, or all of it.
fn patched<F: Serialize + DeserializeOwned>(before: Option<F>, told: Value) -> Result<F, Fault> {
    let Value::Object(told) = told else {
        return Err(unreadable("it is no object"));
    };
    let before = serde_json::to_value(&before).map_err(unreadable)?;
    serde_json::from_value(patch::onto(before, told)).map_err(unreadable)
}

/// A form as an object without nulls.
fn object<F: Serialize>(form: &F) -> Result<Object, Fault> {
    let value = serde_json::to_value(form).map_err(unreadable)?;
    match patch::without_nulls(value) {
        Value::Object(fields) => Ok(fields),
        _ => Err(unreadable("it is no object")),
    }
}

fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::unreadable("a cycle's input", why)
}
