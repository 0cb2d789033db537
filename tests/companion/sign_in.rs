//! The tool's sign-in against the sandbox tenant: every way, each refusal with its accepted twin, and renewal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasskey::graph::{
    Application, Certificate, Client, GraphError, Guide, Interrupt, Kept, Pace, Service, Session, SignInError,
};
use glasskey::sandbox::{self, Effect, Fault, Login, Settings, User};
use glasskey::secret::Secret;
use rcgen::{CertificateParams, KeyPair};

use crate::contract::Recorded;

pub(crate) const UPN: &str = "bg-01@contoso.onmicrosoft.com";
pub(crate) const TENANT: &str = "contoso.onmicrosoft.com";
pub(crate) const CLIENT: &str = "11111111-2222-4333-8444-555555555555";
/// RSA keys that nothing but these tests trusts.
pub(crate) const KEYS: [&str; 2] = [
    include_str!("keys/application-1.pem"),
    include_str!("keys/application-2.pem"),
];

/// A certificate of a key, good in these years.
pub(crate) fn certificate(key: &str, years: std::ops::Range<i32>) -> String {
    let key = KeyPair::from_pem(key).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    params.self_signed(&key).unwrap().pem()
}

pub(crate) fn good_certificate() -> String {
    certificate(KEYS[0], 2020..2200)
}

/// A tenant with an application that has the first key's certificate.
pub(crate) fn settings(login: Login) -> Settings {
    Settings {
        users: vec![User::named(UPN)],
        login: Login {
            applications: vec![sandbox::Application {
                client_id: CLIENT.into(),
                certificate: good_certificate(),
                permissions: None,
            }],
            ..login
        },
        ..Settings::default()
    }
}

pub(crate) fn tenant(login: Login) -> Recorded {
    Recorded::start(settings(login))
}

fn application(sandbox: &Recorded) -> Application {
    let service = Service::parse(&sandbox.origin()).unwrap();
    Application::new(&service, TENANT, CLIENT).unwrap()
}

fn client(session: Session) -> Client {
    let pace = Pace {
        gap: Duration::ZERO,
        ..Pace::default()
    };
    Client::signed_in(session, Interrupt::never(), pace)
}

fn with_certificate(sandbox: &Recorded, pem: &str, key: &str) -> Result<Session, SignInError> {
    let certificate = Certificate::read(pem.as_bytes(), key.as_bytes())?;
    Session::certificate(application(sandbox), certificate, &Interrupt::never())
}

fn refused(result: Result<Session, SignInError>) -> String {
    match result {
        Err(SignInError::Refused(refusal)) => refusal.error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was accepted"),
    }
}

/// A request of a browser that follows no redirect: status and where it is sent.
pub(crate) fn visit(url: &str) -> (u16, Option<String>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let response = agent.get(url).call().unwrap();
    let location = response.headers().get("location");
    let location = location.map(|l| l.to_str().unwrap().to_owned());
    (response.status().as_u16(), location)
}

/// A person whose browser does what the test wants with the way back.
struct Person {
    said: Mutex<Vec<String>>,
    browser: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Person {
    fn new(browser: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            said: Mutex::default(),
            browser: Arc::new(browser),
        }
    }

    fn obedient() -> Self {
        Self::new(|back| assert_eq!(visit(back).0, 200))
    }

