//! The served stick as its client sees it, and what is left in its image.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bench::medium::{Cut, Medium, Refusal, Request, Requests};
use tempfile::TempDir;

use crate::nbd_client::{Client, DISCONNECT, FLUSH, READ, TRIM, WRITE, take};

const SIZE: usize = 64 << 10;
const SOON: Duration = Duration::from_secs(5);

/// An empty image, served.
fn served() -> (TempDir, Medium) {
    let directory = tempfile::tempdir().unwrap();
    let image: PathBuf = directory.path().join("stick.img");
    std::fs::write(&image, vec![0; SIZE]).unwrap();
    let medium = Medium::serve(&image).unwrap();
    (directory, medium)
}

/// The first bytes of the image file.
fn image(medium: &Medium, length: usize) -> Vec<u8> {
    std::fs::read(medium.image()).unwrap()[..length].to_vec()
}

#[test]
fn reads_writes_and_flushes_are_done_and_counted() {
    let (_directory, medium) = served();
    let mut client = Client::connect(&medium);
    assert_eq!((client.size, client.flags), (SIZE as u64, 0b101));
    assert_eq!(client.write(512, b"one"), 0);
    assert_eq!(client.flush(), 0);
    assert_eq!(client.read(511, 5), Ok(b"\0one\0".to_vec()));
    assert_eq!(image(&medium, 515)[512..], *b"one");
    let all = Requests {
        reads: 1,
        writes: 1,
        flushes: 1,
    };
    assert_eq!(medium.requests(), all);
    let end = SIZE as u64;
    assert_eq!(client.read(end - 1, 1), Ok(vec![0]));
    assert_eq!(client.read(end - 1, 2), Err(22));
    assert_eq!(client.read(u64::MAX, 2), Err(22));
    assert_eq!(client.write(end - 1, b"ab"), 28);
    client.send(TRIM, 0, 512, b"");
    assert_eq!(client.reply(), 22, "what is not offered is refused");
    assert!(!medium.wait_closed(Duration::ZERO));
    client.send(DISCONNECT, 0, 0, b"");
    assert!(medium.wait_closed(SOON));
}

#[test]
fn the_handshake_knows_the_old_way_and_goodbye_and_refuses_noise() {
    let (_directory, medium) = served();
    let mut old = Client::begun(&medium);
    old.send_option(1, b"any");
    let export: [u8; 10] = take(&mut old.stream);
    old.export(&export);
    assert_eq!((old.size, old.write(0, b"x")), (SIZE as u64, 0));

    let mut leaving = Client::begun(&medium);
    assert_eq!(leaving.option(2, b""), (1, Vec::new()));
    assert_eq!(leaving.stream.read(&mut [0]).unwrap(), 0);

    let mut noise = Client::begun(&medium);
    noise.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(
        matches!(noise.stream.read(&mut [0]), Ok(0) | Err(_)),
        "it is closed"
    );
    assert_eq!(old.read(0, 1), Ok(b"x".to_vec()), "and the others go on");
}

#[test]
fn a_cut_keeps_what_it_says_of_the_write_and_nothing_after_it() {
    let text = || Cut::at_text(b"BBBB");
    let cases: [(Cut, &[u8]); 6] = [
        (text(), b"AAAA____"),
        (text().applied(), b"AAAABBBB"),
        (text().torn(1), b"AAAAB___"),
        (text().torn(512), b"AAAABBBB"),
        (text().unflushed_lost(), b"________"),
        (text().torn(2).unflushed_lost(), b"________"),
    ];
    for (number, (cut, left)) in cases.into_iter().enumerate() {
        let (_directory, medium) = served();
        let mut client = Client::connect(&medium);
        client.write(0, b"________");
        client.flush();
        medium.arm(cut);
        assert_eq!(client.write(0, b"AAAA"), 0);
        assert!(!medium.is_cut());
        client.send(WRITE, 4, 4, b"BBBB");
        assert!(medium.wait_cut(SOON));
        client.send(WRITE, 0, 4, b"CCCC");
        client.send(FLUSH, 0, 0, b"");
        assert!(client.hangs());
        assert_eq!(image(&medium, 8), left, "case {number}");
        assert_eq!(
            medium.requests().writes,
            3,
            "what comes later is not even counted"
        );
        assert!(!medium.wait_closed(Duration::ZERO));
        drop(client);
        assert!(medium.wait_closed(SOON));
    }
}

#[test]
fn a_flush_that_is_cut_either_took_place_or_not() {
    for (cut, left) in [
        (Cut::at_flush(2).applied().unflushed_lost(), b"new"),
        (Cut::at_flush(2).unflushed_lost(), b"old"),
        (Cut::at_flush(2), b"new"),
    ] {
        let (_directory, medium) = served();
        let mut client = Client::connect(&medium);
        medium.arm(cut);
        client.write(0, b"old");
        client.flush();
        client.write(0, b"new");
        client.send(FLUSH, 0, 0, b"");
        assert!(medium.wait_cut(SOON));
        assert_eq!(image(&medium, 3), left);
    }
}

