//! Macaroons: baked as LND's are, and looked at as LND does, the caveat by
//! which `lncli` makes each short-lived included.

use std::collections::BTreeMap;

use chrono::DateTime;
use prost::Message;
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::rand::{SecureRandom, SystemRandom};
use tonic::Status;

use super::rpcs::{self, ADMIN};
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::Permissions;
use sweetspot_lnd::proto::MacaroonPermission;

const MACAROON_VERSION: u8 = 2;
const BAKERY_VERSION: u8 = 3;
const FIELD_LOCATION: u8 = 1;
const FIELD_IDENTIFIER: u8 = 2;
const FIELD_SIGNATURE: u8 = 6;
const END_OF_SECTION: u8 = 0;
/// LND's default root key's name.
const ROOT_KEY_ID: &[u8] = b"0";
/// From a root key, the macaroon library makes the key it signs with by this.
const KEY_GENERATOR: &[u8] = b"macaroons-key-generator";
const TIME_BEFORE: &str = "time-before ";

/// One permission: entity and action.
type Op = (String, String);

#[derive(Clone, PartialEq, Message)]
struct Identifier {
    #[prost(bytes = "vec", tag = "1")]
    nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    storage_id: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    ops: Vec<IdentifierOp>,
}

#[derive(Clone, PartialEq, Message)]
struct IdentifierOp {
    #[prost(string, tag = "1")]
    entity: String,
    #[prost(string, repeated, tag = "2")]
    actions: Vec<String>,
}

/// What macaroons are signed with, gone with the process.
#[derive(Debug)]
pub(super) struct Bakery {
    root_key: Vec<u8>,
}

impl Default for Bakery {
    fn default() -> Self {
        Self {
            root_key: random_bytes(32),
        }
    }
}

impl Bakery {
    /// A macaroon that permits everything.
    pub fn bake_admin(&self) -> Vec<u8> {
        let ops = ADMIN
            .iter()
            .flat_map(|(entity, actions)| actions.iter().map(|action| op(entity, action)));
        self.bake(&ops.collect::<Vec<_>>())
    }

    /// A macaroon that permits reading.
    pub fn bake_readonly(&self) -> Vec<u8> {
        let readable = ADMIN
            .iter()
            .filter(|(_, actions)| actions.contains(&"read"));
        let ops = readable.map(|(entity, _)| op(entity, "read"));
        self.bake(&ops.collect::<Vec<_>>())
    }

    /// A macaroon for single RPCs.
    pub fn bake_uris(&self, uris: &[&str]) -> Vec<u8> {
        let ops = uris.iter().map(|uri| op("uri", uri));
        self.bake(&ops.collect::<Vec<_>>())
    }

    /// A macaroon for what a caller of BakeMacaroon asks for.
    pub fn bake_asked(&self, asked: &[MacaroonPermission]) -> Result<Vec<u8>, Status> {
        if asked.is_empty() {
            return Err(Status::unknown(
                "permission list cannot be empty. specify at least one action/entity pair.",
            ));
        }
        asked.iter().try_for_each(check_asked)?;
        let ops = asked.iter().map(|asked| op(&asked.entity, &asked.action));
        Ok(self.bake(&ops.collect::<Vec<_>>()))
    }

    /// Makes every macaroon baked so far worthless.
    pub fn renew(&mut self) {
        self.root_key = random_bytes(32);
    }

    /// LND's check: whether the one macaroon shown permits the RPC at `path`.
    /// Who adds a time limit goes by the time outside: `now`.
    pub fn check(&self, shown: &[&[u8]], path: &str, now: Timestamp) -> Result<(), Status> {
        let [text] = shown else {
            return Err(Status::unknown(format!(
                "expected 1 macaroon, got {}",
                shown.len()
            )));
        };
        let bytes = hex::decode(text)
            .map_err(|_| Status::unknown("encoding/hex: invalid byte in the macaroon"))?;
        let unreadable =
            || Status::unknown("cannot determine data format of binary-encoded macaroon");
        let permissions = Permissions::of_macaroon(&bytes).map_err(|_| unreadable())?;
        let parts = Parts::of(&bytes).ok_or_else(unreadable)?;
        if self.signature(parts.identifier, &parts.caveats) != parts.signature {
            return Err(Status::unknown(
                "verification failed: signature mismatch after caveat verification",
            ));
        }
        for caveat in parts.caveats {
            check_caveat(caveat, now)?;
        }
        let permits = |wanted: Op| {
            permissions
                .iter()
                .any(|held| held.entity == wanted.0 && held.action == wanted.1)
        };
        let needed = rpcs::needed(path).map(|(entity, action)| op(entity, action));
        if needed.is_some_and(permits) || permits(op("uri", path)) {
            Ok(())
        } else {
            Err(Status::unknown("permission denied"))
        }
    }

