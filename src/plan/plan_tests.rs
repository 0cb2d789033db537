//! Plans as a whole: defaults, every refusal with its accepted twin, every warning.

use super::*;
use proptest::prelude::*;

/// A plan for two accounts.
pub(crate) const GOOD: &str = r#"version = 1
title = "Rehearsal of the break-glass ceremony"
rehearsal = true
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]

[[people]]
name = "Ada Lovelace"
role = "officer"

[[people]]
name = "Grace Hopper"
role = "witness"

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [{ custodian = "Alan Turing" }]

[[accounts]]
upn = "bg-02@contoso.onmicrosoft.com"
"#;

/// A plan without a warning.
const WISE: &str = r#"version = 1
title = "Break-glass keys"
tenant_id = "5a4db0c5-0000-4000-8000-000000000001"
recipients = [
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
]
pin_custody = "rotate"
pin_alphabet = "alphanumeric"
pin_length = 10
split_slips = true
required_models = ["8876631b-d4a0-427f-5773-0ec71c9e0279"]
label_stock = "j8651"
first_label = 65

[key_policy]
min_pin_length = 10
always_uv = true

[[people]]
name = "Ada Lovelace"
role = "officer"

[[people]]
name = "Grace Hopper"
role = "witness"

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"

[[accounts.keys]]
custodian = "Alan Turing"
safe = "Safe 1"
slip_custodians = ["Joan Clarke", "Max Newman"]
usb_serial = "1001"

[[accounts.keys]]
custodian = "Hugh Alexander"
safe = "Safe 2"
slip_custodians = ["Joan Clarke", "Max Newman"]
usb_serial = "1002"

[[accounts]]
upn = "bg-02@contoso.onmicrosoft.com"
keys = [
    { custodian = "Alan Turing", safe = "Safe 1", slip_custodians = ["Joan Clarke", "Max Newman"] },
    { custodian = "Hugh Alexander", safe = "Safe 2", slip_custodians = ["Joan Clarke", "Max Newman"] },
]
"#;

/// `text` with the first `from` replaced; the test is wrong where there is none.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn reads_a_good_plan_with_its_defaults() {
    let plan = Plan::parse(GOOD).unwrap();
    assert_eq!(plan.keys.len(), 2);
    assert_eq!(plan.keys[0].custodian.as_deref(), Some("Alan Turing"));
    assert_eq!(
        (plan.pin, plan.paper, plan.first_label, plan.bags),
        (PinPolicy::default(), Paper::A4, 1, true)
    );
    assert_eq!(plan.pin_custody, PinCustody::Manifest);
    assert_eq!((plan.label_stock.as_str(), plan.split_slips), ("L7651", false));
    assert_eq!(plan.key_policy, KeyPolicy::default());
}

#[test]
fn reads_every_setting() {
    let plan = Plan::parse(WISE).unwrap();
    assert_eq!((plan.pin_custody, plan.split_slips), (PinCustody::Rotate, true));
    assert_eq!((plan.pin.length, plan.pin.alphabet), (10, Alphabet::Alphanumeric));
    assert_eq!(plan.required_models.len(), 1);
    assert_eq!((plan.label_stock.as_str(), plan.first_label), ("L7651", 65));
    let policy = KeyPolicy {
        min_pin_length: Some(10),
        always_uv: true,
        ..KeyPolicy::default()
    };
    assert_eq!(plan.key_policy, policy);
    let places: Vec<u8> = plan.keys.iter().map(|key| key.place).collect();
    assert_eq!(places, [1, 2, 1, 2]);
    assert_eq!(plan.keys[0].usb_serial.as_deref(), Some("1001"));
    let halves = plan.keys[3].slip_custodians.as_ref().unwrap();
    assert_eq!(halves, &["Joan Clarke".to_owned(), "Max Newman".to_owned()]);
    assert_eq!(plan.accounts().len(), 2);
}

/// Each case changes a text that is accepted: from, to, line, part of the reason.
type Case<'a> = (&'a str, &'a str, usize, &'a str);

