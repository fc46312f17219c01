//! The LND adapter against a fake node over real TLS and gRPC.

#![allow(clippy::expect_used)]

mod support;

#[path = "adapter_suite/update.rs"]
mod update;

use std::time::Duration;

use prost::Message;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use support::{FakeLnd, OnUpdate, ScriptedChannel, World, forward, point};
use sweetspot_core::ports::{HistoryPage, Node, NodeError, WriteError};
use sweetspot_core::types::channel::{ChannelIds, ChannelPoint, FeeParts, InboundFee, Scid};
use sweetspot_core::types::observation::{CloseType, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};
use sweetspot_lnd::proto::channel_close_summary::ClosureType;
use sweetspot_lnd::proto::{
    ChannelCloseSummary, Htlc, InboundFee as ProtoInboundFee, PolicyUpdateRequest, UpdateFailure,
    WalletState,
};
use sweetspot_lnd::{Lnd, LndConfig, LndConfigError, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use update::Update;

const AT: Timestamp = Timestamp::from_secs(1_700_000_000);
/// Far above what anything here takes: it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn key(n: u8) -> ChannelPoint {
    point(n).parse().expect("a channel point")
}

/// 120 ppm and no base fee for channel `n`.
fn write(n: u8) -> Update {
    Update {
        point: key(n),
        fees: FeeParts {
            outbound: FeePpm(120),
            ..FeeParts::default()
        },
        set_inbound: false,
        max_htlc: None,
        time_lock_delta: 80,
    }
}

async fn observe(lnd: &Lnd) -> Observation {
    lnd.observe(AT).await.expect("an observation")
}

/// Returns once an RPC was called this often.
async fn called(fake: &FakeLnd, call: &str, times: u32) {
    let counted = async {
        while fake.world().count(call) < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect(call);
}

fn first(most: u32) -> HistoryPage {
    HistoryPage {
        start_secs: 0,
        offset: 0,
        max_events: most,
    }
}

// TLS and macaroon

#[tokio::test]
async fn a_certificate_that_is_given_is_pinned_like_one_in_a_file() {
    let fake = FakeLnd::start(World::new([]));
    let pem = std::fs::read(fake.cert_path()).expect("a file");
    let der = CertificateDer::from_pem_slice(&pem).expect("a certificate");
    let given = |der: Vec<u8>| {
        let config = LndConfig {
            tls: Tls::Given(der),
            ..fake.config()
        };
        Lnd::new(config).expect("a client")
    };
    given(der.to_vec()).info().await.expect("an answer");
    let mut other = der.to_vec();
    other[40] ^= 1;
    let refused = given(other).info().await.expect_err("another");
    let said = refused.to_string();
    assert!(said.contains("not the one in the lndconnect"), "{said}");
}

/// A SOCKS5 proxy that leads every call to `node`, and tells which name it was given.
async fn proxy(node: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut greeting = [0; 3];
            client.read_exact(&mut greeting).await.expect("a greeting");
            assert_eq!(greeting, [5, 1, 0], "version 5, no authentication");
            client.write_all(&[5, 0]).await.expect("a choice");
            let mut asked = [0; 5];
            client.read_exact(&mut asked).await.expect("a request");
            assert_eq!(asked[..4], [5, 1, 0, 3], "connect to a name");
            let mut name = vec![0; usize::from(asked[4]) + 2];
            client.read_exact(&mut name).await.expect("a name");
            let port = u16::from_be_bytes([name[name.len() - 2], name[name.len() - 1]]);
            let host = String::from_utf8_lossy(&name[..name.len() - 2]);
            tell.send(format!("{host}:{port}")).expect("heard");
            let mut there = TcpStream::connect(&node).await.expect("the node");
            let reply = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            client.write_all(&reply).await.expect("a reply");
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut there).await;
            });
        }
    });
    (address, told)
}

