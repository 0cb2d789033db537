//! INIT, getInfo and reset against the bench's key, in this process and without a kernel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench::client::Client;
use bench::command::Command;
use bench::engine::Touch;
use bench::engine::config::{BENCH_AAGUID, EngineConfig};
use bench::faults::{Effect as Spoil, Fault, ForeignCid, When};
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use glasskey::id::Aaguid;
use glasskey::key::channel::{Call, Channel, ChannelError, Limits, PipeError, Report, ReportPipe};
use glasskey::key::{Effect, KeyError, KeyEvent, KeyInfo, UsbPort, fitness, reset};

/// The cable between channel and virtual key.
pub(crate) struct Cable(VirtualKey);

impl ReportPipe for Cable {
    fn send(&mut self, report: &Report) -> Result<(), PipeError> {
        self.0.send(report);
        Ok(())
    }

    fn recv(&mut self, wait: Duration) -> Result<Option<Report>, PipeError> {
        Ok(self.0.recv(wait))
    }
}

fn key() -> VirtualKey {
    key_of(EngineConfig::default())
}

pub(crate) fn key_of(config: EngineConfig) -> VirtualKey {
    let key = VirtualKey::new(config).unwrap();
    key.set_touch(Touch::Auto(Duration::from_millis(150)));
    key.power_on().unwrap();
    key
}

/// Takes the key out and puts it back.
pub(crate) fn replug(key: &VirtualKey) {
    key.power_off();
    key.power_on().unwrap();
}

fn limits() -> Limits {
    Limits {
        init: Duration::from_millis(300),
        gap: Duration::from_millis(600),
        drain: Duration::from_millis(500),
        busy: Duration::from_millis(300),
        busy_pause: Duration::from_millis(50),
        ..Limits::default()
    }
}

pub(crate) fn with_call<T>(
    key: &VirtualKey,
    stop: &AtomicBool,
    work: impl FnOnce(&mut Channel<Cable>, &UsbPort, &mut Call<'_>) -> Result<T, KeyError>,
) -> (Result<T, KeyError>, Vec<KeyEvent>) {
    let port = UsbPort::new("1-1");
    let mut events = Vec::new();
    let mut channel = match Channel::open(Cable(key.clone()), limits()) {
        Ok(channel) => channel,
        Err(error) => return (Err(error.into_key_error(&port, Effect::Nothing)), events),
    };
    let mut call = Call {
        total: Duration::from_secs(2),
        stop,
        expects_touch: true,
        on_event: &mut |event| events.push(event),
    };
    (work(&mut channel, &port, &mut call), events)
}

pub(crate) fn identify(key: &VirtualKey) -> Result<KeyInfo, KeyError> {
    with_call(key, &AtomicBool::new(false), reset::identify).0
}

pub(crate) fn reset(key: &VirtualKey) -> (Result<KeyInfo, KeyError>, Vec<KeyEvent>) {
    with_call(key, &AtomicBool::new(false), |channel, port, call| {
        reset::reset(channel, port, Aaguid(BENCH_AAGUID), call)
    })
}

fn set_pin(key: &VirtualKey) {
    assert_eq!(Client::connect(key).unwrap().set_pin("123456").unwrap(), 0);
}

#[test]
fn identifies_a_key_and_finds_it_fit() {
    let key = key();
    let info = identify(&key).unwrap();
    assert_eq!(info.aaguid, Aaguid(BENCH_AAGUID));
    assert!(info.versions.iter().any(|v| v == "FIDO_2_1"), "{info:?}");
    assert_eq!(info.pin_protocol(), Some(2));
    assert_eq!((info.min_pin_length, info.pin_set()), (4, false));
    assert_eq!(fitness(&info), Ok(()));
}

#[test]
fn resets_within_the_window_and_shows_the_touch() {
    let key = key();
    set_pin(&key);
    assert!(identify(&key).unwrap().pin_set());
    replug(&key);
    let (result, events) = reset(&key);
    assert!(!result.unwrap().pin_set());
    assert!(events.contains(&KeyEvent::TouchNeeded), "{events:?}");
}

#[test]
fn the_window_passes() {
    let key = key();
    set_pin(&key);
    replug(&key);
    // The window begins once the key has woken up.
    assert!(identify(&key).is_ok());
    key.advance_clock(Duration::from_secs(11));
    assert_eq!(reset(&key).0, Err(KeyError::WindowPassed));
    assert!(identify(&key).unwrap().pin_set());
}

#[test]
fn survives_keys_on_which_any_other_command_voids_the_reset() {
    let key = key();
    key.set_faults(vec![Fault::new(
        When::CtapExcept(vec![Command::GET_INFO, Command::RESET]),
        Spoil::VoidReset,
    )]);
    replug(&key);
    assert!(reset(&key).0.is_ok());
}

#[test]
fn stopping_tells_the_key_and_leaves_it_usable() {
    let key = key();
    key.set_touch(Touch::Never);
    replug(&key);
    let stop = AtomicBool::new(false);
    let (result, _) = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(key.wait_touch_awaited(Duration::from_secs(5)));
            stop.store(true, Ordering::Relaxed);
        });
        with_call(&key, &stop, |channel, port, call| {
            reset::reset(channel, port, Aaguid(BENCH_AAGUID), call)
        })
    });
    assert_eq!(
        result,
        Err(KeyError::Cancelled {
            effect: Effect::Nothing
        })
    );
    assert!(identify(&key).is_ok());
}