fn refused(text: &str, cases: &[Case<'_>]) {
    assert!(Plan::parse(text).is_ok());
    for (from, to, line, reason) in cases {
        let errors = Plan::parse(&changed(text, from, to)).unwrap_err();
        let [error] = errors.as_slice() else {
            panic!("{to}: {errors}");
        };
        assert_eq!(error.line, *line, "{to}: {error}");
        assert!(error.reason.contains(reason), "{to}: {error}");
    }
}

#[test]
fn refusals_name_line_and_reason() {
    refused_settings();
    refused_people_and_keys();
    refused(
        WISE,
        &[
            (
                "split_slips = true",
                "split_slips = true\nsplit = 1",
                12,
                "unknown field `split`",
            ),
            ("1002", "1001", 41, "at two keys"),
            ("\"Joan Clarke\", ", "", 34, "two names"),
            ("\"Joan Clarke\"", "\"\"", 34, "1 to 60"),
        ],
    );
}

fn refused_settings() {
    refused(
        GOOD,
        &[
            ("version = 1", "version = 2", 1, "version 1"),
            ("version = 1", "", 1, "the plan has no `version`"),
            (
                "rehearsal = true",
                "reheasal = true",
                3,
                "unknown field `reheasal`",
            ),
            ("rehearsal = true", "rehearsal = \"yes\"", 3, "true or false"),
            ("rehearsal = true", "rehearsal = maybe", 3, ""),
            ("age1ql3z7h", "age1xxxxxx", 4, "not an age X25519 recipient"),
            (
                "\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"",
                "",
                4,
                "at least one",
            ),
            (
                "\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"",
                "7",
                4,
                "texts",
            ),
            ("rehearsal = true", "pin_length = 5", 3, "6 to 63"),
            ("rehearsal = true", "pin_length = 64", 3, "6 to 63"),
            ("rehearsal = true", "pin_length = -8", 3, "whole number"),
            (
                "rehearsal = true",
                "pin_alphabet = \"hex\"",
                3,
                "\"digits\" or \"alphanumeric\"",
            ),
            ("rehearsal = true", "pin_custody = \"safe\"", 3, "\"rotate\""),
            ("rehearsal = true", "paper = \"A5\"", 3, "\"Letter\""),
            ("rehearsal = true", "tenant_id = \"contoso\"", 3, "GUID"),
            ("rehearsal = true", "label_stock = \"L9999\"", 3, "L7163"),
            ("rehearsal = true", "first_label = 0", 3, "from 1"),
            ("rehearsal = true", "first_label = 66", 3, "L7651 has 65"),
            (
                "rehearsal = true",
                "label_stock = \"brother-62\"\nfirst_label = 2",
                4,
                "brother-62 has 1",
            ),
            (
                "rehearsal = true",
                "label_correction = { right = 5.1 }",
                3,
                "between -5 and 5",
            ),
            (
                "rehearsal = true",
                "label_correction = { taller = 0.005 }",
                3,
                "steps of 0.01",
            ),
            (
                "rehearsal = true",
                "label_correction = { down = \"1\" }",
                3,
                "down must be millimetres",
            ),
            ("rehearsal = true", "label_correction = { left = 1 }", 3, "left"),
            (
                "rehearsal = true",
                "label_correction = { down = -5, taller = -1, right = -5 }",
                3,
                "off the sheet",
            ),
            (
                "rehearsal = true",
                "label_stock = \"brother-62\"\nlabel_correction = { right = 0.5 }",
                4,
                "is a roll",
            ),
            ("rehearsal = true", "required_models = [\"8876\"]", 3, "AAGUID"),
            ("rehearsal = true", "key_policy = 1", 3, "a table"),
            (
                "rehearsal = true",
                "key_policy = { always_up = true }",
                3,
                "always_up",
            ),
            (
                "rehearsal = true",
                "key_policy = { min_pin_length = 3 }",
                3,
                "4 to 63",
            ),
            (
                "rehearsal = true",
                "key_policy = { min_pin_length = 9 }",
                3,
                "above pin_length",
            ),
        ],
    );
}

fn refused_people_and_keys() {
    refused(
        GOOD,
        &[
            ("role = \"witness\"", "role = \"officer\"", 6, "witness"),
            ("role = \"witness\"", "role = \"guest\"", 12, "\"custodian\""),
            ("role = \"witness\"", "", 10, "a person has no `role`"),
            ("Grace Hopper", "ada lovelace", 11, "listed twice"),
            ("bg-02@contoso", "BG-01@contoso", 19, "listed twice"),
            ("bg-02@contoso.onmicrosoft.com", "bg-02", 19, "no @"),
            (
                "upn = \"bg-02@contoso.onmicrosoft.com\"",
                "",
                18,
                "an account has no `upn`",
            ),
            (
                "keys = [{ custodian = \"Alan Turing\" }]",
                "keys = []",
                16,
                "has no key",
            ),
            (
                "{ custodian = \"Alan Turing\" }",
                "{ custodian = \"\" }",
                16,
                "1 to 60",
            ),
            ("{ custodian = \"Alan Turing\" }", "7", 16, "must hold tables"),
            (
                "{ custodian = \"Alan Turing\" }",
                "{ slip_custodians = [\"A\", \"B\"] }",
                16,
                "set split_slips = true",
            ),
            ("\"Rehearsal of the break-glass ceremony\"", "\"\"", 2, "1 to 60"),
        ],
    );
}

#[test]
fn a_slip_is_split_only_where_half_of_the_pin_is_strong_enough() {
    let digits = GOOD.replace("rehearsal = true", "split_slips = true\npin_length = 12");
    refused(&digits, &[("= 12", "= 11", 3, "pin_length = 12 or more")]);
    let letters = digits.replace("= 12", "= 10\npin_alphabet = \"alphanumeric\"");
    refused(&letters, &[("= 10", "= 9", 3, "pin_length = 10 or more")]);
}

#[test]
fn limits_have_an_accepted_side() {
    for accepted in [
        "pin_length = 6",
        "pin_length = 63",
        "pin_length = 0x10",
        "first_label = 65",
        "label_stock = \"L4731\"\nfirst_label = 189",
        "label_stock = \"DK-22205\"\nfirst_label = 1",
        "paper = \"Letter\"\nlabel_stock = \"zebra-50x25\"",
        "paper = \"Letter\"",
        "pin_custody = \"slip\"",
        "pin_alphabet = \"alphanumeric\"",
        "key_policy = { min_pin_length = 4 }",
        "key_policy = { min_pin_length = 8, force_pin_change = true }",
        "required_models = []",
        "tenant_id = \"5A4DB0C5-0000-4000-8000-000000000001\"",
    ] {
        let text = changed(GOOD, "rehearsal = true", accepted);
        assert!(Plan::parse(&text).is_ok(), "{accepted}: {:?}", Plan::parse(&text));
    }
    // Editors on Windows write both.
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(Plan::parse(&windows), Plan::parse(GOOD));
}

#[test]
fn all_problems_of_a_plan_are_told_in_order() {
    let text = GOOD
        .replace("version = 1", "version = 3")
        .replace("rehearsal = true", "reheasal = true\npin_length = 4")
        .replace("Grace Hopper", "")
        .replace("bg-02@contoso.onmicrosoft.com", "bg-02");
    let errors = Plan::parse(&text).unwrap_err();
    let lines: Vec<usize> = errors.as_slice().iter().map(|error| error.line).collect();
    assert_eq!(lines, [1, 3, 4, 12, 20], "{errors}");
    let shown = errors.to_string();
    assert_eq!(shown.lines().count(), 5);
    assert!(shown.starts_with("line 1 of the plan: this version"), "{shown}");
    let syntax = Plan::parse("version = \ntitle = \n").unwrap_err();
    assert_eq!(syntax.as_slice().len(), 2, "{syntax}");
}

#[test]
fn thousands_of_problems_are_counted_and_not_shown() {
    let many: Vec<String> = (0..5000).map(|n| format!("x{n} = 1\n")).collect();
    let errors = Plan::parse(&format!("{}{GOOD}", many.concat())).unwrap_err();
    let shown = errors.to_string();
    assert_eq!(errors.as_slice().len(), 100);
    assert_eq!(shown.lines().count(), 21);
    assert!(shown.ends_with("and 80 more"), "{shown}");
}

#[test]
fn a_plan_holds_one_key_to_999() {
    let account = |n: usize| format!("\n[[accounts]]\nupn = \"bg-{n}@contoso.onmicrosoft.com\"\n");
    let with = |count: usize| format!("{GOOD}{}", (10..8 + count).map(account).collect::<String>());
    assert_eq!(Plan::parse(&with(999)).unwrap().keys.len(), 999);
    let errors = Plan::parse(&with(1000)).unwrap_err();
    assert!(
        errors.to_string().contains("1 to 999 keys, this one 1000"),
        "{errors}"
    );
    let one = |count: usize| changed(GOOD, "{ custodian = \"Alan Turing\" }", &"{},".repeat(count));
    assert_eq!(Plan::parse(&one(255)).unwrap().keys[254].place, 255);
    let errors = Plan::parse(&one(256)).unwrap_err();
    assert!(errors.to_string().contains("at most 255 keys"), "{errors}");
    let none = GOOD.split("\n[[accounts]]").next().unwrap().replace(
        "[[people]]\nname = \"Ada",
        "accounts = []\n[[people]]\nname = \"Ada",
    );
    assert!(Plan::parse(&none).unwrap_err().to_string().contains("this one 0"));
}

#[test]
fn a_wise_plan_has_no_warning() {
    let roll = changed(
        WISE,
        "label_stock = \"j8651\"\nfirst_label = 65",
        "label_stock = \"zebra-50x25\"",
    );
    for text in [WISE, &roll] {
        assert_eq!(Plan::read(text).unwrap().warnings, []);
    }
}

#[test]
fn each_unwise_thing_has_its_warning() {
    let long = format!("upn = \"{}@contoso.onmicrosoft.com\"", "b".repeat(50 - 24));
    let cases = [
        (
            "tenant_id = \"5a4db0c5-0000-4000-8000-000000000001\"",
            "",
            1,
            "no tenant_id",
        ),
        ("version = 1", "version = 1\nrehearsal = true", 4, "sandbox"),
        (
            "    \"age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\",\n",
            "",
            5,
            "only one recipient",
        ),
        (
            "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            6,
            "listed twice",
        ),
        (
            "always_uv = true",
            "force_pin_change = true",
            18,
            "unfit for emergencies",
        ),
        (
            "pin_custody = \"rotate\"",
            "pin_custody = \"slip\"",
            18,
            "opens the slip",
        ),
        (
            "label_stock = \"j8651\"\nfirst_label = 65",
            "label_stock = \"5160\"",
            13,
            "size Letter",
        ),
        ("upn = \"bg-01@contoso.onmicrosoft.com\"", &long, 29, "50 bytes"),
        ("bg-01@", "bg#01@", 29, "hard to type"),
        ("bg-01@", "bg.@", 29, "full stop"),
        (
            "bg-01@contoso.onmicrosoft.com",
            "bg-01@contoso.example",
            29,
            "own domain",
        ),
        ("bg-02@contoso.", "bg-02@contosso.", 44, "misspelt"),
        ("Hugh Alexander", "alan turing", 37, "keeps two keys"),
        ("Safe 2", "SAFE 1", 37, "lie in SAFE 1"),
        ("\"Joan Clarke\"", "\"Max Newman\"", 31, "both halves"),
        ("\"Joan Clarke\"", "\"Alan Turing\"", 31, "half of its PIN"),
        (
            "slip_custodians = [\"Joan Clarke\", \"Max Newman\"]\nusb_serial = \"1001\"",
            "",
            31,
            "nobody is named",
        ),
        ("Alan Turing", "Ada Lovelace", 31, "officer and a custodian"),
        ("Joan Clarke", "grace hopper", 31, "witness and a custodian"),
    ];
    for (from, to, line, part) in cases {
        let warnings = Plan::read(&changed(WISE, from, to)).unwrap().warnings;
        let [warning] = &warnings[..] else {
            panic!("{to}: {warnings:#?}");
        };
        assert_eq!(warning.line, line, "{to}: {warning}");
        assert!(warning.text.contains(part), "{to}: {warning}");
    }
}

#[test]
fn short_pins_single_accounts_and_single_keys_are_warned_of() {
    let text = changed(GOOD, "rehearsal = true", "rehearsal = true\npin_length = 7");
    let warnings = Plan::read(&text).unwrap().warnings;
    let said: Vec<(usize, &str)> = warnings
        .iter()
        .map(|w| (w.line, w.text.split(':').next().unwrap()))
        .collect();
    let expected = [
        (4, "a PIN shorter than 8"),
        (5, "only one recipient"),
        (17, "bg-01@contoso.onmicrosoft.com has no second key"),
        (20, "bg-02@contoso.onmicrosoft.com has no second key"),
    ];
    assert_eq!(said, expected);
    let one = text.split("\n[[accounts]]\nupn = \"bg-02").next().unwrap();
    let warnings = Plan::read(one).unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.line == 16 && w.text.starts_with("only one account")),
        "{warnings:#?}"
    );
}

