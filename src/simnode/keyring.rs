//! Macaroons: baked as LND's are, and looked at as LND does.
//!
//! A macaroon here is valid if this node baked it: its signature is random and
//! remembered, where LND's is derived from a root key. So one with caveats
//! added by its holder, which LND would take, is refused.

use std::collections::BTreeMap;

use prost::Message;
use rustls::crypto::SecureRandom;
use tonic::Status;

use super::rpcs::{self, ADMIN};
use crate::lnd::Permissions;
use crate::lnd::proto::MacaroonPermission;

const MACAROON_VERSION: u8 = 2;
const BAKERY_VERSION: u8 = 3;
const FIELD_LOCATION: u8 = 1;
const FIELD_IDENTIFIER: u8 = 2;
const FIELD_SIGNATURE: u8 = 6;
const END_OF_SECTION: u8 = 0;
/// LND's default root key.
const ROOT_KEY_ID: &[u8] = b"0";

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

/// The macaroons in force.
#[derive(Debug)]
pub(super) struct Keyring {
    random: &'static dyn SecureRandom,
    baked: BTreeMap<Vec<u8>, Vec<Op>>,
}

impl Default for Keyring {
    fn default() -> Self {
        Self {
            random: rustls::crypto::ring::default_provider().secure_random,
            baked: BTreeMap::new(),
        }
    }
}

impl Keyring {
    /// A macaroon that permits everything.
    pub fn bake_admin(&mut self) -> Vec<u8> {
        let ops = ADMIN
            .iter()
            .flat_map(|(entity, actions)| actions.iter().map(|action| op(entity, action)));
        self.bake(ops.collect())
    }

    /// A macaroon that permits reading.
    pub fn bake_readonly(&mut self) -> Vec<u8> {
        let readable = ADMIN
            .iter()
            .filter(|(_, actions)| actions.contains(&"read"));
        self.bake(readable.map(|(entity, _)| op(entity, "read")).collect())
    }

    /// A macaroon for single RPCs.
    pub fn bake_uris(&mut self, uris: &[&str]) -> Vec<u8> {
        self.bake(uris.iter().map(|uri| op("uri", uri)).collect())
    }

    /// A macaroon for what a caller of BakeMacaroon asks for.
    pub fn bake_asked(&mut self, asked: &[MacaroonPermission]) -> Result<Vec<u8>, Status> {
        if asked.is_empty() {
            return Err(Status::unknown(
                "permission list cannot be empty. specify at least one action/entity pair.",
            ));
        }
        asked.iter().try_for_each(check_asked)?;
        let ops = asked.iter().map(|asked| op(&asked.entity, &asked.action));
        Ok(self.bake(ops.collect()))
    }

    /// Makes every macaroon baked so far worthless, as a new root key does.
    pub fn forget(&mut self) {
        self.baked.clear();
    }

    /// LND's check: whether the one macaroon shown permits the RPC at `path`.
    pub fn check(&self, shown: &[&[u8]], path: &str) -> Result<(), Status> {
        let [text] = shown else {
            return Err(Status::unknown(format!(
                "expected 1 macaroon, got {}",
                shown.len()
            )));
        };
        let bytes = hex::decode(text)
            .map_err(|_| Status::unknown("encoding/hex: invalid byte in the macaroon"))?;
        if Permissions::of_macaroon(&bytes).is_err() {
            return Err(Status::unknown(
                "cannot determine data format of binary-encoded macaroon",
            ));
        }
        let Some(ops) = self.baked.get(&bytes) else {
            return Err(Status::unknown(
                "verification failed: signature mismatch after caveat verification",
            ));
        };
        let needed = rpcs::needed(path).map(|(entity, action)| op(entity, action));
        let permits = |wanted: Op| ops.contains(&wanted);
        if needed.is_some_and(permits) || permits(op("uri", path)) {
            Ok(())
        } else {
            Err(Status::unknown("permission denied"))
        }
    }

