//! The USB side against a scripted host that speaks usbredir as QEMU does.

use std::thread;
use std::time::{Duration, Instant};

use bench::faults::{Effect, Fault, When};
use bench::identity::UsbIdentity;
use bench::message::{BROADCAST, Message, command_byte};
use bench::usbredir::codec::{CANCELLED, Control, OK, Packet, STALL};
use bench::usbredir::hid_key::HidKey;
use bench::usbredir::printer::{At, Manner, Mishap, PortStatus, Printer};

use crate::engine_life::powered;
use crate::host::Host;

impl Host {
    fn control(
        &mut self,
        request_type: u8,
        request: u8,
        value: u16,
        index: u16,
        length: u16,
    ) -> (u8, Vec<u8>) {
        let endpoint = request_type & 0x80;
        let question = Control {
            endpoint,
            request,
            request_type,
            status: 0,
            value,
            index,
            length,
            data: Vec::new(),
        };
        match self.ask(&Packet::Control(question)) {
            Packet::Control(answer) => (answer.status, answer.data),
            other => panic!("a control packet is answered by one: {other:?}"),
        }
    }
}

#[test]
fn a_key_is_announced_described_and_polled() {
    let (mut host, port) = Host::connected();
    let key = powered();
    key.set_identity(UsbIdentity {
        serial: Some("S1".to_owned()),
        ..UsbIdentity::default()
    });
    port.plug(&key).unwrap();
    let [interfaces, endpoints, connect] = host.announcement();
    assert!(matches!(interfaces, Packet::Interfaces(i) if i.list == [[0, 3, 0, 0]]));
    assert!(
        matches!(endpoints, Packet::Endpoints(e) if e.iter().map(|e| e.address).eq([0x00, 0x01, 0x80, 0x81]))
    );
    assert!(matches!(
        connect,
        Packet::Connect {
            head: [1, 0, 0, 0],
            vendor: 0x1209,
            ..
        }
    ));

    assert_eq!(
        host.control(0x80, 6, 0x0100, 0, 8),
        (OK, vec![18, 1, 0, 2, 0, 0, 0, 64])
    );
    let (_, configuration) = host.control(0x80, 6, 0x0200, 0, 255);
    assert_eq!(usize::from(configuration[2]), configuration.len());
    assert_eq!(
        host.control(0x80, 6, 0x0303, 0x0409, 255),
        (OK, vec![6, 3, b'S', 0, b'1', 0])
    );
    assert_eq!(
        host.control(0x80, 6, 0x0600, 0, 10).0,
        STALL,
        "there is no device qualifier"
    );
    assert_eq!(host.control(0x81, 6, 0x2200, 0, 255).1[..3], [0x06, 0xd0, 0xf1]);
    assert_eq!(host.control(0x21, 0x0a, 0, 0, 0).0, OK);
    assert_eq!(
        host.ask(&Packet::SetConfiguration(1)),
        Packet::ConfigurationStatus(OK, 1)
    );
    assert_eq!(
        host.ask(&Packet::GetAltSetting(0)),
        Packet::AltSettingStatus(OK, 0, 0)
    );

    let init = Message::new(BROADCAST, command_byte::INIT, &[5; 8]).reports()[0];
    let out = Packet::Interrupt {
        endpoint: 0x01,
        status: 0,
        length: 64,
        data: init.to_vec(),
    };
    let done = Packet::Interrupt {
        endpoint: 0x01,
        status: 0,
        length: 64,
        data: Vec::new(),
    };
    assert_eq!(host.ask(&out), done);
    thread::sleep(Duration::from_millis(150));
    let (started, answer) = host.ask_for_report(&Packet::StartInterrupt(0x81));
    assert_eq!(started, Packet::InterruptStatus(OK, 0x81));
    let Packet::Interrupt {
        endpoint: 0x81, data, ..
    } = answer
    else {
        panic!("the INIT answer")
    };
    assert_eq!(
        (data.len(), data[4], &data[7..15]),
        (64, command_byte::INIT, &[5; 8][..])
    );
    assert_eq!(key.counters().command("INIT"), 1);
}

#[test]
fn pulling_and_plugging_again_on_one_socket() {
    let (mut host, port) = Host::connected();
    let key = powered();
    assert!(!port.pull());
    for _ in 0..2 {
        port.plug(&key).unwrap();
        assert!(port.plug(&key).is_err(), "the port is taken");
        host.announcement();
        assert!(port.pull());
        assert_eq!(host.read().1, Packet::Disconnect);
    }
    let (_other_host, other) = Host::connected();
    port.plug(&key).unwrap();
    assert!(other.plug(&key).is_err(), "the key is taken");
    assert!(!other.is_plugged());
}

#[test]
fn a_fault_pulls_the_key_out_of_its_port() {
    let (mut host, port) = Host::connected();
    let key = powered();
    port.plug(&key).unwrap();
    host.announcement();
    key.set_faults(vec![Fault::new(When::Always, Effect::Unplug).times(1)]);
    let init = Message::new(BROADCAST, command_byte::INIT, &[5; 8]).reports()[0];
    host.write(&Packet::Interrupt {
        endpoint: 0x01,
        status: 0,
        length: 64,
        data: init.to_vec(),
    });
    assert_eq!(host.read().1, Packet::Disconnect);
    assert!(!port.is_plugged());
    port.plug(&key).unwrap();
    host.announcement();
}

