//! `glasskey plan check` and `glasskey plan show`.

use tempfile::TempDir;

use super::{RECIPIENTS, plan, same_as_reviewed, told, transcript};

/// A plan without a warning, with everything that a plan can say.
fn wise() -> String {
    let [first, second] = RECIPIENTS;
    format!(
        r#"version = 1
title = "Break-glass keys of Contoso"
tenant_id = "5a4db0c5-0000-4000-8000-000000000001"
recipients = ["{first}", "{second}"]
pin_custody = "rotate"
pin_alphabet = "alphanumeric"
pin_length = 10
split_slips = true
required_models = ["8876631b-d4a0-427f-5773-0ec71c9e0279"]
key_policy = {{ min_pin_length = 10, long_touch_for_reset = true }}

[[people]]
name = "Ada Lovelace"
role = "officer"

[[people]]
name = "Grace Hopper"
role = "witness"

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [
    {{ custodian = "Alan Turing", safe = "Safe 1", slip_custodians = ["Joan Clarke", "Max Newman"], usb_serial = "1001" }},
    {{ custodian = "Zoë Łukasz", safe = "Safe 2", slip_custodians = ["Joan Clarke", "Max Newman"] }},
]

[[accounts]]
upn = "bg-02@contoso.onmicrosoft.com"
keys = [
    {{ custodian = "Alan Turing", safe = "Safe 1", slip_custodians = ["Joan Clarke", "Max Newman"] }},
    {{ custodian = "Zoë Łukasz", safe = "Safe 2", slip_custodians = ["Joan Clarke", "Max Newman"] }},
]
"#
    )
}

/// A small rehearsal with warnings.
fn rehearsal() -> String {
    let [first, _] = RECIPIENTS;
    format!(
        r#"version = 1
title = "Rehearsal"
rehearsal = true
recipients = ["{first}"]
people = [{{ name = "Ada Lovelace", role = "officer" }}, {{ name = "Grace Hopper", role = "witness" }}]

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [{{ custodian = "Ada Lovelace" }}]
"#
    )
}

fn refused() -> String {
    rehearsal()
        .replace("rehearsal = true", "reheasal = true\nlabel_stock = \"L1\"")
        .replace("bg-01@", "bg 01@")
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in [
        ("wise.toml", wise()),
        ("rehearsal.toml", rehearsal()),
        ("refused.toml", refused()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn answers_are_the_reviewed_ones() {
    let folder = folder();
    let cases: [(&str, &[&str]); 8] = [
        ("check-wise.txt", &["check", "wise.toml"]),
        ("check-rehearsal.txt", &["check", "rehearsal.toml"]),
        ("check-strict.txt", &["check", "--strict", "rehearsal.toml"]),
        ("check-refused.txt", &["check", "refused.toml"]),
        ("check-refused-json.txt", &["check", "--json", "refused.toml"]),
        ("show-wise.txt", &["show", "wise.toml"]),
        ("show-rehearsal.txt", &["show", "rehearsal.toml"]),
        ("show-json.txt", &["show", "--json", "rehearsal.toml"]),
    ];
    for (name, arguments) in cases {
        same_as_reviewed(name, &transcript(arguments, &plan(&folder, arguments)));
    }
}

#[test]
fn exit_codes_tell_good_warned_refused_and_unreadable() {
    let folder = folder();
    std::fs::write(folder.path().join("latin.toml"), b"title = \"Zo\xeb\"").unwrap();
    std::fs::write(folder.path().join("large.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    std::fs::write(
        folder.path().join("full.toml"),
        format!("{}#{}", wise(), "x".repeat(1_000_000)),
    )
    .unwrap();
    let cases: [(&[&str], i32); 12] = [
        (&["check", "wise.toml"], 0),
        (&["check", "--strict", "wise.toml"], 0),
        (&["check", "full.toml"], 0),
        (&["check", "rehearsal.toml"], 0),
        (&["check", "--strict", "rehearsal.toml"], 3),
        (&["check", "refused.toml"], 3),
        (&["show", "refused.toml"], 3),
        (&["check", "missing.toml"], 4),
        (&["show", "."], 4),
        (&["check", "latin.toml"], 4),
        (&["check", "large.toml"], 4),
        (&["check"], 2),
    ];
    for (arguments, expected) in cases {
        let (code, _, stderr) = told(&plan(&folder, arguments));
        assert_eq!(code, expected, "{arguments:?}: {stderr}");
    }
}

#[test]
fn json_is_one_object_for_good_and_refused_plans() {
    let folder = folder();
    let answer = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&told(&plan(&folder, arguments)).1).unwrap()
    };
    let good = answer(&["check", "--json", "wise.toml"]);
    assert_eq!(
        (&good["result"], &good["warnings"]),
        (&"good".into(), &serde_json::json!([]))
    );
    assert_eq!(good, answer(&["show", "--json", "wise.toml"]));
    assert_eq!(good["plan"]["accounts"][1]["keys"][1]["place"], 2);
    let warned = answer(&["check", "--json", "--strict", "rehearsal.toml"]);
    assert_eq!(warned["result"], "good");
    assert!(warned["warnings"].as_array().unwrap().len() > 2);
    let refused = answer(&["check", "--json", "refused.toml"]);
    assert_eq!(refused["errors"].as_array().unwrap().len(), 3);
}
