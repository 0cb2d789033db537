//! Where PINs are: on slips of two halves, and on no paper at all before the second pass.

use bench::client::{Client, OK};
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use ciborium::Value;
use rehearsal::evidence::{occurrences, raw};
use rehearsal::officer::Officer;
use rehearsal::papers::Paper;
use rehearsal::plan::Plan;

use crate::desk::{Desk, known};
use crate::{accepts_only, check_record, check_slips, key};

#[test]
fn two_papers_hold_a_half_each_and_go_into_two_bags() {
    let key = key();
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient).split().setting("pin_length = 12"));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            officer.prepare(&key, 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    let slips = evidence.slips();
    assert_eq!(slips.len(), 2, "{slips:?}");
    let ((number, first), (other, second)) = (slips[0], slips[1]);
    assert_eq!(number, other, "two halves of one slip");
    assert!(first.len() == 6 && second.len() == 6, "{slips:?}");
    let pin = format!("{first}{second}");
    accepts_only(&key, &pin, &[&format!("{second}{first}")]);
    assert_eq!(desk.manifest(&evidence)["keys"][0]["pin"], pin);
    let prepared = evidence.events("key-prepared")[0];
    assert!(
        prepared["slip_bag"].is_string() && prepared["slip_bag"] != prepared["second_slip_bag"],
        "{prepared}"
    );
    check_slips(&evidence, &[&pin, first, second]);
    check_record(&evidence, 1);
}

/// Whether the key holds the identity credential that the manifest names.
fn holds_identity(key: &VirtualKey, manifest: &serde_json::Value) -> bool {
    use base64::Engine as _;
    let text = manifest["keys"][0]["identity"]["credential_id"]
        .as_str()
        .expect("an identity");
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .expect("base64url");
    let text = |t: &str| Value::Text(t.into());
    let number = |n: i64| Value::Integer(n.into());
    let credential = Value::Map(vec![
        (text("id"), Value::Bytes(id)),
        (text("type"), text("public-key")),
    ]);
    let request = Value::Map(vec![
        (number(1), text("identity.glasskey.invalid")),
        (number(2), Value::Bytes(vec![7; 32])),
        (number(3), Value::Array(vec![credential])),
        (number(5), Value::Map(vec![(text("up"), Value::Bool(false))])),
    ]);
    key.power_on().expect("power");
    let answer = Client::connect(key).and_then(|client| client.ctap(0x02, Some(request)));
    key.power_off();
    answer.is_ok_and(|(status, _)| status == OK)
}

/// The same officer with other bags: that of the first pass was opened for the registration.
fn known_later(officer: Officer<'_>) -> Officer<'_> {
    known(officer).after(1)
}

#[test]
fn the_transport_pin_gives_way_to_that_of_a_slip() {
    let (key, stranger) = (key(), key());
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient).custody("rotate"));
    let mut label = String::new();
    desk.sit(known, |officer| {
        officer.begin()?;
        label = officer.prepare_for_transport(&key, 0)?;
        officer.close()
    });
    let first = desk.evidence();
    assert!(first.slips().is_empty(), "no slip is printed in the first pass");
    let manifest = desk.manifest(&first);
    let transport = manifest["keys"][0]["pin"]
        .as_str()
        .expect("a transport PIN")
        .to_owned();
    assert!(holds_identity(&key, &manifest) && !holds_identity(&stranger, &manifest));
    check_slips(&first, &[&transport]);

    desk.sit(known_later, |officer| {
        officer.see("Second pass: transport PINs are replaced")?;
        officer.sit_down()?;
        officer.seal(&key, 0)?;
        officer.close()
    });
    let second = desk.evidence();
    let slips = second.slips();
    assert_eq!(slips.len(), 1, "{slips:?}");
    accepts_only(&key, slips[0].1, &[&transport]);
    assert!(
        holds_identity(&key, &manifest),
        "the identity credential survives"
    );
    check_slips(&second, &[&transport, slips[0].1]);
    assert_eq!(
        occurrences(&raw(desk.stick()).expect("the stick"), transport.as_bytes()),
        0
    );
    assert_eq!(
        first.manifest, second.manifest,
        "the manifest is that of the first pass"
    );
    let sealed = second.events("key-sealed");
    assert_eq!(sealed.len(), 1);
    assert_eq!(sealed[0]["label"], label.as_str());
    let first_bag = &first.events("key-prepared")[0]["key_bag"];
    assert!(sealed[0]["key_bag"].is_string() && sealed[0]["key_bag"] != *first_bag);
    let records = second.papers.iter().filter(|p| matches!(p, Paper::Record { .. }));
    assert_eq!(records.count(), 2);
}