#[test]
fn a_keeper_who_is_not_listed_is_noticed_once_custodians_are_listed() {
    let person = |name: &str| format!("\n[[people]]\nname = \"{name}\"\nrole = \"custodian\"\n");
    let some = format!("{GOOD}{}", person("Joan Clarke"));
    let unlisted = |text: &str| {
        let warnings = Plan::read(text).unwrap().warnings;
        warnings
            .iter()
            .filter(|w| w.text.contains("not among people"))
            .count()
    };
    assert_eq!(unlisted(&some), 1);
    assert_eq!(unlisted(&format!("{some}{}", person("Alan Turing"))), 0);
    assert_eq!(unlisted(GOOD), 0);
}

#[test]
fn corrections_of_a_sheet_are_read_in_millimetres() {
    let text = format!("{GOOD}\n[label_correction]\nright = 0.5\ndown = -0.3\ntaller = 0.02\nwider = 0\n");
    let expected = super::stock::SheetCorrection {
        right: 5,
        down: -3,
        wider: 0,
        taller: 2,
    };
    assert_eq!(Plan::read(&text).unwrap().plan.label_correction, expected);
    assert!(Plan::read(GOOD).unwrap().plan.label_correction.is_none());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String) {
        if let Err(errors) = Plan::parse(&text) {
            prop_assert!(!errors.as_slice().is_empty());
        }
    }

    #[test]
    fn any_change_of_a_plan_is_read_or_refused(at in 0..WISE.len(), with in "[ -~\n]{0,4}", cut in 0_usize..8) {
        let end = (at + cut).min(WISE.len());
        let text = format!("{}{with}{}", &WISE[..at], &WISE[end..]);
        let lines = text.lines().count().max(1) + 1;
        match Plan::read(&text) {
            Ok(checked) => for warning in checked.warnings {
                prop_assert!((1..=lines).contains(&warning.line));
            },
            Err(errors) => for error in errors.as_slice() {
                prop_assert!((1..=lines).contains(&error.line), "{}", error);
            },
        }
    }
}

