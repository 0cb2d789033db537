//! Faults of the sandbox tenant as the Graph client meets them.

use std::time::Duration;

use glasskey::graph::{Client, GraphError, Interrupt, Pace, Service};
use glasskey::sandbox::{Effect, Fault, RandomFaults, Settings, User};
use glasskey::secret::Secret;

use crate::contract::Recorded;

const UPN: &str = "bg-01@contoso.onmicrosoft.com";

fn start(change: impl FnOnce(&mut Settings)) -> Recorded {
    let mut settings = Settings {
        users: vec![User::named(UPN)],
        ..Settings::default()
    };
    change(&mut settings);
    Recorded::start(settings)
}

fn client(sandbox: &Recorded, patience: Duration) -> Client {
    let pace = Pace {
        gap: Duration::ZERO,
        first: Duration::from_millis(5),
        longest: Duration::from_millis(20),
        patience,
    };
    let service = Service::parse(&sandbox.origin()).unwrap();
    Client::new(
        service,
        Secret::new(sandbox.token().to_owned()),
        Interrupt::never(),
        pace,
    )
}

fn status(status: u16, retry_after: Option<u32>) -> Effect {
    Effect::Status {
        status,
        retry_after,
        code: None,
        message: None,
    }
}

#[test]
fn a_read_outlasts_each_passing_fault_and_an_expired_token_ends_it() {
    let sandbox = start(|_| {});
    let client = client(&sandbox, Duration::from_secs(5));
    let fault = |effect| {
        sandbox.add_fault(Fault {
            method: None,
            path: "/users/".into(),
            skip: 0,
            count: 1,
            effect,
        });
    };
    for effect in [
        status(429, Some(0)),
        status(429, None),
        status(503, None),
        status(504, None),
        Effect::Html,
        Effect::CutBefore,
        Effect::CutAfter,
        Effect::Slow { milliseconds: 10 },
    ] {
        let before = sandbox.calls("GET", "/users/");
        fault(effect.clone());
        assert!(client.user(UPN).is_ok(), "{effect:?}");
        let calls = sandbox.calls("GET", "/users/") - before;
        assert_eq!(
            calls,
            if matches!(effect, Effect::Slow { .. }) {
                1
            } else {
                2
            },
            "{effect:?}"
        );
    }
    fault(Effect::ExpiredToken);
    let Err(GraphError::Refused(refusal)) = client.user(UPN) else {
        panic!("an expired token is refused");
    };
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (401, "InvalidAuthenticationToken")
    );
}

#[test]
fn beyond_the_limit_per_second_a_client_waits_as_long_as_it_is_told() {
    let sandbox = start(|s| s.requests_per_second = Some(3));
    let impatient = client(&sandbox, Duration::from_millis(100));
    let refused = (0..8).find_map(|_| impatient.user(UPN).err()).unwrap();
    let refusal = refused.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.retry_after),
        (429, Some(Duration::from_secs(1)))
    );
    assert!(client(&sandbox, Duration::from_secs(20)).user(UPN).is_ok());
}

#[test]
fn a_client_outlasts_random_faults() {
    let sandbox = start(|s| {
        s.random_faults = Some(RandomFaults {
            seed: 3,
            per_mille: 200,
        });
    });
    let client = client(&sandbox, Duration::from_secs(30));
    for _ in 0..40 {
        client.user(UPN).unwrap();
    }
    assert!(sandbox.calls("GET", "/users/") > 40);
}
