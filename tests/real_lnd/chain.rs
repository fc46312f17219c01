//! A private chain: one btcd on regtest whose blocks pay the test's nodes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, free_port, until};

const START_LIMIT: Duration = Duration::from_secs(20);

/// User name and password of the chain's RPC server, which listens on loopback only.
pub const RPC_LOGIN: [&str; 2] = ["sweetspot", "regtest"];

/// A running btcd.
pub struct Chain {
    dir: PathBuf,
    rpc_port: u16,
    btcd: Process,
}

impl Chain {
    /// Starts an empty chain whose block rewards go to `miners`, by turns at random.
    pub fn start(dir: &Path, miners: &[&str]) -> Self {
        let rpc_port = free_port();
        let [user, password] = RPC_LOGIN;
        let path = |name: &str| dir.join(name).display().to_string();
        let mut command = Command::new("btcd");
        command
            .env("HOME", dir)
            .arg("--regtest")
            .arg("--configfile=/dev/null")
            .arg(format!("--rpcuser={user}"))
            .arg(format!("--rpcpass={password}"))
            .arg(format!("--rpccert={}", path("rpc.cert")))
            .arg(format!("--rpckey={}", path("rpc.key")))
            .arg(format!("--datadir={}", path("btcd")))
            .arg(format!("--logdir={}", path("btcd-logs")))
            .arg(format!("--listen=127.0.0.1:{}", free_port()))
            .arg(format!("--rpclisten=127.0.0.1:{rpc_port}"))
            .args(["--txindex", "--nobanning", "--nostalldetect"])
            .args(["--rpcmaxwebsockets=50", "--trickleinterval=100ms"])
            .arg("--rejectnonstd")
            .args(miners.iter().map(|miner| format!("--miningaddr={miner}")));
        let btcd = Process::spawn("btcd", &mut command, &dir.join("btcd.log"));
        let mut chain = Self {
            dir: dir.to_owned(),
            rpc_port,
            btcd,
        };
        until("btcd answers", START_LIMIT, || {
            if let Some(status) = chain.btcd.exited() {
                panic!("btcd ended at start: {status}");
            }
            chain.btcctl(&["getblockcount"])
        });
        chain
    }

    /// Where the chain's RPC server listens.
    pub fn rpc_host(&self) -> String {
        format!("127.0.0.1:{}", self.rpc_port)
    }

    /// The certificate of the chain's RPC server.
    pub fn rpc_cert(&self) -> PathBuf {
        self.dir.join("rpc.cert")
    }

    /// Mines `count` blocks and gives the new height.
    pub fn generate(&self, count: u32) -> u64 {
        self.btcctl(&["generate", &count.to_string()])
            .expect("btcd mines");
        let height = self.btcctl(&["getblockcount"]).expect("btcd counts");
        height.trim().parse().expect("a height is a number")
    }

    fn btcctl(&self, args: &[&str]) -> Result<String, String> {
        let [user, password] = RPC_LOGIN;
        let output = Command::new("btcctl")
            .env("HOME", &self.dir)
            .args(["--regtest", "--configfile=/dev/null"])
            .arg(format!("--rpcuser={user}"))
            .arg(format!("--rpcpass={password}"))
            .arg(format!("--rpccert={}", self.rpc_cert().display()))
            .arg(format!("--rpcserver={}", self.rpc_host()))
            .args(args)
            .output()
            .expect("btcctl runs");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}