#[test]
fn the_next_machine_goes_on_and_the_old_one_stays_off() {
    let (_directory, medium) = served();
    let mut old = Client::connect(&medium);
    let (told, hears) = mpsc::channel();
    medium.arm(Cut::at_write(2).and_then(move || told.send(Instant::now()).unwrap()));
    assert_eq!(old.write(0, b"one"), 0);
    old.send(WRITE, 0, 3, b"two");
    hears.recv_timeout(SOON).unwrap();
    let mut early = UnixStream::connect(medium.socket()).unwrap();
    assert_eq!(early.read(&mut [0]).unwrap(), 0, "nobody is there without power");
    medium.power_on();
    assert!(!medium.is_cut() && !medium.wait_cut(Duration::ZERO));
    let mut new = Client::connect(&medium);
    assert_eq!(new.read(0, 3), Ok(b"one".to_vec()));
    for _ in 0..3 {
        assert_eq!(new.write(0, b"six"), 0, "a cut falls once");
    }
    old.send(READ, 0, 3, b"");
    assert!(old.hangs());
    medium.disconnect();
    assert_eq!(old.stream.read(&mut [0]).unwrap(), 0);
    assert!(medium.wait_closed(SOON));
}

#[test]
fn a_cut_that_was_taken_back_or_replaced_does_not_fall() {
    let (_directory, medium) = served();
    let mut client = Client::connect(&medium);
    medium.arm(Cut::at_write(1));
    medium.disarm();
    assert_eq!(client.write(0, b"a"), 0);
    medium.arm(Cut::at_write(1));
    medium.arm(Cut::when(|request| {
        matches!(request, Request::Write { offset: 512, .. })
    }));
    assert_eq!(client.write(0, b"b"), 0);
    client.send(WRITE, 512, 1, b"c");
    assert!(medium.wait_cut(SOON));
}

#[test]
fn writes_and_reads_fail_as_often_as_was_said() {
    let (_directory, medium) = served();
    let mut client = Client::connect(&medium);
    medium.fail_writes(Refusal::Io, Some(2));
    let errors: Vec<u32> = (0..4).map(|_| client.write(0, b"x")).collect();
    assert_eq!(errors, [5, 5, 0, 0]);
    medium.fail_writes(Refusal::NoSpace, None);
    let errors: Vec<u32> = (0..4).map(|_| client.write(0, b"y")).collect();
    assert_eq!(errors, [28; 4]);
    assert_eq!((client.read(0, 1), client.flush()), (Ok(b"x".to_vec()), 0));
    medium.fail_writes(Refusal::Io, Some(0));
    assert_eq!(client.write(0, b"z"), 0);
    medium.fail_reads(Refusal::Io, Some(1));
    assert_eq!(client.read(0, 1), Err(5));
    assert_eq!(client.read(0, 1), Ok(b"z".to_vec()));
}

#[test]
fn a_protected_stick_says_so_and_refuses() {
    let (_directory, medium) = served();
    medium.write_protect(true);
    let mut client = Client::connect(&medium);
    assert_eq!(client.flags & 2, 2);
    assert_eq!(client.write(0, b"x"), 1);
    assert_eq!(client.read(0, 1), Ok(vec![0]));
    medium.write_protect(false);
    assert_eq!(Client::connect(&medium).flags & 2, 0);
    assert_eq!(client.write(0, b"x"), 0);
}

#[test]
fn a_slow_write_takes_its_time_and_a_read_does_not() {
    const EACH: Duration = Duration::from_millis(300);
    let (_directory, medium) = served();
    let mut client = Client::connect(&medium);
    medium.slow_writes(EACH);
    let begin = Instant::now();
    client.send(WRITE, 0, 1, b"x");
    thread::sleep(EACH / 10);
    let mut other = Client::connect(&medium);
    let seen = other.read(0, 1);
    if begin.elapsed() < EACH {
        assert_eq!(seen, Ok(vec![0]), "nothing is applied before the end");
    }
    assert_eq!(client.reply(), 0);
    assert!(begin.elapsed() >= EACH);
    assert_eq!(other.read(0, 1), Ok(b"x".to_vec()));
}

#[test]
fn a_dropped_medium_closes_its_socket() {
    let (_directory, medium) = served();
    let mut client = Client::connect(&medium);
    let socket = medium.socket();
    drop(medium);
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
    assert!(UnixStream::connect(socket).is_err());
}

#[test]
fn only_an_image_that_is_there_is_served() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Medium::serve(&directory.path().join("missing")).is_err());
}
