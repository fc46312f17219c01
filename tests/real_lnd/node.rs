//! One real lnd with a wallet behind a password, so that each start leaves it locked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::chain::{Chain, RPC_LOGIN};
use crate::process::{Process, free_port, until};
use crate::rest;

/// "sweetspot" in base64, as REST wants bytes.
const WALLET_PASSWORD: &str = "c3dlZXRzcG90";
/// The day of the regtest genesis block: any later birthday would skip the mined coins.
const WALLET_BIRTHDAY_SECS: &str = "1296688602";
const STATE_LIMIT: Duration = Duration::from_secs(60);
const LNCLI_LIMIT: Duration = Duration::from_secs(30);

/// Who a node is: a name, a wallet, and that wallet's first address, known before it exists so
/// that the chain can pay it from its first block.
#[derive(Clone, Copy)]
pub struct Identity {
    /// Alias and directory.
    pub name: &'static str,
    /// BIP 32 root key for regtest.
    pub root_key: &'static str,
    /// First P2WPKH address of that root key.
    pub first_address: &'static str,
}

/// A node's routing policy on one channel, as a graph shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Base fee, msat.
    pub base_fee_msat: i64,
    /// Proportional fee, ppm.
    pub fee_ppm: u32,
    /// CLTV delta, blocks.
    pub cltv_delta: u32,
    /// Smallest HTLC, msat.
    pub min_htlc_msat: i64,
    /// Largest HTLC, msat.
    pub max_htlc_msat: i64,
    /// Inbound base fee, msat; zero or a discount.
    pub inbound_base_fee_msat: i32,
    /// Inbound proportional fee, ppm; zero or a discount.
    pub inbound_fee_ppm: i32,
}

/// An lnd and the way to talk to it.
pub struct Node {
    identity: Identity,
    dir: PathBuf,
    args: Vec<String>,
    rpc_port: u16,
    p2p_port: u16,
    rest_port: u16,
    lnd: Option<Process>,
    pubkey: OnceLock<String>,
}

impl Node {
    /// Prepares a node in its own directory under `parent`; nothing runs yet.
    pub fn new(identity: Identity, parent: &Path, chain: &Chain) -> Self {
        let dir = parent.join(identity.name);
        let [rpc_port, p2p_port, rest_port] = [free_port(), free_port(), free_port()];
        let [user, password] = RPC_LOGIN;
        let args = vec![
            format!("--lnddir={}", dir.display()),
            format!("--alias={}", identity.name),
            "--bitcoin.regtest".into(),
            "--bitcoin.node=btcd".into(),
            format!("--btcd.rpchost={}", chain.rpc_host()),
            format!("--btcd.rpcuser={user}"),
            format!("--btcd.rpcpass={password}"),
            format!("--btcd.rpccert={}", chain.rpc_cert().display()),
            "--nobootstrap".into(),
            format!("--listen=127.0.0.1:{p2p_port}"),
            format!("--externalip=127.0.0.1:{p2p_port}"),
            format!("--rpclisten=127.0.0.1:{rpc_port}"),
            format!("--restlisten=127.0.0.1:{rest_port}"),
            "--no-rest-tls".into(),
            "--bitcoin.defaultchanconfs=1".into(),
            "--bitcoin.defaultremotedelay=4".into(),
            "--accept-keysend".into(),
            "--maxpendingchannels=10".into(),
            // Gossip within milliseconds instead of minutes.
            "--trickledelay=50".into(),
            "--gossip.sub-batch-delay=5ms".into(),
            "--gossip.channel-update-interval=1s".into(),
            "--gossip.max-channel-update-burst=1000".into(),
            "--caches.rpc-graph-cache-duration=100ms".into(),
            "--db.batch-commit-interval=10ms".into(),
            "--debuglevel=info".into(),
        ];
        Self {
            identity,
            dir,
            args,
            rpc_port,
            p2p_port,
            rest_port,
            lnd: None,
            pubkey: OnceLock::new(),
        }
    }

