//! Which RPCs the simulated node has, and which permission each needs: LND's
//! own (`MainRPCServerPermissions` and those of its sub-servers).

/// The service that needs no macaroon and answers in every state.
pub(super) const STATE_SERVICE: &str = "/lnrpc.State/";

/// An RPC's path, and the entity and action that permit it.
const PERMISSIONS: [(&str, &str, &str); 19] = [
    ("/lnrpc.Lightning/BakeMacaroon", "macaroon", "generate"),
    ("/lnrpc.Lightning/ClosedChannels", "offchain", "read"),
    ("/lnrpc.Lightning/DescribeGraph", "info", "read"),
    ("/lnrpc.Lightning/FeeReport", "offchain", "read"),
    ("/lnrpc.Lightning/ForwardingHistory", "offchain", "read"),
    ("/lnrpc.Lightning/GetChanInfo", "info", "read"),
    ("/lnrpc.Lightning/GetInfo", "info", "read"),
    ("/lnrpc.Lightning/GetNodeInfo", "info", "read"),
    ("/lnrpc.Lightning/GetTransactions", "onchain", "read"),
    ("/lnrpc.Lightning/ListChannels", "offchain", "read"),
    ("/lnrpc.Lightning/ListInvoices", "invoices", "read"),
    ("/lnrpc.Lightning/ListPayments", "offchain", "read"),
    ("/lnrpc.Lightning/ListPeers", "peers", "read"),
    ("/lnrpc.Lightning/PendingChannels", "offchain", "read"),
    (
        "/lnrpc.Lightning/SubscribeChannelEvents",
        "offchain",
        "read",
    ),
    ("/lnrpc.Lightning/UpdateChannelPolicy", "offchain", "write"),
    ("/routerrpc.Router/SubscribeHtlcEvents", "offchain", "read"),
    ("/routerrpc.Router/UpdateChanStatus", "offchain", "write"),
    ("/walletrpc.WalletKit/EstimateFee", "onchain", "read"),
];

/// Entities that LND knows, and the actions it gives to the one who may do
/// everything.
pub(super) const ADMIN: [(&str, &[&str]); 10] = [
    ("address", &["read", "write"]),
    ("info", &["read", "write"]),
    ("invoices", &["read", "write"]),
    ("macaroon", &["generate", "read", "write"]),
    ("message", &["read", "write"]),
    ("offchain", &["read", "write"]),
    ("onchain", &["read", "write"]),
    ("peers", &["read", "write"]),
    ("remotesigner", &["generate"]),
    ("signer", &["generate", "read"]),
];

/// The entity and action that permit the RPC at `path`; `None` if the node has
/// no such RPC.
pub(super) fn needed(path: &str) -> Option<(&'static str, &'static str)> {
    let rpc = PERMISSIONS.iter().find(|(known, _, _)| *known == path);
    rpc.map(|(_, entity, action)| (*entity, *action))
}