    fn bake(&self, ops: &[Op]) -> Vec<u8> {
        let identifier = Identifier {
            nonce: random_bytes(16),
            storage_id: ROOT_KEY_ID.to_vec(),
            ops: by_entity(ops),
        };
        let identifier = [vec![BAKERY_VERSION], identifier.encode_to_vec()].concat();
        let mut bytes = vec![MACAROON_VERSION];
        push_field(&mut bytes, FIELD_LOCATION, b"lnd");
        push_field(&mut bytes, FIELD_IDENTIFIER, &identifier);
        // The end of the header, then of the caveats, of which there are none.
        bytes.extend([END_OF_SECTION, END_OF_SECTION]);
        push_field(
            &mut bytes,
            FIELD_SIGNATURE,
            &self.signature(&identifier, &[]),
        );
        bytes
    }

    fn signature(&self, identifier: &[u8], caveats: &[&[u8]]) -> Vec<u8> {
        let key = hmac(KEY_GENERATOR, &self.root_key);
        caveats
            .iter()
            .fold(hmac(&key, identifier), |key, caveat| hmac(&key, caveat))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text).as_ref().to_vec()
}

fn random_bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    // The system's source does not fail in practice; if it did, a simulated
    // node's macaroons could be guessed.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// A macaroon taken apart.
struct Parts<'a> {
    identifier: &'a [u8],
    caveats: Vec<&'a [u8]>,
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(macaroon: &'a [u8]) -> Option<Self> {
        let (&MACAROON_VERSION, mut rest) = macaroon.split_first()? else {
            return None;
        };
        let identifier = section(&mut rest)??;
        let mut caveats = vec![];
        while let Some(caveat) = section(&mut rest)? {
            caveats.push(caveat);
        }
        let (FIELD_SIGNATURE, signature) = field(&mut rest)? else {
            return None;
        };
        Some(Self {
            identifier,
            caveats,
            signature,
        })
    }
}

/// The identifier in a section of fields, up to its end; the inner `None` for
/// an empty section.
fn section<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let mut identifier = None;
    loop {
        if let Some((&END_OF_SECTION, rest)) = bytes.split_first() {
            *bytes = rest;
            return Some(identifier);
        }
        let (kind, content) = field(bytes)?;
        if kind == FIELD_IDENTIFIER {
            identifier = Some(content);
        }
    }
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&kind, mut rest) = bytes.split_first()?;
    let length = prost::decode_length_delimiter(&mut rest).ok()?;
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((kind, content))
}

/// The caveats that `lncli` adds; others nobody here could judge.
fn check_caveat(caveat: &[u8], now: Timestamp) -> Result<(), Status> {
    let text = String::from_utf8_lossy(caveat);
    let until = text
        .strip_prefix(TIME_BEFORE)
        .and_then(|until| DateTime::parse_from_rfc3339(until).ok());
    match until {
        Some(until) if now < Timestamp::from(until.to_utc()) => Ok(()),
        Some(_) => Err(Status::unknown(format!(
            "caveat \"{text}\" not satisfied: macaroon has expired"
        ))),
        None => Err(Status::unknown(format!(
            "caveat \"{text}\" not satisfied: caveat not recognized"
        ))),
    }
}

fn op(entity: &str, action: &str) -> Op {
    (entity.to_owned(), action.to_owned())
}

fn by_entity(ops: &[Op]) -> Vec<IdentifierOp> {
    let mut entities: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (entity, action) in ops {
        entities.entry(entity).or_default().push(action.clone());
    }
    entities
        .into_iter()
        .map(|(entity, actions)| IdentifierOp {
            entity: entity.to_owned(),
            actions,
        })
        .collect()
}

fn push_field(bytes: &mut Vec<u8>, kind: u8, content: &[u8]) {
    bytes.push(kind);
    prost::encoding::encode_varint(u64::try_from(content.len()).unwrap_or(0), bytes);
    bytes.extend(content);
}

