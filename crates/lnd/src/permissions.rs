//! What a macaroon permits, read from the macaroon itself.
//!
//! LND's macaroons are in the binary form of version 2: a version byte, then
//! fields of type, length and content, the identifier among the first. The
//! identifier is that of a bakery of version 3: a version byte, then a protobuf
//! message that lists the permitted operations. Caveats, which can only take
//! permissions away, are not looked at.

use std::fmt;

use prost::Message;

/// The RPCs that any mode needs, as macaroon URIs.
pub const READ_URIS: [&str; 6] = [
    "/lnrpc.Lightning/GetInfo",
    "/lnrpc.Lightning/ListChannels",
    "/lnrpc.Lightning/GetNodeInfo",
    "/lnrpc.Lightning/GetChanInfo",
    "/lnrpc.Lightning/ForwardingHistory",
    "/lnrpc.Lightning/ClosedChannels",
];

/// The RPC that only manage mode needs, as a macaroon URI.
pub const WRITE_URI: &str = "/lnrpc.Lightning/UpdateChannelPolicy";

/// The RPC that only the alarm about force closes needs, as a macaroon URI.
pub const PENDING_URI: &str = "/lnrpc.Lightning/PendingChannels";

/// The RPC that only the record of rebalances needs, as a macaroon URI.
pub const PAYMENTS_URI: &str = "/lnrpc.Lightning/ListPayments";

/// The RPC that only the record of on-chain costs needs, as a macaroon URI.
pub const CHAIN_COSTS_URI: &str = "/lnrpc.Lightning/GetTransactions";

/// The RPC that only the history of on-chain fees needs, as a macaroon URI.
pub const CHAIN_FEES_URI: &str = "/walletrpc.WalletKit/EstimateFee";

/// The RPC that only the record of failed HTLCs needs, as a macaroon URI.
pub const HTLCS_URI: &str = "/routerrpc.Router/SubscribeHtlcEvents";
/// The RPC that only `scout` needs, and not if it is given a graph, as a macaroon URI.
pub const GRAPH_URI: &str = "/lnrpc.Lightning/DescribeGraph";

/// The entity by which a macaroon names single RPCs.
const URI: &str = "uri";

/// Entity and action by which funds can leave, or leave to spend be given.
const SPENDING: [(&str, &str); 4] = [
    ("offchain", "write"),
    ("onchain", "write"),
    ("signer", "generate"),
    ("macaroon", "generate"),
];

/// RPCs by which funds can leave (or be signed away, locked up or given up), or
/// leave to spend be given. The synchronous payment RPCs are of older nodes.
const SPENDING_URIS: [&str; 30] = [
    "/lnrpc.Lightning/AbandonChannel",
    "/lnrpc.Lightning/BakeMacaroon",
    "/lnrpc.Lightning/BatchOpenChannel",
    "/lnrpc.Lightning/CloseChannel",
    "/lnrpc.Lightning/FundingStateStep",
    "/lnrpc.Lightning/OpenChannel",
    "/lnrpc.Lightning/OpenChannelSync",
    "/lnrpc.Lightning/RestoreChannelBackups",
    "/lnrpc.Lightning/SendCoins",
    "/lnrpc.Lightning/SendMany",
    "/lnrpc.Lightning/SendPayment",
    "/lnrpc.Lightning/SendPaymentSync",
    "/lnrpc.Lightning/SendToRoute",
    "/lnrpc.Lightning/SendToRouteSync",
    "/routerrpc.Router/HtlcInterceptor",
    "/routerrpc.Router/SendPayment",
    "/routerrpc.Router/SendPaymentV2",
    "/routerrpc.Router/SendToRoute",
    "/routerrpc.Router/SendToRouteV2",
    "/signrpc.Signer/ComputeInputScript",
    "/signrpc.Signer/MuSig2Sign",
    "/signrpc.Signer/SignOutputRaw",
    "/walletrpc.WalletKit/BumpFee",
    "/walletrpc.WalletKit/BumpForceCloseFee",
    "/walletrpc.WalletKit/FinalizePsbt",
    "/walletrpc.WalletKit/FundPsbt",
    "/walletrpc.WalletKit/LeaseOutput",
    "/walletrpc.WalletKit/SendOutputs",
    "/walletrpc.WalletKit/SignPsbt",
    "/walletrpc.WalletKit/SubmitPackage",
];