    /// The node's alias.
    pub fn name(&self) -> &'static str {
        self.identity.name
    }

    /// Starts lnd. It then waits for its wallet to be created or unlocked.
    pub fn start(&mut self) {
        let log = self.dir.with_extension("log");
        let mut command = Command::new("lnd");
        command.env("HOME", &self.dir).args(&self.args);
        self.lnd = Some(Process::spawn(self.name(), &mut command, &log));
    }

    /// Stops lnd in good order.
    pub fn stop(&mut self) {
        let lnd = self.lnd.take().expect("the node runs");
        lnd.terminate();
    }

    /// Creates the wallet, which also unlocks it for this run.
    pub fn create_wallet(&self) {
        let request = json!({
            "wallet_password": WALLET_PASSWORD,
            "extended_master_key": self.identity.root_key,
            "extended_master_key_birthday_timestamp": WALLET_BIRTHDAY_SECS,
            "recovery_window": 1,
        });
        rest::call(self.rest_port, "/v1/initwallet", Some(&request))
            .unwrap_or_else(|e| panic!("create {}'s wallet: {e}", self.name()));
    }

    /// Unlocks the wallet.
    pub fn unlock(&self) {
        let request = json!({ "wallet_password": WALLET_PASSWORD });
        rest::call(self.rest_port, "/v1/unlockwallet", Some(&request))
            .unwrap_or_else(|e| panic!("unlock {}'s wallet: {e}", self.name()));
    }

    /// The wallet's state by LND's name, such as `LOCKED` or `SERVER_ACTIVE`.
    pub fn state(&self) -> Result<String, String> {
        let reply = rest::call(self.rest_port, "/v1/state", None)?;
        Ok(text(&reply["state"]))
    }

    /// Waits until the node is in `state`.
    pub fn wait_for_state(&mut self, state: &str) {
        let what = format!("{} is {state}", self.name());
        until(&what, STATE_LIMIT, || {
            if let Some(status) = self.lnd.as_mut().expect("the node runs").exited() {
                panic!("{} ended: {status}", self.name());
            }
            let seen = self.state()?;
            (seen == state).then_some(()).ok_or(seen)
        });
    }

    /// Runs `lncli` as the node's administrator and gives what it prints.
    pub fn try_lncli(&self, args: &[&str]) -> Result<Value, String> {
        self.lncli_with(&self.macaroon("admin"), args)
    }

    /// Runs `lncli` with the rights of one macaroon and gives what it prints.
    pub fn lncli_with(&self, macaroon: &Path, args: &[&str]) -> Result<Value, String> {
        let output = Command::new("lncli")
            .env("HOME", &self.dir)
            .arg("--network=regtest")
            .arg(format!("--rpcserver={}", self.rpc_address()))
            .arg(format!("--tlscertpath={}", self.tls_cert().display()))
            .arg(format!("--macaroonpath={}", macaroon.display()))
            .args(args)
            .output()
            .expect("lncli runs");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: lncli {args:?}: {said}", self.name()));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        Ok(serde_json::from_str(&printed).unwrap_or_else(|_| json!(printed.trim())))
    }

    /// As [`Self::try_lncli`]; a refusal fails the test.
    pub fn lncli(&self, args: &[&str]) -> Value {
        self.try_lncli(args).unwrap_or_else(|e| panic!("{e}"))
    }

    /// As [`Self::lncli`], for a command that the node refuses until it is ready for it.
    pub fn lncli_when_ready(&self, args: &[&str]) -> Value {
        let what = format!("{} accepts {args:?}", self.name());
        until(&what, LNCLI_LIMIT, || self.try_lncli(args))
    }

    /// The gRPC server's address, `host:port`.
    pub fn rpc_address(&self) -> String {
        format!("127.0.0.1:{}", self.rpc_port)
    }

    /// The gRPC server's certificate.
    pub fn tls_cert(&self) -> PathBuf {
        self.dir.join("tls.cert")
    }

    /// A macaroon lnd made itself: `admin`, `readonly` and so on.
    pub fn macaroon(&self, name: &str) -> PathBuf {
        let file = format!("data/chain/bitcoin/regtest/{name}.macaroon");
        self.dir.join(file)
    }

    /// Has the node write a macaroon to `save_to` that allows just these `uri:…` permissions.
    pub fn bake_macaroon(&self, save_to: &Path, uris: &[&str]) {
        let save_to = format!("--save_to={}", save_to.display());
        let mut args = vec!["bakemacaroon", save_to.as_str()];
        args.extend(uris);
        self.lncli(&args);
    }

    /// The address other nodes connect to, `host:port`.
    pub fn p2p_address(&self) -> String {
        format!("127.0.0.1:{}", self.p2p_port)
    }

    /// The node's public key, hex.
    pub fn pubkey(&self) -> String {
        let ask = || text(&self.lncli(&["getinfo"])["identity_pubkey"]);
        self.pubkey.get_or_init(ask).clone()
    }

    /// The policy `owner` set on `channel_point`, as this node's graph shows it; none while the
    /// channel or that side of it is unknown here.
    pub fn policy(&self, channel_point: &str, owner: &str) -> Option<Policy> {
        let edge = self
            .try_lncli(&["getchaninfo", "--chan_point", channel_point])
            .ok()?;
        let side = if edge["node1_pub"] == owner {
            &edge["node1_policy"]
        } else {
            &edge["node2_policy"]
        };
        side.is_object().then(|| Policy {
            base_fee_msat: number(&side["fee_base_msat"]),
            fee_ppm: number(&side["fee_rate_milli_msat"]),
            cltv_delta: number(&side["time_lock_delta"]),
            min_htlc_msat: number(&side["min_htlc"]),
            max_htlc_msat: number(&side["max_htlc_msat"]),
            inbound_base_fee_msat: number(&side["inbound_fee_base_msat"]),
            inbound_fee_ppm: number(&side["inbound_fee_rate_milli_msat"]),
        })
    }

    /// Sets this node's policy on one of its channels, as an operator would by hand.
    pub fn set_policy(&self, channel_point: &str, policy: &Policy) {
        let reply = self.lncli(&[
            "updatechanpolicy",
            &format!("--base_fee_msat={}", policy.base_fee_msat),
            &format!("--fee_rate_ppm={}", policy.fee_ppm),
            &format!("--time_lock_delta={}", policy.cltv_delta),
            &format!("--min_htlc_msat={}", policy.min_htlc_msat),
            &format!("--max_htlc_msat={}", policy.max_htlc_msat),
            &format!("--inbound_base_fee_msat={}", policy.inbound_base_fee_msat),
            &format!("--inbound_fee_rate_ppm={}", policy.inbound_fee_ppm),
            &format!("--chan_point={channel_point}"),
        ]);
        assert_eq!(reply["failed_updates"], json!([]), "{channel_point}");
    }
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("not a text: {value}")).into()
}

/// A number, which LND writes as a JSON string when it has 64 bits.
pub fn number<T: std::str::FromStr>(value: &Value) -> T {
    let digits = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let number = digits.parse().ok();
    number.unwrap_or_else(|| panic!("not such a number: {value}"))
}