fn check_asked(asked: &MacaroonPermission) -> Result<(), Status> {
    let (entity, action) = (asked.entity.as_str(), asked.action.as_str());
    if entity == "uri" {
        return match rpcs::needed(action) {
            Some(_) => Ok(()),
            None => Err(Status::unknown(
                "invalid permission action, must be an existing URI in the format \
                 /package.Service/MethodName",
            )),
        };
    }
    if !ADMIN.iter().any(|(known, _)| *known == entity) {
        return Err(Status::unknown("invalid permission entity."));
    }
    match ["read", "write", "generate"].contains(&action) {
        true => Ok(()),
        false => Err(Status::unknown("invalid permission action.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_lnd::{READ_URIS, WRITE_URI};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn verdict(bakery: &Bakery, macaroon: &[u8], path: &str) -> Result<(), String> {
        let text = hex::encode(macaroon);
        let verdict = bakery.check(&[text.as_bytes()], path, NOW);
        verdict.map_err(|status| status.message().to_owned())
    }

    #[test]
    fn what_is_baked_reads_back_as_what_it_permits() {
        let bakery = Bakery::default();
        let ours: Vec<_> = READ_URIS.into_iter().chain([WRITE_URI]).collect();
        let readonly = Permissions::of_macaroon(&bakery.bake_readonly()).expect("readable");
        assert!(READ_URIS.iter().all(|uri| readonly.permits(uri)));
        assert!(!readonly.permits(WRITE_URI));
        let ours = Permissions::of_macaroon(&bakery.bake_uris(&ours)).expect("readable");
        assert!(ours.permits(WRITE_URI));
        assert_eq!(ours.spending().count(), 0);
        let admin = Permissions::of_macaroon(&bakery.bake_admin()).expect("readable");
        assert_eq!(admin.spending().count(), 4);
    }

    #[test]
    fn a_macaroon_opens_what_it_names_and_no_more() {
        let bakery = Bakery::default();
        let admin = bakery.bake_admin();
        let readonly = bakery.bake_readonly();
        let one = bakery.bake_uris(&[WRITE_URI]);
        let denied = Err("permission denied".to_owned());
        assert_eq!(verdict(&bakery, &admin, WRITE_URI), Ok(()));
        assert_eq!(verdict(&bakery, &readonly, READ_URIS[0]), Ok(()));
        assert_eq!(verdict(&bakery, &readonly, WRITE_URI), denied);
        assert_eq!(verdict(&bakery, &one, WRITE_URI), Ok(()));
        assert_eq!(verdict(&bakery, &one, READ_URIS[0]), denied);
    }

    #[test]
    fn a_macaroon_of_another_node_or_root_key_is_refused() {
        let mut bakery = Bakery::default();
        let foreign = Bakery::default().bake_admin();
        let refused = verdict(&bakery, &foreign, WRITE_URI).expect_err("foreign");
        assert!(refused.contains("verification failed"), "{refused}");
        let own = bakery.bake_admin();
        bakery.renew();
        assert_eq!(verdict(&bakery, &own, WRITE_URI), Err(refused));
    }

    #[test]
    fn none_two_and_nonsense_are_refused_in_lnds_words() {
        let bakery = Bakery::default();
        let said = |shown: &[&[u8]]| {
            let refused = bakery.check(shown, WRITE_URI, NOW).expect_err("refused");
            assert_eq!(refused.code(), tonic::Code::Unknown);
            refused.message().to_owned()
        };
        assert_eq!(said(&[]), "expected 1 macaroon, got 0");
        assert_eq!(said(&[b"00", b"00"]), "expected 1 macaroon, got 2");
        assert!(said(&[b"xx"]).contains("macaroon"));
        assert!(said(&[b"ffff"]).contains("macaroon"));
    }

    #[test]
    fn only_permissions_that_exist_are_baked() {
        let bakery = Bakery::default();
        let ask = |entity: &str, action: &str| {
            let asked = MacaroonPermission {
                entity: entity.to_owned(),
                action: action.to_owned(),
            };
            bakery.bake_asked(&[asked]).map_err(|s| s.code())
        };
        assert!(ask("uri", WRITE_URI).is_ok());
        assert!(ask("offchain", "read").is_ok());
        for (entity, action) in [
            ("uri", "/lnrpc.Lightning/Nothing"),
            ("nothing", "read"),
            ("offchain", "nothing"),
        ] {
            assert_eq!(ask(entity, action), Err(tonic::Code::Unknown));
        }
    }

    /// What the holder of a macaroon does to narrow it.
    fn with_caveat(macaroon: &[u8], caveat: &str) -> Vec<u8> {
        let signature_field = 2 + 32;
        let (head, signature) = macaroon.split_at(macaroon.len() - 32);
        let mut bytes = head[..head.len() - 2 - 1].to_vec();
        assert_eq!(head.len() + 32 - bytes.len(), signature_field + 1);
        push_field(&mut bytes, FIELD_IDENTIFIER, caveat.as_bytes());
        bytes.extend([END_OF_SECTION, END_OF_SECTION]);
        push_field(
            &mut bytes,
            FIELD_SIGNATURE,
            &hmac(signature, caveat.as_bytes()),
        );
        bytes
    }

    #[test]
    fn a_caveat_is_heeded_and_cannot_be_taken_away() {
        let bakery = Bakery::default();
        let admin = bakery.bake_admin();
        let check = |caveat| verdict(&bakery, &with_caveat(&admin, caveat), WRITE_URI);
        assert_eq!(check("time-before 2027-01-15T08:00:01Z"), Ok(()));
        let late = check("time-before 2027-01-15T08:00:00Z").expect_err("expired");
        assert!(late.contains("has expired"), "{late}");
        let strange = check("lnd-custom x").expect_err("unknown");
        assert!(strange.contains("not recognized"), "{strange}");
        let mut forged = admin.clone();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert!(verdict(&bakery, &forged, WRITE_URI).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let bakery = Bakery::default();
        let whole = bakery.bake_readonly();
        for end in 0..whole.len() {
            assert!(verdict(&bakery, &whole[..end], WRITE_URI).is_err());
        }
    }
}
