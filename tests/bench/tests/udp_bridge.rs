//! Both roles of the UDP bridge, connected to each other.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use bench::client::{Client, OK};
use bench::key::VirtualKey;
use bench::report::Authenticator;
use bench::spec::KeySpec;
use bench::udp::cycle_datagram;
use bench::udp::server::Server;

const CYCLE: &str = "ac10c0ffee";

fn served(cycle: Option<&str>) -> (VirtualKey, Server, VirtualKey) {
    let near = crate::engine_life::powered();
    let cycle_report = cycle.map(|digits| cycle_datagram(digits).unwrap());
    let server = Server::start(
        "127.0.0.1:0".parse().unwrap(),
        Arc::new(near.clone()),
        cycle_report,
    )
    .unwrap();
    let option = cycle.map(|digits| format!(",cycle={digits}")).unwrap_or_default();
    let spec: KeySpec = format!("udp:{},127.0.0.1:0{option}", server.address())
        .parse()
        .unwrap();
    let far = VirtualKey::open(&spec).unwrap();
    (near, server, far)
}

#[test]
fn a_served_key_is_a_key() {
    let (near, _server, far) = served(Some(CYCLE));
    far.power_on().unwrap();
    let client = Client::connect(&far).unwrap();
    assert_eq!(client.set_pin("1234").unwrap(), OK);
    far.power_on().unwrap();
    let client = Client::connect(&far).unwrap();
    assert_eq!(client.option("clientPin").unwrap(), Some(true));
    assert_eq!(client.reset().unwrap(), OK);
    // Once by the server's start, twice by the datagram, and once before it was served.
    assert_eq!(near.counters().power_ups, 4);
    assert_eq!(far.counters().command("reset"), 1);
}

#[test]
fn an_external_key_is_touched_by_its_own_means_and_watched_on_the_wire() {
    let (near, _server, far) = served(None);
    near.set_touch(bench::engine::Touch::Manual);
    far.power_on().unwrap();
    far.touch();
    let client = Client::connect(&far).unwrap();
    std::thread::scope(|scope| {
        let status = scope.spawn(|| client.reset().unwrap());
        assert!(far.wait_touch_awaited(Duration::from_secs(5)));
        near.touch();
        assert_eq!(status.join().unwrap(), OK);
    });
}

#[test]
fn datagrams_of_other_lengths_and_stale_ones_are_dropped() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    let bind = probe.local_addr().unwrap();
    drop(probe);
    let spec = format!("udp:{},{bind}", peer.local_addr().unwrap());
    let key = VirtualKey::open(&spec.parse().unwrap()).unwrap();
    peer.send_to(&[7; 64], bind).unwrap();
    key.power_on().unwrap();
    for length in [0, 63, 65, 64, 128] {
        peer.send_to(&vec![u8::try_from(length).unwrap(); length], bind)
            .unwrap();
    }
    assert_eq!(key.recv(Duration::from_secs(1)), Some([64; 64]));
    assert_eq!(key.recv(Duration::from_millis(100)), None);
    key.power_off();
    peer.send_to(&[8; 64], bind).unwrap();
    assert_eq!(key.recv(Duration::from_millis(100)), None);
}