#[tokio::test]
async fn a_node_behind_tor_is_reached_by_a_proxy_that_resolves_its_name() {
    let fake = FakeLnd::start(World::new([]));
    let (address, mut told) = proxy(fake.config().address).await;
    let config = LndConfig {
        address: "abcdefgh.onion:10009".to_owned(),
        socks5_proxy: Some(address),
        ..fake.config()
    };
    let lnd = Lnd::new(config).expect("a client");
    let info = lnd.info().await.expect("an answer");
    assert_eq!(info.alias.as_str(), "fake");
    let name = told.recv().await;
    assert_eq!(name.as_deref(), Some("abcdefgh.onion:10009"));
}

#[tokio::test]
async fn a_proxy_that_is_away_is_a_node_that_is_unreachable() {
    let fake = FakeLnd::start(World::new([]));
    let away = |proxy: &str| LndConfig {
        socks5_proxy: Some(proxy.to_owned()),
        ..fake.config()
    };
    let lnd = Lnd::new(away("127.0.0.1:1")).expect("a client");
    let error = lnd.info().await.expect_err("nobody there");
    assert!(matches!(error, NodeError::Unreachable(_)), "{error}");
    assert!(matches!(
        Lnd::new(away("no port")),
        Err(LndConfigError::Proxy { .. })
    ));
}

#[tokio::test]
async fn the_pinned_certificate_is_accepted_though_it_is_a_ca() {
    let fake = FakeLnd::start(World::new([]));
    let info = fake.client().info().await.expect("an answer");
    assert_eq!(info.alias.as_str(), "fake");
    assert_eq!(info.tip, BlockHeight(850_000));
    assert!(info.synced_to_chain);
}

#[tokio::test]
async fn another_certificate_is_refused() {
    let (fake, other) = (
        FakeLnd::start(World::new([])),
        FakeLnd::start(World::new([])),
    );
    std::fs::copy(other.cert_path(), fake.cert_path()).expect("copied");
    let refused = fake.client().info().await.expect_err("another certificate");
    assert!(matches!(&refused, NodeError::Tls(_)), "{refused:?}");
    assert!(refused.to_string().contains("tls.cert"), "{refused}");
    assert_eq!(fake.world().count("GetInfo"), 0);
}

#[tokio::test]
async fn with_native_roots_a_certificate_needs_an_authority() {
    let fake = FakeLnd::start(World::new([]));
    let lnd = Lnd::new(LndConfig {
        tls: Tls::NativeRoots,
        ..fake.config()
    });
    match lnd {
        Ok(lnd) => {
            let refused = lnd.info().await.expect_err("no authority vouches for it");
            assert!(matches!(refused, NodeError::Tls(_)), "{refused:?}");
        }
        // A system without any authority.
        Err(refused) => assert!(matches!(refused, LndConfigError::Tls { .. })),
    }
}

/// A server that speaks HTTP/1 only over TLS, as LND's REST interface may.
fn rest_server(identity: &support::Identity, protocols: &[&str]) -> std::net::SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("an identity");
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let config = std::sync::Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).expect("a server");
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = std::io::Write::flush(&mut stream);
        }
    });
    address
}