/// One permission: `offchain:read`, or `uri:/lnrpc.Lightning/GetInfo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// What it is about; `uri` for a single RPC.
    pub entity: String,
    /// What may be done with it; the RPC's path for a `uri`.
    pub action: String,
}

impl Permission {
    /// Whether funds can leave the node by it.
    pub fn can_spend(&self) -> bool {
        if self.entity == URI {
            SPENDING_URIS.contains(&self.action.as_str())
        } else {
            SPENDING.contains(&(self.entity.as_str(), self.action.as_str()))
        }
    }

    /// Whether it alone permits the RPC `uri`, one of ours.
    fn covers(&self, uri: &str) -> bool {
        let (entity, action) = match uri {
            WRITE_URI => ("offchain", "write"),
            CHAIN_COSTS_URI | CHAIN_FEES_URI => ("onchain", "read"),
            GRAPH_URI => ("info", "read"),
            _ if uri.ends_with("Info") => ("info", "read"),
            _ => ("offchain", "read"),
        };
        match self.entity.as_str() {
            URI => self.action == uri,
            _ => self.entity == entity && self.action == action,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entity, self.action)
    }
}

/// Why a macaroon's permissions cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an LND macaroon: {0}")]
pub struct UnreadableMacaroon(&'static str);

/// What a macaroon permits, caveats aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Reads a macaroon's bytes.
    pub fn of_macaroon(macaroon: &[u8]) -> Result<Self, UnreadableMacaroon> {
        let id = identifier(macaroon)?;
        let Some((&BAKERY_VERSION, message)) = id.split_first() else {
            return Err(UnreadableMacaroon("unknown version of its identifier"));
        };
        let id = BakeryId::decode(message)
            .map_err(|_| UnreadableMacaroon("its identifier lists no permissions"))?;
        let mut permissions: Vec<_> = id
            .ops
            .into_iter()
            .flat_map(|op| {
                let BakeryOp { entity, actions } = op;
                actions.into_iter().map(move |action| Permission {
                    entity: entity.clone(),
                    action,
                })
            })
            .collect();
        permissions.sort();
        permissions.dedup();
        Ok(Self(permissions))
    }

    /// Every permission, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// Those by which funds can leave the node.
    pub fn spending(&self) -> impl Iterator<Item = &Permission> {
        self.iter().filter(|permission| permission.can_spend())
    }

    /// Whether the RPC `uri`, one of [`READ_URIS`] or [`WRITE_URI`], is permitted.
    pub fn permits(&self, uri: &str) -> bool {
        self.iter().any(|permission| permission.covers(uri))
    }
}

const MACAROON_VERSION: u8 = 2;
const BAKERY_VERSION: u8 = 3;
const FIELD_LOCATION: u64 = 1;
const FIELD_IDENTIFIER: u64 = 2;

#[derive(Clone, PartialEq, Message)]
struct BakeryId {
    #[prost(message, repeated, tag = "3")]
    ops: Vec<BakeryOp>,
}

#[derive(Clone, PartialEq, Message)]
struct BakeryOp {
    #[prost(string, tag = "1")]
    entity: String,
    #[prost(string, repeated, tag = "2")]
    actions: Vec<String>,
}

/// The identifier: the first field, or the second after a location.
fn identifier(macaroon: &[u8]) -> Result<&[u8], UnreadableMacaroon> {
    let Some((&MACAROON_VERSION, fields)) = macaroon.split_first() else {
        return Err(UnreadableMacaroon("not macaroon format version 2"));
    };
    let (kind, content, rest) = field(fields)?;
    let (kind, content) = if kind == FIELD_LOCATION {
        let (kind, content, _) = field(rest)?;
        (kind, content)
    } else {
        (kind, content)
    };
    if kind == FIELD_IDENTIFIER {
        Ok(content)
    } else {
        Err(UnreadableMacaroon("it has no identifier"))
    }
}