#[test]
fn a_composite_key_types() {
    let (mut host, port) = Host::connected();
    let key = powered();
    key.set_identity(UsbIdentity {
        keyboard: true,
        ..UsbIdentity::default()
    });
    let device = std::sync::Arc::new(HidKey::new(&key));
    port.plug(&device).unwrap();
    let [interfaces, ..] = host.announcement();
    assert!(matches!(interfaces, Packet::Interfaces(i) if i.list == [[0, 3, 0, 0], [1, 3, 1, 1]]));
    assert_eq!(
        host.control(0x81, 6, 0x2200, 1, 255).1[..4],
        [0x05, 0x01, 0x09, 0x06]
    );
    device.type_report([0, 0, 4, 0, 0, 0, 0, 0]);
    let (_, packet) = host.read();
    assert!(matches!(packet, Packet::Interrupt { endpoint: 0x82, data, .. } if data[2] == 4));
}

#[test]
fn a_printer_takes_bytes_and_waits_for_paper() {
    let (mut host, port) = Host::connected();
    let printer = Printer::new("MFG:Virtual;MDL:One;CMD:PDF;");
    port.plug(&printer).unwrap();
    host.announcement();
    let (status, id) = host.control(0xa1, 0, 0, 0, 1023);
    assert_eq!(
        (status, id[..2].to_vec(), &id[2..]),
        (OK, vec![0, 30], &b"MFG:Virtual;MDL:One;CMD:PDF;"[..])
    );
    assert_eq!(host.control(0xa1, 1, 0, 0, 1), (OK, vec![0x18]));
    assert_eq!(host.control(0x21, 2, 0, 0, 0).0, OK);
    assert_eq!(printer.soft_resets(), 1);

    let bulk = |data: &[u8]| Packet::Bulk {
        endpoint: 1,
        status: 0,
        length: u32::try_from(data.len()).unwrap(),
        data: data.to_vec(),
    };
    let done = |status, length| Packet::Bulk {
        endpoint: 1,
        status,
        length,
        data: Vec::new(),
    };
    assert_eq!(host.ask(&bulk(b"one")), done(OK, 3));
    printer.set_status(PortStatus::PaperOut);
    assert_eq!(host.control(0xa1, 1, 0, 0, 1), (OK, vec![0x30]));
    let two = host.write(&bulk(b"two"));
    let three = host.write(&bulk(b"three"));
    host.id = two - 1;
    let cancelled = host.write(&Packet::Cancel);
    assert_eq!(host.read(), (cancelled, done(CANCELLED, 0)));
    printer.set_status(PortStatus::Ready);
    assert_eq!(host.read(), (three, done(OK, 5)));
    assert_eq!(printer.take_printed(), b"onethree");
    // Reading from a printer that has nothing to say waits until it is given up.
    let read = host.write(&Packet::Bulk {
        endpoint: 0x82,
        status: 0,
        length: 512,
        data: Vec::new(),
    });
    host.id = read - 1;
    host.write(&Packet::Cancel);
    let (id, answer) = host.read();
    assert!(
        id == read
            && matches!(
                answer,
                Packet::Bulk {
                    endpoint: 0x82,
                    status: CANCELLED,
                    ..
                }
            )
    );
}

#[test]
fn a_closed_socket_takes_the_power_away() {
    let (host, port) = Host::connected();
    port.plug(&powered()).unwrap();
    drop(host);
    let end = Instant::now() + Duration::from_secs(5);
    while port.is_plugged() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!port.is_plugged());
}

#[test]
fn a_printer_fails_at_the_byte_it_was_told_and_lies_when_it_should() {
    let (mut host, port) = Host::connected();
    let printer = Printer::default();
    let bulk = |data: &[u8]| Packet::Bulk {
        endpoint: 1,
        status: 0,
        length: u32::try_from(data.len()).unwrap(),
        data: data.to_vec(),
    };
    let status = |packet| match packet {
        Packet::Bulk { status, length, .. } => (status, length),
        other => panic!("{other:?}"),
    };
    port.plug(&printer).unwrap();
    host.announcement();
    // It refuses from a byte on, until it is switched off and on.
    printer.arm(At::Byte(4), Mishap::Refuse);
    assert_eq!(status(host.ask(&bulk(b"abc"))), (OK, 3));
    assert_eq!(status(host.ask(&bulk(b"def"))), (STALL, 0));
    assert_eq!(status(host.ask(&bulk(b"ghi"))), (STALL, 0));
    assert_eq!(printer.take_printed(), b"abcd");
    assert!(port.pull());
    host.read();
    port.plug(&printer).unwrap();
    host.announcement();
    assert_eq!(status(host.ask(&bulk(b"ghi"))), (OK, 3));
    // Out of paper at the end of a job; its status is what it was told to say.
    printer.arm(At::EndOf(b"end"), Mishap::PaperOut);
    assert_eq!(status(host.ask(&bulk(b"jkl"))), (OK, 3));
    let waits = host.write(&bulk(b"the end"));
    for (manner, answer) in [
        (Manner::Honest, (OK, vec![0x30])),
        (Manner::Lies, (OK, vec![0x18])),
        (Manner::Silent, (STALL, vec![])),
    ] {
        printer.set_manner(manner);
        assert_eq!(host.control(0xa1, 1, 0, 0, 1), answer, "{manner:?}");
    }
    assert!(printer.is_waiting() && !printer.is_armed());
    printer.set_status(PortStatus::Ready);
    let (id, done) = host.read();
    assert_eq!((id, status(done)), (waits, (OK, 7)));
    assert_eq!(printer.take_printed(), b"ghijklthe end");
    // Pulled: what came before that byte was taken, and nothing answers.
    printer.arm(At::Byte(2), Mishap::Pull);
    host.write(&bulk(b"mno"));
    assert!(matches!(host.read().1, Packet::Disconnect));
    assert!(!port.is_plugged());
    assert_eq!(printer.printed(), b"mn");
}