    fn heard(&self, part: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

impl Guide for Person {
    fn say(&self, line: &str) {
        self.said.lock().unwrap().push(line.to_owned());
    }

    fn open(&self, url: &str) -> bool {
        let (url, browser) = (url.to_owned(), self.browser.clone());
        std::thread::spawn(move || {
            let (status, back) = visit(&url);
            assert_eq!(status, 302);
            browser(&back.unwrap());
        });
        true
    }
}

fn in_browser(sandbox: &Recorded, permissions: &[&str], person: &Person) -> Result<Session, SignInError> {
    Session::browser(application(sandbox), permissions, person, &Interrupt::never())
}

fn with_device_code(login: Login) -> (Recorded, Person, Result<Session, SignInError>) {
    let (sandbox, person) = (tenant(login), Person::new(|_| {}));
    let result = Session::device_code(application(&sandbox), &[], &person, &Interrupt::never());
    (sandbox, person, result)
}

#[test]
fn an_application_signs_in_with_its_certificate_and_with_no_other() {
    let sandbox = tenant(Login::default());
    let session = with_certificate(&sandbox, &good_certificate(), KEYS[0]).unwrap();
    assert_eq!(client(session).user(UPN).unwrap().user_principal_name, UPN);
    let other = certificate(KEYS[1], 2020..2200);
    assert_eq!(
        refused(with_certificate(&sandbox, &other, KEYS[1])),
        "invalid_client"
    );
    // The same key in another certificate is another certificate.
    let renewed = certificate(KEYS[0], 2021..2200);
    assert_eq!(
        refused(with_certificate(&sandbox, &renewed, KEYS[0])),
        "invalid_client"
    );
}

#[test]
fn a_certificate_that_cannot_work_is_refused_before_anything_is_sent() {
    let sandbox = tenant(Login::default());
    for (pem, key, what) in [
        (good_certificate(), KEYS[1], "another certificate"),
        (certificate(KEYS[0], 2020..2021), KEYS[0], "expired"),
        (certificate(KEYS[0], 2190..2200), KEYS[0], "not valid yet"),
        (good_certificate(), "", "no private key"),
        (KEYS[0].to_owned(), KEYS[0], "no certificate"),
    ] {
        let Err(error @ SignInError::Certificate(_)) = with_certificate(&sandbox, &pem, key) else {
            panic!("{what}");
        };
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(sandbox.calls("POST", ""), 0);
    let both = good_certificate() + KEYS[0];
    assert!(with_certificate(&sandbox, &both, &both).is_ok());
}

#[test]
fn a_person_signs_in_in_the_browser_for_what_was_asked_and_no_more() {
    let login = Login {
        user: Some(UPN.into()),
        ..Login::default()
    };
    let sandbox = tenant(login);
    let person = Person::obedient();
    let session = in_browser(&sandbox, &["User.Read.All"], &person).unwrap();
    assert!(person.heard("/oauth2/v2.0/authorize?") && !person.heard("eyJ"));
    let graph = client(session);
    let user = graph.user(UPN).unwrap();
    assert_eq!(graph.caller(), Some(user.id));
    let error = graph.passkey_policy().unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 403, "{error}");
    let more = in_browser(&sandbox, &["User.Read.All", "Policy.Read.All"], &person).unwrap();
    assert!(client(more).passkey_policy().is_ok());
}

#[test]
fn an_answer_with_another_state_is_refused_and_the_right_one_still_taken() {
    let sandbox = tenant(Login::default());
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let noted = statuses.clone();
    let person = Person::new(move |back| {
        let (before, state) = back.split_once("state=").unwrap();
        let foreign = format!("{before}state={}", state.chars().rev().collect::<String>());
        for url in [foreign, format!("{before}x=y"), back.to_owned()] {
            noted.lock().unwrap().push(visit(&url).0);
        }
    });
    assert!(in_browser(&sandbox, &[], &person).is_ok());
    while Arc::strong_count(&statuses) > 2 {
        std::thread::yield_now();
    }
    assert_eq!(sandbox.calls("POST", "/token"), 1);
    assert_eq!(statuses.lock().unwrap()[..2], [400, 400]);
}

#[test]
fn a_person_who_declines_is_not_asked_twice() {
    let declines = || Login {
        declined: true,
        device_code_interval_seconds: 0,
        ..Login::default()
    };
    let sandbox = tenant(declines());
    let result = in_browser(&sandbox, &[], &Person::obedient());
    assert!(matches!(result, Err(SignInError::Declined)));
    assert_eq!(sandbox.calls("POST", "/token"), 0);
    let (_, _, result) = with_device_code(declines());
    assert!(matches!(result, Err(SignInError::Declined)));
}

#[test]
fn what_nobody_consented_to_is_refused_by_name() {
    let sandbox = tenant(Login {
        permissions: Some(vec!["User.Read.All".into()]),
        ..Login::default()
    });
    let person = Person::obedient();
    let result = in_browser(&sandbox, &["User.ReadWrite.All"], &person);
    assert_eq!(refused(result), "consent_required");
    assert!(in_browser(&sandbox, &["User.Read.All"], &person).is_ok());
}

#[test]
fn a_device_code_is_shown_and_waited_for() {
    let (sandbox, person, result) = with_device_code(Login {
        pending_polls: 2,
        device_code_interval_seconds: 0,
        ..Login::default()
    });
    assert!(client(result.unwrap()).user(UPN).is_ok());
    assert!(person.heard("SANDBOX-1") && person.heard("block"));
    assert_eq!(sandbox.calls("POST", "/token"), 3);
}

#[test]
fn a_device_code_that_nobody_uses_expires() {
    let (_, _, result) = with_device_code(Login {
        pending_polls: 1000,
        device_code_seconds: 1,
        ..Login::default()
    });
    assert!(matches!(result, Err(SignInError::TimedOut)));
}

#[test]
fn a_client_that_is_told_to_slow_down_does() {
    let (sandbox, _, result) = with_device_code(Login {
        slow_down_polls: 1,
        pending_polls: 0,
        device_code_interval_seconds: 1,
        ..Login::default()
    });
    assert!(result.is_ok());
    // One refusal and one success: whoever kept asking each second would have been told more often.
    assert_eq!(sandbox.calls("POST", "/token"), 2);
}

#[test]
fn an_interruption_ends_the_wait_for_a_person() {
    let sandbox = tenant(Login::default());
    let interrupt = Interrupt::never();
    interrupt.flag().store(true, std::sync::atomic::Ordering::Relaxed);
    for result in [
        Session::browser(application(&sandbox), &[], &Person::new(|_| {}), &interrupt),
        Session::device_code(application(&sandbox), &[], &Person::new(|_| {}), &interrupt),
    ] {
        assert!(matches!(result, Err(SignInError::Interrupted(_))));
    }
}

fn expires(count: u32) -> Fault {
    Fault {
        method: None,
        path: "/v1.0/".into(),
        skip: 0,
        count,
        effect: Effect::ExpiredToken,
    }
}

#[test]
fn a_token_that_is_refused_is_renewed_once_for_a_call() {
    let sessions: [fn(&Recorded) -> Session; 2] = [
        |sandbox| with_certificate(sandbox, &good_certificate(), KEYS[0]).unwrap(),
        |sandbox| in_browser(sandbox, &[], &Person::obedient()).unwrap(),
    ];
    for session in sessions {
        let sandbox = tenant(Login::default());
        let graph = client(session(&sandbox));
        let before = sandbox.calls("POST", "/token");
        sandbox.add_fault(expires(1));
        assert!(graph.user(UPN).is_ok());
        assert_eq!(sandbox.calls("POST", "/token"), before + 1);
        // Even a call that creates is sent again: a 401 has done nothing.
        sandbox.add_fault(expires(1));
        assert!(
            graph
                .create_pass(
                    UPN,
                    glasskey::graph::NewPass {
                        lifetime_in_minutes: 60,
                        is_usable_once: false
                    }
                )
                .is_ok()
        );
        assert_eq!(sandbox.calls("POST", "/token"), before + 2);
        sandbox.add_fault(expires(2));
        let error = graph.user(UPN).unwrap_err();
        assert_eq!(error.refusal().unwrap().status, 401);
        assert_eq!(sandbox.calls("POST", "/token"), before + 3);
        assert!(graph.user(UPN).is_ok());
    }
}

#[test]
fn what_was_begun_is_cleaned_up_with_a_new_token_after_an_interruption() {
    let sandbox = tenant(Login::default());
    let session = with_certificate(&sandbox, &good_certificate(), KEYS[0]).unwrap();
    let interrupt = Interrupt::never();
    let pace = Pace {
        gap: Duration::ZERO,
        ..Pace::default()
    };
    let graph = Client::signed_in(session, interrupt.clone(), pace);
    let new = glasskey::graph::NewPass {
        lifetime_in_minutes: 60,
        is_usable_once: false,
    };
    let pass = graph.create_pass(UPN, new).unwrap();
    interrupt.flag().store(true, std::sync::atomic::Ordering::Relaxed);
    sandbox.add_fault(expires(1));
    assert!(matches!(
        graph.pass(UPN, &pass.id),
        Err(GraphError::Interrupted(_))
    ));
    assert!(graph.for_cleaning().delete_pass(UPN, &pass.id).is_ok());
    assert_eq!(sandbox.calls("POST", "/token"), 2);
}

#[test]
fn a_token_from_a_file_is_not_renewed() {
    let sandbox = tenant(Login::default());
    let service = Service::parse(&sandbox.origin()).unwrap();
    let token = Secret::new(sandbox.token().to_owned());
    let graph = client(Session::fixed(service, token));
    sandbox.add_fault(expires(1));
    assert_eq!(graph.user(UPN).unwrap_err().refusal().unwrap().status, 401);
    assert_eq!(sandbox.calls("POST", ""), 0);
    assert!(graph.user(UPN).is_ok());
}

#[test]
fn a_token_near_its_end_is_renewed_before_it_is_refused() {
    let sandbox = tenant(Login {
        token_seconds: 1,
        ..Login::default()
    });
    let graph = client(with_certificate(&sandbox, &good_certificate(), KEYS[0]).unwrap());
    std::thread::sleep(Duration::from_secs(1));
    assert!(graph.user(UPN).is_ok());
    assert_eq!(sandbox.calls("POST", "/token"), 2);
    assert_eq!(sandbox.calls("GET", "/v1.0/"), 1);
}

#[test]
fn a_renewal_that_fails_says_so_and_one_without_an_answer_is_repeated() {
    let sandbox = tenant(Login::default());
    let graph = client(with_certificate(&sandbox, &good_certificate(), KEYS[0]).unwrap());
    let busy = |status, count| Fault {
        method: Some("POST".into()),
        path: "/token".into(),
        skip: 0,
        count,
        effect: Effect::Status {
            status,
            retry_after: None,
            code: None,
            message: None,
        },
    };
    sandbox.add_fault(expires(1));
    sandbox.add_fault(busy(503, 1));
    assert!(graph.user(UPN).is_ok());
    sandbox.add_fault(expires(1));
    sandbox.add_fault(busy(400, 1));
    let error = graph.user(UPN).unwrap_err();
    assert!(
        matches!(error, GraphError::SignIn(_)) && !error.is_transient(),
        "{error}"
    );
}

#[test]
fn a_sign_in_is_kept_for_its_application_until_it_is_forgotten() {
    let sandbox = tenant(Login::default());
    let service = Service::parse(&sandbox.origin()).unwrap();
    let kept = |tenant: &str| {
        let application = Application::new(&service, tenant, CLIENT).unwrap();
        Session::kept(&application, &["User.Read.All"], &Interrupt::never()).unwrap()
    };
    assert!(kept(TENANT).is_none());
    let mut session = in_browser(&sandbox, &[], &Person::obedient()).unwrap();
    if let Err(reason) = session.keep() {
        // A machine whose kernel has no keyring for us: then nothing is kept.
        assert!(kept(TENANT).is_none(), "{reason}");
        return;
    }
    assert!(client(kept(TENANT).unwrap()).user(UPN).is_ok());
    assert!(kept("other.onmicrosoft.com").is_none());
    assert_eq!(Kept::forget(&service), Ok(Kept::Forgotten));
    assert!(kept(TENANT).is_none());
    assert_eq!(Kept::forget(&service), Ok(Kept::Nothing));
}