    fn bake(&mut self, ops: Vec<Op>) -> Vec<u8> {
        let identifier = Identifier {
            nonce: self.random_bytes(16),
            storage_id: ROOT_KEY_ID.to_vec(),
            ops: by_entity(&ops),
        };
        let identifier = [vec![BAKERY_VERSION], identifier.encode_to_vec()].concat();
        let mut bytes = vec![MACAROON_VERSION];
        push_field(&mut bytes, FIELD_LOCATION, b"lnd");
        push_field(&mut bytes, FIELD_IDENTIFIER, &identifier);
        // The end of the header, then of the caveats, of which there are none.
        bytes.extend([END_OF_SECTION, END_OF_SECTION]);
        push_field(&mut bytes, FIELD_SIGNATURE, &self.random_bytes(32));
        self.baked.insert(bytes.clone(), ops);
        bytes
    }

    fn random_bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        // The system's source does not fail in practice; if it did, two
        // macaroons of a simulated node might be alike.
        let _ = self.random.fill(&mut bytes);
        bytes
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
    use crate::lnd::{READ_URIS, WRITE_URI};

    fn verdict(keyring: &Keyring, macaroon: &[u8], path: &str) -> Result<(), String> {
        let text = hex::encode(macaroon);
        let verdict = keyring.check(&[text.as_bytes()], path);
        verdict.map_err(|status| status.message().to_owned())
    }

    #[test]
    fn what_is_baked_reads_back_as_what_it_permits() {
        let mut keyring = Keyring::default();
        let ours: Vec<_> = READ_URIS.into_iter().chain([WRITE_URI]).collect();
        let readonly = Permissions::of_macaroon(&keyring.bake_readonly()).expect("readable");
        assert!(READ_URIS.iter().all(|uri| readonly.permits(uri)));
        assert!(!readonly.permits(WRITE_URI));
        let ours = Permissions::of_macaroon(&keyring.bake_uris(&ours)).expect("readable");
        assert!(ours.permits(WRITE_URI));
        assert_eq!(ours.spending().count(), 0);
        let admin = Permissions::of_macaroon(&keyring.bake_admin()).expect("readable");
        assert_eq!(admin.spending().count(), 4);
    }

    #[test]
    fn a_macaroon_opens_what_it_names_and_no_more() {
        let mut keyring = Keyring::default();
        let admin = keyring.bake_admin();
        let readonly = keyring.bake_readonly();
        let one = keyring.bake_uris(&[WRITE_URI]);
        let denied = Err("permission denied".to_owned());
        assert_eq!(verdict(&keyring, &admin, WRITE_URI), Ok(()));
        assert_eq!(verdict(&keyring, &readonly, READ_URIS[0]), Ok(()));
        assert_eq!(verdict(&keyring, &readonly, WRITE_URI), denied);
        assert_eq!(verdict(&keyring, &one, WRITE_URI), Ok(()));
        assert_eq!(verdict(&keyring, &one, READ_URIS[0]), denied);
    }

    #[test]
    fn a_macaroon_of_another_node_or_root_key_is_refused() {
        let mut keyring = Keyring::default();
        let foreign = Keyring::default().bake_admin();
        let refused = verdict(&keyring, &foreign, WRITE_URI).expect_err("foreign");
        assert!(refused.contains("verification failed"), "{refused}");
        let own = keyring.bake_admin();
        keyring.forget();
        assert_eq!(verdict(&keyring, &own, WRITE_URI), Err(refused));
    }

    #[test]
    fn none_two_and_nonsense_are_refused_in_lnds_words() {
        let keyring = Keyring::default();
        let said = |shown: &[&[u8]]| {
            let refused = keyring.check(shown, WRITE_URI).expect_err("refused");
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
        let mut keyring = Keyring::default();
        let mut ask = |entity: &str, action: &str| {
            let asked = MacaroonPermission {
                entity: entity.to_owned(),
                action: action.to_owned(),
            };
            keyring.bake_asked(&[asked]).map_err(|s| s.code())
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
}