/// The first field's type and content, and what follows it.
fn field(mut bytes: &[u8]) -> Result<(u64, &[u8], &[u8]), UnreadableMacaroon> {
    let cut_off = || UnreadableMacaroon("it is truncated");
    let kind = prost::decode_length_delimiter(&mut bytes).map_err(|_| cut_off())?;
    let length = prost::decode_length_delimiter(&mut bytes).map_err(|_| cut_off())?;
    let (content, rest) = bytes.split_at_checked(length).ok_or_else(cut_off)?;
    Ok((u64::try_from(kind).unwrap_or(u64::MAX), content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A macaroon as LND bakes it, signature aside.
    fn macaroon(ops: &[(&str, &[&str])]) -> Vec<u8> {
        let id = BakeryId {
            ops: ops
                .iter()
                .map(|(entity, actions)| BakeryOp {
                    entity: (*entity).to_owned(),
                    actions: actions.iter().map(|action| (*action).to_owned()).collect(),
                })
                .collect(),
        };
        let id = [vec![BAKERY_VERSION], id.encode_to_vec()].concat();
        let mut bytes = vec![MACAROON_VERSION, 1, 3];
        bytes.extend(b"lnd");
        bytes.push(2);
        prost::encode_length_delimiter(id.len(), &mut bytes).expect("room");
        bytes.extend(id);
        bytes.extend([0, 0, 6, 0]);
        bytes
    }

    fn spending(ops: &[(&str, &[&str])]) -> Vec<String> {
        let permissions = Permissions::of_macaroon(&macaroon(ops)).expect("readable");
        permissions.spending().map(ToString::to_string).collect()
    }

    #[test]
    fn a_macaroon_lists_what_it_permits() {
        let bytes = macaroon(&[("offchain", &["write", "read"]), ("info", &["read"])]);
        let permissions = Permissions::of_macaroon(&bytes).expect("readable");
        let shown: Vec<_> = permissions.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["info:read", "offchain:read", "offchain:write"]);
        assert!(permissions.permits(WRITE_URI));
        assert!(READ_URIS.iter().all(|uri| permissions.permits(uri)));
    }

    #[test]
    fn the_uris_we_ask_for_suffice_and_cannot_spend() {
        let uris: Vec<_> = READ_URIS.into_iter().chain([WRITE_URI]).collect();
        let ours = Permissions::of_macaroon(&macaroon(&[(URI, &uris)])).expect("readable");
        assert!(uris.iter().all(|uri| ours.permits(uri)));
        assert_eq!(ours.spending().count(), 0);
    }

    #[test]
    fn a_read_only_macaroon_lacks_only_the_write() {
        let bytes = macaroon(&[("offchain", &["read"]), ("info", &["read"])]);
        let permissions = Permissions::of_macaroon(&bytes).expect("readable");
        assert!(READ_URIS.iter().all(|uri| permissions.permits(uri)));
        assert!(!permissions.permits(WRITE_URI));
        assert_eq!(permissions.spending().count(), 0);
    }

    #[test]
    fn what_can_spend_is_named() {
        assert_eq!(
            spending(&[
                ("offchain", &["read", "write"]),
                ("macaroon", &["generate", "read"]),
                ("info", &["read", "write"]),
            ]),
            ["macaroon:generate", "offchain:write"]
        );
        assert_eq!(
            spending(&[(URI, &["/routerrpc.Router/SendPaymentV2", WRITE_URI])]),
            ["uri:/routerrpc.Router/SendPaymentV2"]
        );
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let whole = macaroon(&[("offchain", &["read"])]);
        for end in 0..whole.len() {
            let _ = Permissions::of_macaroon(&whole[..end]);
        }
        for bytes in [
            &b""[..],
            b"\x02",
            b"\x01\x02",
            b"\x02\x02\xff\xff\xff\xff\xff\x0f",
        ] {
            assert!(Permissions::of_macaroon(bytes).is_err());
        }
    }
}
