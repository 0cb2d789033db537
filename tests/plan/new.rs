//! `glasskey plan new`.

use tempfile::TempDir;

use super::{RECIPIENTS, plan, same_as_reviewed, told, transcript};

const WHO: [&str; 9] = [
    "new",
    "--title",
    "Break-glass keys",
    "--officer",
    "Ada Lovelace",
    "--witness",
    "Grace Hopper",
    "--recipient",
    RECIPIENTS[0],
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    WHO.iter().chain(more).copied().collect()
}

const ACCOUNTS: [&str; 4] = [
    "--account",
    "bg-01@contoso.onmicrosoft.com",
    "--account",
    "bg-02@contoso.onmicrosoft.com",
];

#[test]
fn a_new_plan_is_the_reviewed_one_and_passes() {
    let folder = TempDir::new().unwrap();
    let more = [
        "--recipient",
        RECIPIENTS[1],
        "--tenant-id",
        "5a4db0c5-0000-4000-8000-000000000001",
        "--custodian",
        "Alan \"T\" Turing",
        "--custodian",
        "Joan Clarke",
        "--safe",
        "Safe 1",
        "--safe",
        "Safe 2",
    ];
    let arguments = with(&[&ACCOUNTS[..], &more[..]].concat());
    let output = plan(&folder, &arguments);
    let written = std::fs::read_to_string(folder.path().join("plan.toml")).unwrap();
    let answer = transcript(&arguments, &output);
    same_as_reviewed("new.txt", &format!("{answer}--- plan.toml\n{written}"));
    assert_eq!(told(&plan(&folder, &["check", "--strict", "plan.toml"])).0, 0);
}

#[test]
fn every_choice_gives_a_plan_that_passes() {
    let folder = TempDir::new().unwrap();
    let cases: [&[&str]; 8] = [
        &["--custody", "slip"],
        &["--custody", "rotate", "--split-slips"],
        &["--split-slips", "--pin-alphabet", "alphanumeric"],
        &["--paper", "Letter"],
        &["--paper", "A4", "--label-stock", "L4731"],
        &["--keys-per-account", "3", "--custodian", "Alan Turing"],
        &["--pin-length", "63", "--pin-alphabet", "alphanumeric"],
        &["--rehearsal", "--keys-per-account", "1"],
    ];
    for case in cases {
        let arguments = with(&[&ACCOUNTS[..], case, &["--force"]].concat());
        let (code, _, stderr) = told(&plan(&folder, &arguments));
        assert_eq!(code, 0, "{case:?}: {stderr}");
        let (code, _, stderr) = told(&plan(&folder, &["check", "plan.toml"]));
        assert_eq!(code, 0, "{case:?}: {stderr}");
    }
}