#[tokio::test]
async fn a_rest_port_in_place_of_grpcs_is_told_as_that() {
    let fake = FakeLnd::start(World::new([]));
    for protocols in [&["http/1.1"][..], &[]] {
        let address = rest_server(fake.identity(), protocols);
        let lnd = Lnd::new(LndConfig {
            address: format!("localhost:{}", address.port()),
            ..fake.config()
        });
        let error = lnd.expect("an address").info().await.expect_err("no gRPC");
        assert!(error.to_string().contains("REST port"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_certificate_file_is_named() {
    let fake = FakeLnd::start(World::new([]));
    std::fs::remove_file(fake.cert_path()).expect("removed");
    let refused = fake.client().info().await.expect_err("no certificate");
    assert!(matches!(&refused, NodeError::Tls(_)), "{refused:?}");
    assert!(refused.to_string().contains("cannot read"), "{refused}");
}

#[tokio::test]
async fn a_replaced_certificate_is_followed_without_a_new_client() {
    let mut fake = FakeLnd::start(World::new([]));
    let lnd = fake.client();
    lnd.info().await.expect("the first certificate");
    fake.renew_certificate();
    fake.restart().await;
    let refused = lnd.info().await.expect_err("not yet in tls.cert");
    assert!(matches!(refused, NodeError::Tls(_)), "{refused:?}");
    fake.publish_certificate();
    lnd.info().await.expect("the second certificate");
}

#[tokio::test]
async fn a_refused_macaroon_is_read_again() {
    let fake = FakeLnd::start(World::new([]));
    let lnd = fake.client();
    lnd.info().await.expect("the first macaroon");
    fake.world().macaroon = b"second macaroon".to_vec();
    let refused = lnd.info().await.expect_err("the file is still the old one");
    assert!(matches!(refused, NodeError::Denied(_)), "{refused:?}");
    fake.publish_macaroon(b"second macaroon");
    fake.world().calls.clear();
    lnd.info().await.expect("the second macaroon");
    assert_eq!(fake.world().count("GetInfo"), 2);
}

#[tokio::test]
async fn a_macaroon_refused_to_a_write_serves_the_next_write() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    lnd.info().await.expect("the first macaroon");
    fake.world().macaroon = b"second macaroon".to_vec();
    fake.publish_macaroon(b"second macaroon");
    let denied = write(1).send(&lnd).await.expect_err("never repeated");
    assert!(
        matches!(denied, WriteError::NotSent(NodeError::Denied(_))),
        "{denied:?}"
    );
    assert_eq!(fake.world().count("UpdateChannelPolicy"), 1);
    write(1).send(&lnd).await.expect("the second macaroon");
}

#[tokio::test]
async fn a_missing_macaroon_file_is_named_and_then_found() {
    let fake = FakeLnd::start(World::new([]));
    std::fs::remove_file(fake.macaroon_path()).expect("removed");
    let lnd = fake.client();
    let refused = lnd.info().await.expect_err("no macaroon");
    assert!(refused.to_string().contains("node.macaroon"), "{refused}");
    fake.publish_macaroon(b"first macaroon");
    lnd.info().await.expect("found");
}

// Readiness

#[tokio::test]
async fn a_locked_wallet_is_waited_for() {
    let fake = FakeLnd::start(World::new([]));
    let lnd = fake.client();
    fake.world().set_state(WalletState::Locked);
    assert_eq!(lnd.info().await, Err(NodeError::Locked));
    let waiting = tokio::spawn({
        let lnd = lnd.clone();
        async move { lnd.wait_until_active().await }
    });
    called(&fake, "SubscribeState", 1).await;
    fake.world().set_state(WalletState::Unlocked);
    assert_eq!(lnd.info().await, Err(NodeError::Starting));
    fake.world().set_state(WalletState::RpcActive);
    lnd.info().await.expect("answered before all of LND runs");
    assert!(!waiting.is_finished());
    fake.world().set_state(WalletState::ServerActive);
    let ended = timeout(PATIENCE, waiting).await.expect("unlocked");
    ended.expect("no panic");
}

#[tokio::test]
async fn a_state_stream_that_ends_is_opened_again() {
    let fake = FakeLnd::start(World::new([]));
    fake.world().set_state(WalletState::NonExisting);
    let lnd = fake.client();
    assert_eq!(lnd.info().await, Err(NodeError::NoWallet));
    let waiting = tokio::spawn(async move { lnd.wait_until_active().await });
    for streams in 1..=2 {
        called(&fake, "SubscribeState", streams).await;
        fake.world().end_streams();
    }
    assert!(!waiting.is_finished());
    fake.world().set_state(WalletState::ServerActive);
    let ended = timeout(PATIENCE, waiting).await.expect("active");
    ended.expect("no panic");
}

#[tokio::test]
async fn a_node_that_is_down_is_waited_for() {
    let mut fake = FakeLnd::start(World::new([]));
    let lnd = fake.client();
    lnd.info().await.expect("up");
    fake.kill();
    let down = lnd.info().await.expect_err("down");
    assert!(matches!(down, NodeError::Unreachable(_)), "{down:?}");
    let waiting = tokio::spawn(async move { lnd.wait_until_active().await });
    fake.restart().await;
    let ended = timeout(PATIENCE, waiting).await.expect("up again");
    ended.expect("no panic");
}

#[tokio::test]
async fn a_restart_between_two_reads_goes_unnoticed() {
    let mut fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    observe(&lnd).await;
    fake.restart().await;
    assert_eq!(observe(&lnd).await.channels.len(), 1);
}

#[tokio::test]
async fn what_another_node_tells_over_a_new_connection_is_refused() {
    let mut world = World::new([ScriptedChannel::new(1)]);
    world.forwards = vec![forward(1_700_000_000_000_000_000, 1, 2)];
    let mut fake = FakeLnd::start(world);
    let lnd = fake.client();
    for _ in 0..2 {
        lnd.info().await.expect("an answer");
        lnd.forwards(first(10)).await.expect("a page");
        fake.restart().await;
        lnd.forwards(first(10)).await.expect("of the same node");
        lnd.info().await.expect("an answer");
        fake.restart().await;
        let own = std::mem::replace(&mut fake.world().pubkey, support::peer_key(9));
        let others = lnd.forwards(first(10)).await.expect_err("another node");
        assert!(others.to_string().contains("another node"), "{others}");
        fake.world().pubkey.clone_from(&own);
        lnd.info().await.expect("an answer");
        fake.restart().await;
        fake.world().pubkey = support::peer_key(9);
        let others = lnd.observe(AT).await.expect_err("another node");
        assert!(others.to_string().contains("another node"), "{others}");
        fake.restart().await;
        fake.world().pubkey = own;
    }
}

// Reading

#[tokio::test]
async fn a_round_of_reading_takes_four_calls_and_one_for_each_unannounced_channel() {
    let announced = (1..=20).map(ScriptedChannel::new);
    let private = (21..=23).map(ScriptedChannel::private);
    let fake = FakeLnd::start(World::new(announced.chain(private)));
    let lnd = fake.client();
    lnd.info().await.expect("the start");
    fake.world().calls.clear();
    let seen = observe(&lnd).await;
    lnd.forwards(first(1_000)).await.expect("a page");
    assert_eq!(seen.channels.len(), 23);
    assert_eq!(seen.channels[&key(1)].peer_name().as_str(), "peer-1");
    assert!(
        seen.channels
            .values()
            .all(|channel| channel.policy.is_some())
    );
    let calls = fake.world().calls.clone();
    let expected = [
        ("ForwardingHistory", 1),
        ("GetChanInfo", 3),
        // Our own node, and a step of the walk through the graph.
        ("GetNodeInfo", 2),
        ("ListChannels", 1),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn an_unannounced_channel_is_asked_for_again_only_when_its_policy_may_have_changed() {
    let fake = FakeLnd::start(World::new((1..=30).map(ScriptedChannel::private)));
    let lnd = fake.client();
    observe(&lnd).await;
    let asked = async |lnd: &Lnd| {
        fake.world().calls.clear();
        let seen = observe(lnd).await;
        assert!(seen.channels.values().all(|c| c.policy.is_some()));
        fake.world().calls.get("GetChanInfo").copied().unwrap_or(0)
    };
    assert_eq!(asked(&lnd).await, 0);
    // By us: an update, whatever comes of it.
    write(7).send(&lnd).await.expect("done");
    assert_eq!(asked(&lnd).await, 1);
    // With the peer gone, LND switches our direction off.
    fake.world().channel(8).said.active = false;
    assert_eq!(asked(&lnd).await, 1);
    assert_eq!(asked(&lnd).await, 0);
    // A policy that nobody could tell is asked for in each cycle.
    fake.world().channel(9).said.active = false;
    fake.world().channel(9).edge = None;
    fake.world().calls.clear();
    for _ in 0..2 {
        assert_eq!(observe(&lnd).await.channels[&key(9)].policy, None);
    }
    assert_eq!(fake.world().calls["GetChanInfo"], 2);
}

#[tokio::test]
async fn two_hundred_unannounced_channels_are_read_over_a_slow_line_a_few_at_a_time() {
    let mut world = World::new((1..=200).map(ScriptedChannel::private));
    world.edges_take = Duration::from_millis(50);
    let fake = FakeLnd::start(world);
    let lnd = fake.client();
    lnd.info().await.expect("an answer");
    let began = std::time::Instant::now();
    let seen = observe(&lnd).await;
    // One after the other they would take ten seconds.
    assert!(began.elapsed() < Duration::from_secs(5), "{began:?}");
    assert!(seen.channels.values().all(|c| c.policy.is_some()));
    assert!(fake.world().most_at_once <= 8);
}

#[tokio::test]
async fn unannounced_channels_that_take_too_long_are_read_in_the_next_cycles() {
    let mut world = World::new((1..=40).map(ScriptedChannel::private));
    world.edges_take = Duration::from_secs(4);
    let fake = FakeLnd::start(world);
    let lnd = fake.client();
    let began = std::time::Instant::now();
    let seen = observe(&lnd).await;
    assert!(began.elapsed() < Duration::from_secs(14), "{began:?}");
    let (read, unread): (Vec<_>, Vec<_>) = seen
        .channels
        .values()
        .partition(|channel| channel.policy.is_some());
    assert_eq!((read.len(), unread.len()), (16, 24));
    assert!(unread.iter().all(|channel| channel.policy_error.is_some()));
    fake.world().edges_take = Duration::ZERO;
    let seen = observe(&lnd).await;
    assert!(seen.channels.values().all(|c| c.policy.is_some()));
}

#[tokio::test]
async fn an_observation_carries_the_tip_last_heard() {
    let fake = FakeLnd::start(World::new([]));
    let lnd = fake.client();
    assert_eq!(observe(&lnd).await.tip, BlockHeight(850_000));
    fake.world().height = 850_001;
    lnd.info().await.expect("an answer");
    assert_eq!(observe(&lnd).await.tip, BlockHeight(850_001));
}

#[tokio::test]
async fn a_missing_edge_is_no_policy_whatever_the_release() {
    for version in ["0.18.0-beta", "0.19.3-beta", "0.21.2-beta"] {
        let mut world = World::new([ScriptedChannel::new(1), ScriptedChannel::new(2)]);
        world.version = version.to_owned();
        world.channel(2).edge = None;
        let fake = FakeLnd::start(world);
        let lnd = fake.client();
        let seen = observe(&lnd).await;
        assert!(seen.channels[&key(1)].policy.is_some(), "{version}");
        assert_eq!(seen.channels[&key(2)].policy, None, "{version}");
        let missing = lnd.policy(key(2)).await.expect_err("no edge");
        assert!(matches!(missing, NodeError::NotFound(_)), "{missing:?}");
    }
}

#[tokio::test]
async fn a_release_that_knows_no_channel_points_in_the_graph_is_asked_by_scid() {
    let mut world = World::new([ScriptedChannel::private(1)]);
    world.version = "0.18.4-beta".to_owned();
    let fake = FakeLnd::start(world);
    let lnd = fake.client();
    let seen = observe(&lnd).await;
    let policy = lnd.policy(key(1)).await.expect("the edge");
    assert_eq!(seen.channels[&key(1)].policy, Some(policy));
}

#[tokio::test]
async fn a_zero_conf_channel_is_known_by_its_aliases_and_its_confirmed_scid() {
    let (alias, other_alias) = (16_000_000 << 40, 16_000_000 << 40 | 1);
    let mut channel = ScriptedChannel::new(1);
    let confirmed = channel.said.chan_id;
    channel.said.chan_id = alias;
    channel.said.alias_scids = vec![alias, other_alias];
    channel.said.zero_conf_confirmed_scid = confirmed;
    let fake = FakeLnd::start(World::new([channel]));
    let seen = observe(&fake.client()).await;
    let channel = &seen.channels[&key(1)];
    assert!(channel.policy.is_some());
    let mut ids = ChannelIds::default();
    ids.learn(channel);
    for scid in [alias, other_alias, confirmed] {
        assert_eq!(ids.resolve(Scid(scid)), Some(key(1)), "{scid}");
    }
    assert_eq!(channel.age_blocks(BlockHeight(800_101)), Some(100));
}

#[tokio::test]
async fn pending_htlcs_and_the_commit_fee_do_not_move_the_observed_ratio() {
    let mut channel = ScriptedChannel::new(1);
    // Of 1,000,000 sat, 4,000 pay for the commitment, which is ours to pay.
    channel.said.initiator = true;
    channel.said.local_balance = 546_000;
    channel.said.remote_balance = 300_000;
    channel.said.pending_htlcs = [(false, 50_000), (true, 100_000)]
        .map(|(incoming, amount)| Htlc {
            incoming,
            amount,
            ..Default::default()
        })
        .to_vec();
    let fake = FakeLnd::start(World::new([channel]));
    let seen = observe(&fake.client()).await;
    let channel = &seen.channels[&key(1)];
    assert_eq!(channel.pending_out, Sat(50_000));
    assert_eq!(channel.pending_in, Sat(100_000));
    assert_eq!(channel.local_ratio(), 0.6);
}

#[tokio::test]
async fn a_channel_that_makes_no_sense_does_not_cost_the_others() {
    let mut world = World::new((1..=3).map(ScriptedChannel::new));
    world.channel(1).said.local_balance = -1;
    world.channel(2).said.channel_point = "nonsense".to_owned();
    let fake = FakeLnd::start(world);
    let seen = observe(&fake.client()).await;
    assert_eq!(seen.channels.keys().collect::<Vec<_>>(), [&key(3)]);
}

#[tokio::test]
async fn a_reply_of_more_than_4_mib_is_read() {
    let start = 1_700_000_000_000_000_000;
    let mut world = World::new([]);
    world.forwards = (0..100_000)
        .map(|n| forward(start + n, 850_000 << 40, 850_001 << 40))
        .collect();
    let bytes: usize = world.forwards.iter().map(Message::encoded_len).sum();
    assert!(bytes > 4 << 20, "{bytes} bytes");
    let fake = FakeLnd::start(world);
    let page = fake.client().forwards(first(100_000)).await;
    assert_eq!(page.expect("a page").forwards.len(), 100_000);
}

#[tokio::test]
async fn forwards_are_paged_by_second_and_offset() {
    let mut world = World::new([]);
    let nanos = [1_999_999_999, 2_000_000_000, 2_000_000_001, 3_000_000_000];
    world.forwards = nanos.map(|at| forward(at, 7, 8)).to_vec();
    let fake = FakeLnd::start(world);
    let page = HistoryPage {
        start_secs: 2,
        offset: 1,
        max_events: 2,
    };
    let page = fake.client().forwards(page).await.expect("a page");
    let forwards = page.forwards;
    let at: Vec<_> = forwards.iter().map(|f| f.settled_at.nanos()).collect();
    assert_eq!(at, [2_000_000_001, 3_000_000_000]);
    assert_eq!(
        (forwards[0].scid_in, forwards[0].scid_out),
        (Scid(7), Scid(8))
    );
}

#[tokio::test]
async fn closed_channels_keep_all_their_numbers() {
    let mut world = World::new([]);
    world.closed = vec![ChannelCloseSummary {
        channel_point: point(9),
        chan_id: 16_000_000 << 40,
        close_type: ClosureType::RemoteForceClose.into(),
        alias_scids: vec![16_000_000 << 40],
        zero_conf_confirmed_scid: 850_000 << 40,
        ..Default::default()
    }];
    let fake = FakeLnd::start(world);
    let closed = fake.client().closed_channels().await.expect("an answer");
    assert_eq!(closed[0].point, key(9));
    assert_eq!(closed[0].close_type, CloseType::RemoteForce);
    assert_eq!(closed[0].scids, [16_000_000 << 40, 850_000 << 40].map(Scid));
}

// Writing

#[tokio::test]
async fn an_update_sends_only_what_is_meant() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    let before = *fake.world().channel(1).policy();
    write(1).send(&lnd).await.expect("applied");
    let sent = fake.world().updates[0].clone();
    let meant = PolicyUpdateRequest {
        scope: sent.scope.clone(),
        base_fee_msat: 0,
        fee_rate_ppm: 120,
        time_lock_delta: 80,
        ..Default::default()
    };
    assert_eq!(sent, meant);
    let after = *fake.world().channel(1).policy();
    assert_eq!(after.fee_rate_milli_msat, 120);
    assert_eq!(after.fee_base_msat, 0);
    assert_eq!(after.min_htlc, before.min_htlc);
    assert_eq!(after.max_htlc_msat, before.max_htlc_msat);
    let seen = lnd.policy(key(1)).await.expect("the edge");
    assert_eq!(seen.fees, write(1).fees);
}

#[tokio::test]
async fn the_inbound_fee_is_sent_only_if_it_is_ours_to_set() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    let mut order = write(1);
    order.fees.inbound = InboundFee {
        base_fee_msat: 0,
        rate_ppm: -30,
    };
    order.send(&lnd).await.expect("applied");
    order.set_inbound = true;
    order.send(&lnd).await.expect("applied");
    let sent: Vec<_> = fake.world().updates.iter().map(|u| u.inbound_fee).collect();
    let discount = ProtoInboundFee {
        base_fee_msat: 0,
        fee_rate_ppm: -30,
    };
    assert_eq!(sent, [None, Some(discount)]);
}

#[tokio::test]
async fn the_max_htlc_is_sent_only_with_a_change_of_it() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    let with = |max_htlc| Update {
        max_htlc,
        ..write(1)
    };
    with(None).send(&lnd).await.expect("applied");
    let least = Some(Msat(524_288_000));
    with(least).send(&lnd).await.expect("applied");
    let sent: Vec<_> = fake
        .world()
        .updates
        .iter()
        .map(|u| u.max_htlc_msat)
        .collect();
    // 0 is none.
    assert_eq!(sent, [0, 524_288_000]);
    assert_eq!(fake.world().channel(1).policy().max_htlc_msat, 524_288_000);
}

#[tokio::test]
async fn a_failed_update_inside_an_ok_reply_is_a_refusal() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    fake.world().on_update = OnUpdate::Fail(UpdateFailure::Pending, "not yet confirmed");
    let refused = write(1).send(&fake.client()).await.expect_err("refused");
    let reason = format!("{}: not yet confirmed (UPDATE_FAILURE_PENDING)", point(1));
    assert_eq!(refused, WriteError::Refused(reason.into()));
}

#[tokio::test]
async fn an_invalid_update_is_a_refusal() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let hasty = Update {
        time_lock_delta: 1,
        ..write(1)
    };
    let refused = hasty.send(&fake.client()).await.expect_err("refused");
    assert!(matches!(refused, WriteError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn an_update_without_an_answer_is_of_unknown_outcome_and_not_repeated() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = Lnd::new(LndConfig {
        request_timeout: Duration::from_secs(2),
        ..fake.config()
    });
    fake.world().on_update = OnUpdate::ApplyAndHang;
    let write = write(1).send(&lnd.expect("a client")).await;
    let unknown = write.expect_err("no answer");
    assert!(matches!(unknown, WriteError::Unknown(_)), "{unknown:?}");
    assert_eq!(fake.world().count("UpdateChannelPolicy"), 1);
    assert_eq!(fake.world().channel(1).policy().fee_rate_milli_msat, 120);
}

#[tokio::test]
async fn an_update_cut_off_by_a_crash_is_of_unknown_outcome() {
    let mut fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    let lnd = fake.client();
    fake.world().on_update = OnUpdate::Hang;
    let writing = tokio::spawn(async move { write(1).send(&lnd).await });
    called(&fake, "UpdateChannelPolicy", 1).await;
    fake.kill();
    let unknown = writing.await.expect("no panic").expect_err("cut off");
    assert!(matches!(unknown, WriteError::Unknown(_)), "{unknown:?}");
}

#[tokio::test]
async fn no_update_is_sent_until_all_of_lnd_runs() {
    let fake = FakeLnd::start(World::new([ScriptedChannel::new(1)]));
    fake.world().set_state(WalletState::RpcActive);
    let early = write(1).send(&fake.client()).await.expect_err("too early");
    assert_eq!(early, WriteError::NotSent(NodeError::Starting));
    assert_eq!(fake.world().count("UpdateChannelPolicy"), 0);
}