#[test]
fn papers_have_a_language_and_slips_name_their_account_unless_the_plan_says_no() {
    let plan = Plan::parse(GOOD).unwrap();
    assert_eq!((plan.language.code(), plan.slip_shows_account), ("en", true));
    let german = format!("language = \"de\"\nslip_shows_account = false\n{GOOD}");
    let plan = Plan::parse(&german).unwrap();
    assert_eq!((plan.language.code(), plan.slip_shows_account), ("de", false));
    let french = Plan::parse(&format!("language = \"fr\"\n{GOOD}")).unwrap_err();
    assert_eq!(
        french.to_string(),
        "line 1 of the plan: language must be \"en\" or \"de\", this is \"fr\""
    );
}

#[test]
fn names_that_cannot_be_printed_are_refused_with_their_line_and_others_are_composed() {
    let places = [
        ("Rehearsal of the break-glass ceremony", "the title", 2),
        ("Ada Lovelace", "a person's name", 7),
        ("Grace Hopper", "a person's name", 11),
        ("Alan Turing", "a custodian's name", 16),
    ];
    for (name, what, line) in places {
        for (other, first) in [
            ("محمد", "'م' (U+0645)"),
            ("山田太郎", "'山' (U+5C71)"),
            ("김민준", "'김' (U+AE40)"),
        ] {
            let refused = Plan::parse(&GOOD.replace(name, other)).unwrap_err().to_string();
            let expected = format!("line {line} of the plan: {what} has the character {first}, which cannot");
            assert!(refused.starts_with(&expected), "{refused}");
        }
        for other in ["Οδυσσέας", "Иван Петров", "Nguyễn Thị Nhung"] {
            assert!(Plan::parse(&GOOD.replace(name, other)).is_ok(), "{other}");
        }
    }
    // A letter and its marks become the one character that the font has.
    let plan = Plan::parse(&GOOD.replace("Alan Turing", "Nguye\u{302}\u{303}n")).unwrap();
    assert_eq!(plan.keys[0].custodian.as_deref(), Some("Nguy\u{1ec5}n"));
}