#[test]
fn a_declined_touch_is_a_refusal() {
    let key = key();
    key.set_touch(Touch::Never);
    replug(&key);
    let stop = AtomicBool::new(false);
    let (result, _) = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(key.wait_touch_awaited(Duration::from_secs(5)));
            key.decline();
        });
        with_call(&key, &stop, |channel, port, call| {
            reset::reset(channel, port, Aaguid(BENCH_AAGUID), call)
        })
    });
    assert_eq!(result, Err(KeyError::Refused));
}

#[test]
fn every_fault_ends_in_a_typed_error_or_is_survived() {
    let info = When::On(Command::GET_INFO);
    let mute = KeyError::Mute {
        effect: Effect::Nothing,
    };
    let run = |when: &When, spoil: Spoil| {
        let key = key();
        key.set_faults(vec![Fault::new(when.clone(), spoil)]);
        replug(&key);
        identify(&key)
    };
    assert!(run(&When::Always, Spoil::StaleInit).is_ok());
    for place in [ForeignCid::Before, ForeignCid::Between] {
        assert!(run(&info, Spoil::WrongCid(place)).is_ok(), "{place:?}");
    }
    assert_eq!(
        run(&info, Spoil::WrongCid(ForeignCid::Instead)),
        Err(mute.clone())
    );
    assert_eq!(run(&When::Always, Spoil::WrongNonce), Err(mute.clone()));
    assert_eq!(run(&When::Always, Spoil::Mute), Err(mute.clone()));
    assert_eq!(run(&info, Spoil::Mute), Err(mute.clone()));
    assert_eq!(run(&info, Spoil::MuteAfter(1)), Err(mute.clone()));
    assert_eq!(run(&info, Spoil::LongLength(300)), Err(mute.clone()));
    assert_eq!(run(&info, Spoil::Keepalives(1)), Err(mute));
    assert_eq!(run(&info, Spoil::Error(0x06)), Err(KeyError::Busy));
    assert!(matches!(run(&info, Spoil::Error(0x01)), Err(KeyError::Unfit(_))));
    for spoil in [
        Spoil::WrongSequence,
        Spoil::WrongCommand(0x83),
        Spoil::Error(0x00),
        Spoil::Error(0x0B),
        Spoil::Cut(20),
        Spoil::Append(vec![0]),
        Spoil::Answer(vec![0x00]),
        Spoil::Answer([&[0x00][..], &[0x9F; 3000]].concat()),
    ] {
        let result = run(&info, spoil.clone());
        assert!(
            matches!(result, Err(KeyError::Protocol { .. })),
            "{spoil:?}: {result:?}"
        );
    }
    assert!(
        run(
            &info,
            Spoil::Slow {
                by: Duration::from_millis(1500),
                keepalive: Some(1)
            }
        )
        .is_ok()
    );
}

#[test]
fn an_unplugged_channel_is_mute_without_a_kernel() {
    let key = key();
    key.power_off();
    assert!(matches!(
        Channel::open(Cable(key), limits()),
        Err(ChannelError::Mute)
    ));
}
