//! Route `on-behalf` when answers get lost, options expire, keys go, and machines die.

use std::time::Duration;

use glasskey::registration::journal::State;
use glasskey::registration::{Journal, RegistrationError};
use glasskey::sandbox::{Effect, Settings};

use crate::fake_bus::OnMake;
use crate::on_behalf::{METHODS, OPTIONS, again, made, ready, run};

fn status(status: u16, retry_after: Option<u32>) -> Effect {
    Effect::Status {
        status,
        retry_after,
        code: None,
        message: None,
    }
}

fn states(path: &std::path::Path) -> Vec<State> {
    let journal = Journal::open(path).unwrap();
    journal.entries().iter().map(|e| e.state).collect()
}

#[test]
fn a_post_without_an_answer_is_looked_for_and_the_passkey_never_made_twice() {
    for (effect, posts) in [
        (Effect::CutAfter, 1),
        (Effect::CutBefore, 2),
        (Effect::Html, 2),
        (status(503, None), 2),
        (status(504, None), 2),
        (status(429, Some(1)), 2),
        (status(429, None), 2),
        (Effect::Slow { milliseconds: 100 }, 1),
    ] {
        let (scene, key, prepared) = ready(Settings::default());
        scene.fault("POST", METHODS, 0, 1, effect.clone());
        let (result, report, _) = run(&scene, vec![prepared]);
        result.unwrap();
        assert!(report.keys[0].credential.is_some(), "{effect:?}");
        assert_eq!((scene.passkeys(), made(&key)), (1, 1), "{effect:?}");
        assert_eq!(scene.sandbox.calls("GET", OPTIONS), 1, "{effect:?}");
        // A passkey is listed with a delay, so that a second POST may come before the first is seen.
        let sent = scene.sandbox.calls("POST", METHODS);
        assert!(
            sent == posts || effect == Effect::CutAfter && sent == 2,
            "{effect:?}: {sent}"
        );
        assert_eq!(states(&scene.journal), [State::Intended, State::Done]);
    }
}

#[test]
fn every_kind_of_fault_at_every_call_ends_right() {
    let (scene, key, prepared) = ready(Settings::default());
    for (method, path, effect) in [
        ("GET", "organization", status(429, Some(1))),
        ("GET", "users", Effect::CutBefore),
        ("GET", "configurations/fido2", Effect::Html),
        ("GET", OPTIONS, Effect::CutAfter),
        ("GET", OPTIONS, status(504, None)),
        ("POST", METHODS, status(429, Some(1))),
        ("POST", METHODS, Effect::CutBefore),
        ("POST", METHODS, Effect::CutAfter),
        ("GET", METHODS, status(503, None)),
    ] {
        scene.fault(method, path, 0, 1, effect);
    }
    let (result, report, _) = run(&scene, vec![prepared]);
    result.unwrap();
    assert_eq!(report.keys[0].result, "registered");
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
}

/// The list cannot be read after the POST, so this run cannot know; `stored` says whether the tenant has it.
fn left_open(stored: bool) {
    let (mut scene, key, prepared) = ready(Settings::default());
    scene.options.usable_within = Duration::from_millis(400);
    let lost = if stored {
        Effect::CutAfter
    } else {
        Effect::CutBefore
    };
    scene.fault("POST", METHODS, 0, 1, lost);
    // Past the list at the beginning and the options.
    scene.fault("GET", METHODS, 2, 1, status(403, None));
    let (result, report, _) = run(&scene, vec![again(&prepared)]);
    assert!(matches!(result, Err(RegistrationError::Graph(_))), "{result:?}");
    assert!(
        report.keys[0]
            .warnings
            .iter()
            .any(|w| w.contains("next run looks for it"))
    );
    assert_eq!(made(&key), 1, "what may be registered stays on the key");
    assert_eq!(states(&scene.journal), [State::Intended]);

    let (result, report, _) = run(&scene, vec![prepared]);
    result.unwrap();
    let (sent, how) = if stored {
        (1, "alreadyRegistered")
    } else {
        (2, "registered")
    };
    assert_eq!(report.keys[0].result, how);
    assert_eq!(scene.sandbox.calls("POST", METHODS), sent);
    assert_eq!((scene.passkeys(), made(&key)), (1, 1), "no orphan is left");
    assert_eq!(states(&scene.journal).last(), Some(&State::Done));
}

#[test]
fn the_next_run_finds_a_passkey_whose_answer_was_lost() {
    left_open(true);
}

#[test]
fn the_next_run_removes_from_the_key_what_the_tenant_never_got() {
    left_open(false);
}

#[test]
fn options_that_expire_are_fetched_anew_and_leave_no_orphan() {
    let (scene, key, prepared) = ready(Settings {
        challenge_milliseconds: Some(1500),
        ..Settings::default()
    });
    let slow = OnMake::Wait(Duration::from_secs(2));
    scene.bus.on_make.lock().unwrap().push_back(slow);
    let (result, _, lines) = run(&scene, vec![prepared]);
    result.unwrap();
    assert_eq!(scene.sandbox.calls("GET", OPTIONS), 2);
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
    assert!(lines.iter().any(|l| l.contains("have expired")), "{lines:?}");
    assert_eq!(
        states(&scene.journal),
        [State::Intended, State::Refused, State::Intended, State::Done]
    );
}

#[test]
fn a_touch_may_be_missed_twice() {
    for (missed, works) in [(2, true), (3, false)] {
        let (scene, key, prepared) = ready(Settings::default());
        for _ in 0..missed {
            scene.bus.on_make.lock().unwrap().push_back(OnMake::NoTouch);
        }
        let (result, _, _) = run(&scene, vec![prepared]);
        assert_eq!(result.is_ok(), works, "{result:?}");
        assert_eq!(made(&key), usize::from(works));
        assert_eq!(scene.sandbox.calls("GET", OPTIONS), 1);
    }
}

#[test]
fn a_key_that_goes_in_the_middle_proves_itself_again() {
    let (scene, key, prepared) = ready(Settings::default());
    scene.bus.on_make.lock().unwrap().push_back(OnMake::Gone);
    let (result, _, lines) = run(&scene, vec![prepared]);
    result.unwrap();
    assert_eq!(scene.passkeys(), 1);
    assert_eq!(
        made(&key),
        2,
        "what it made before it went is not known to anybody"
    );
    assert!(lines.iter().any(|l| l.contains("not known whether the key made")));
}

#[test]
fn an_interruption_before_the_post_leaves_nothing() {
    let (scene, key, prepared) = ready(Settings::default());
    let stop = OnMake::Interrupt(scene.interrupt.clone());
    scene.bus.on_make.lock().unwrap().push_back(stop);
    let (result, _, _) = run(&scene, vec![again(&prepared)]);
    assert!(
        matches!(result, Err(RegistrationError::Interrupted)),
        "{result:?}"
    );
    assert_eq!((scene.sandbox.calls("POST", METHODS), made(&key)), (0, 0));
    scene
        .interrupt
        .flag()
        .store(false, std::sync::atomic::Ordering::Relaxed);
    run(&scene, vec![prepared]).0.unwrap();
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
}