#[test]
fn values_that_a_plan_refuses_write_nothing() {
    let folder = TempDir::new().unwrap();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--account", "bg 01@contoso.onmicrosoft.com"], 3, "before @"),
        (
            &["--account", "bg@contoso.onmicrosoft.com", "--pin-length", "5"],
            3,
            "6 to 63",
        ),
        (
            &[
                "--account",
                "bg@contoso.onmicrosoft.com",
                "--split-slips",
                "--pin-length",
                "8",
            ],
            3,
            "12 or more",
        ),
        (
            &["--account", "bg@contoso.onmicrosoft.com", "--label-stock", "L1"],
            3,
            "not known",
        ),
        (
            &[
                "--account",
                "bg@contoso.onmicrosoft.com",
                "--tenant-id",
                "contoso",
            ],
            3,
            "GUID",
        ),
        (
            &[
                "--account",
                "bg@contoso.onmicrosoft.com",
                "--officer",
                "grace hopper",
            ],
            3,
            "listed twice",
        ),
        (
            &[
                "--account",
                "bg@contoso.onmicrosoft.com",
                "--keys-per-account",
                "1",
                "--safe",
                "A",
                "--safe",
                "B",
            ],
            2,
            "--keys-per-account",
        ),
        (&[], 2, "--account"),
    ];
    for (case, expected, part) in cases {
        let (code, stdout, stderr) = told(&plan(&folder, &with(case)));
        assert_eq!((code, stdout.as_str()), (expected, ""), "{case:?}: {stderr}");
        assert!(stderr.contains(part), "{case:?}: {stderr}");
        assert!(!folder.path().join("plan.toml").exists());
    }
    let good = with(&[
        "--account",
        "bg@contoso.onmicrosoft.com",
        "--split-slips",
        "--pin-length",
        "12",
    ]);
    assert_eq!(told(&plan(&folder, &good)).0, 0);
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, "mine").unwrap();
    let (code, _, stderr) = told(&plan(&folder, &with(&ACCOUNTS)));
    assert_eq!(code, 4);
    assert!(
        stderr.contains("there already") && stderr.contains("--force"),
        "{stderr}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let forced = with(&[&ACCOUNTS[..], &["--force"]].concat());
    assert_eq!(told(&plan(&folder, &forced)).0, 0);
    assert!(std::fs::read_to_string(&path).unwrap().contains("version = 1"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = with(&[&ACCOUNTS[..], &["--output", "no/plan.toml"]].concat());
    assert_eq!(told(&plan(&folder, &nowhere)).0, 4);
}

#[test]
fn standard_output_gets_the_plan_alone() {
    let folder = TempDir::new().unwrap();
    let arguments = with(&[&ACCOUNTS[..], &["--output", "-"]].concat());
    let (code, stdout, stderr) = told(&plan(&folder, &arguments));
    assert_eq!(code, 0);
    assert!(glasskey::plan::Plan::parse(&stdout).is_ok());
    assert!(
        stderr.lines().all(|line| line.starts_with("warning: ")),
        "{stderr}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(feature = "companion")]
mod table {
    use super::*;

    const TABLE: &str = "\u{feff}UPN;Custodian;Safe;Slip custodian 1;Slip custodian 2\r\n\
        bg-01@contoso.onmicrosoft.com;Alan Turing;Safe 1;Max Newman;Zoë\r\n\
        bg-01@contoso.onmicrosoft.com;Joan Clarke;Safe 2;Max Newman;Zoë\r\n\
        bg-02@contoso.onmicrosoft.com;Alan Turing;Safe 1;Max Newman;Zoë\r\n";

    fn run(table: &[u8], more: &[&str]) -> (TempDir, (i32, String, String)) {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("keys.csv"), table).unwrap();
        let arguments = with(&[&["--accounts-csv", "keys.csv"], more].concat());
        let told = told(&plan(&folder, &arguments));
        (folder, told)
    }

    #[test]
    fn a_table_becomes_keys() {
        let (folder, (code, _, stderr)) = run(TABLE.as_bytes(), &["--split-slips"]);
        assert_eq!(code, 0, "{stderr}");
        let text = std::fs::read_to_string(folder.path().join("plan.toml")).unwrap();
        let plan = glasskey::plan::Plan::parse(&text).unwrap();
        let places: Vec<u8> = plan.keys.iter().map(|key| key.place).collect();
        assert_eq!(places, [1, 2, 1]);
        assert_eq!(plan.keys[1].safe.as_deref(), Some("Safe 2"));
        let halves = plan.keys[2].slip_custodians.as_ref().unwrap();
        assert_eq!(halves, &["Max Newman".to_owned(), "Zoë".to_owned()]);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_with_row_and_column() {
        let wrong = TABLE
            .replace("Safe 2", &"S".repeat(61))
            .replace("bg-02@", "bg 02@");
        let (folder, (code, _, stderr)) = run(wrong.as_bytes(), &["--split-slips"]);
        assert_eq!(code, 3);
        for part in [
            "keys.csv has 2 problems",
            "row 3, column safe: ",
            "row 4, column upn: ",
        ] {
            assert!(stderr.contains(part), "{stderr}");
        }
        assert!(!folder.path().join("plan.toml").exists());
        let (_, (code, _, stderr)) = run(b"upn\nZo\xeb@contoso.onmicrosoft.com\n", &[]);
        assert!(code == 3 && stderr.contains("row 2 is not UTF-8"), "{stderr}");
    }

    #[test]
    fn halves_in_a_table_need_split_slips() {
        let (_, (code, _, stderr)) = run(TABLE.as_bytes(), &[]);
        assert!(code == 3 && stderr.contains("split_slips = true"), "{stderr}");
    }

    #[test]
    fn a_table_and_accounts_exclude_one_another() {
        assert_eq!(
            run(
                TABLE.as_bytes(),
                &["--split-slips", "--account", "bg@contoso.example"]
            )
            .1
            .0,
            2
        );
        assert_eq!(
            run(TABLE.as_bytes(), &["--split-slips", "--custodian", "A"]).1.0,
            2
        );
        let missing = with(&["--accounts-csv", "none.csv"]);
        assert_eq!(told(&plan(&TempDir::new().unwrap(), &missing)).0, 4);
    }
}
