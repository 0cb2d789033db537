//! Preflight against the sandbox tenant: each finding once as it should be and once as it should not.

use std::process::{Command, Output};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use glasskey::graph::{Client, GLOBAL_ADMINISTRATOR, Interrupt, Pace, Service};
use glasskey::id::Aaguid;
use glasskey::sandbox::{Effect, Fault, Group, Licence, Options, Settings, User};
use glasskey::secret::Secret;
use glasskey::tenant::facts::{Facts, Model, Question, Wanted};
use glasskey::tenant::preflight::{Finding, Outcome, judge};
use serde_json::{Value, json};

use crate::contract::Recorded;
use crate::registration::{Scene, does_nothing, manifest, prepared};

const FIRST: &str = "bg-01@contoso.onmicrosoft.com";
const SECOND: &str = "bg-02@contoso.onmicrosoft.com";
const MODEL: Aaguid = Aaguid([7; 16]);

/// A tenant as it should be, and the question that fits it.
struct Case {
    settings: Settings,
    question: Question,
    token: Option<String>,
}

impl Case {
    fn new() -> Self {
        let mut users = vec![User::named(FIRST), User::named(SECOND)];
        for user in &mut users {
            user.password_policies = Some("DisablePasswordExpiration".into());
        }
        let mut group = Group::named("Emergency access");
        group.is_assignable_to_role = true;
        group.members = users.iter().map(|u| u.id.clone()).collect();
        let targets = json!([{"id": group.id, "targetType": "group", "isRegistrationRequired": false}]);
        let mut settings = Settings {
            users,
            groups: vec![group],
            ..Settings::default()
        };
        settings.fido2.insert("includeTargets".into(), targets.clone());
        settings
            .temporary_access_pass
            .insert("includeTargets".into(), targets.clone());
        let excluded = json!([{"id": settings.groups[0].id, "targetType": "group"}]);
        settings
            .registration_campaign
            .insert("excludeTargets".into(), excluded);
        settings
            .registration_campaign
            .insert("state".into(), json!("enabled"));
        let wanted = |name: &str| Wanted {
            name: name.into(),
            models: vec![Model {
                aaguid: MODEL,
                product: Some("Key".into()),
            }],
        };
        let question = Question {
            accounts: vec![wanted(FIRST), wanted(SECOND)],
            ..Question::default()
        };
        let mut case = Self {
            settings,
            question,
            token: None,
        };
        case.caller("00000000-0000-4000-8000-000000000009");
        case
    }

    fn caller(&mut self, id: &str) {
        let claims = json!({"oid": id}).to_string();
        self.token = Some(format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims)));
    }

    fn findings(self) -> Vec<Finding> {
        let sandbox = Recorded::with(Options {
            settings: self.settings,
            token: self.token,
            ..Options::default()
        });
        let facts = Facts::read(&client(&sandbox), &self.question).unwrap();
        let writes = ["PATCH", "DELETE", "PUT"]
            .iter()
            .map(|m| sandbox.calls(m, ""))
            .sum::<usize>();
        assert_eq!(writes, 0);
        assert_eq!(
            sandbox.calls("POST", ""),
            sandbox.calls("POST", "checkmembergroups")
        );
        judge(&self.question, &facts)
    }
}

#[test]
fn passes_matter_to_the_route_by_pass_alone() {
    for without_pass in [false, true] {
        let mut case = Case::new();
        case.settings
            .temporary_access_pass
            .insert("state".into(), json!("disabled"));
        case.question.without_pass = without_pass;
        let findings = case.findings();
        let of_passes = |f: &&Finding| {
            f.check.starts_with("pass") && !f.check.starts_with("passkey") && !f.check.starts_with("password")
        };
        assert_eq!(findings.iter().any(|f| of_passes(&f)), !without_pass);
        let fails = findings.iter().any(|f| f.outcome == Outcome::Failure);
        assert_eq!(fails, !without_pass, "{findings:#?}");
    }
}

fn client(sandbox: &Recorded) -> Client {
    let pace = Pace {
        gap: Duration::ZERO,
        first: Duration::from_millis(5),
        longest: Duration::from_millis(20),
        patience: Duration::from_secs(5),
    };
    let service = Service::parse(&sandbox.origin()).unwrap();
    Client::new(
        service,
        Secret::new(sandbox.token().to_owned()),
        Interrupt::never(),
        pace,
    )
}

/// The worst outcome of a check.
fn outcome(findings: &[Finding], check: &str) -> Outcome {
    let found = findings.iter().filter(|f| f.check == check);
    let worst = found.map(|f| f.outcome).min();
    worst.unwrap_or_else(|| panic!("{check} is not among {findings:#?}"))
}

#[test]
fn a_tenant_as_it_should_be_has_nothing_to_change_but_what_cannot_be_read() {
    let findings = Case::new().findings();
    let open: Vec<&Finding> = findings.iter().filter(|f| f.outcome != Outcome::Pass).collect();
    assert_eq!(open.len(), 1, "{open:#?}");
    assert_eq!(
        (open[0].check, open[0].outcome),
        ("selfServiceReset", Outcome::NotChecked)
    );
    assert!(open[0].change.is_some());
}

type Change = fn(&mut Case);

/// What is wrong in each case, the check that says so, and how loudly; the case above is the twin of each.
const WRONG: &[(&str, Outcome, Change)] = &[
    ("tenant", Outcome::Failure, |c| c.question.rehearsal = Some(false)),
    ("accountCount", Outcome::Warning, |c| {
        c.question.accounts.pop();
        c.settings.groups[0].members.pop();
    }),
    ("accountExists", Outcome::Failure, |c| {
        c.settings.users.pop();
        c.settings.groups[0].members.pop();
    }),
    ("accountFit", Outcome::Failure, |c| {
        c.settings.users[0].account_enabled = false;
    }),
    ("accountFit", Outcome::Failure, |c| {
        c.settings.users[0].user_type = "Guest".into();
    }),
    ("accountFit", Outcome::Failure, |c| {
        c.settings.users[0].on_premises_sync_enabled = Some(true);
    }),
    ("accountFit", Outcome::Failure, |c| {
        let id = c.settings.users[0].id.clone();
        c.caller(&id);
    }),
    ("caller", Outcome::NotChecked, |c| c.token = None),
    ("nameLength", Outcome::Warning, |c| rename(c, 50)),
    ("nameLength", Outcome::Failure, |c| rename(c, 65)),
    ("domain", Outcome::Failure, |c| {
        domain(c, "contoso.onmicrosoft.com", "Federated");
    }),
    ("domain", Outcome::Warning, |c| {
        domain(c, "contoso.example", "Managed");
    }),
    ("passwordExpiry", Outcome::Warning, |c| {
        c.settings.users[1].password_policies = None;
    }),
    ("group", Outcome::Failure, |c| {
        c.question.group = Some("Elsewhere".into());
    }),
    ("group", Outcome::Warning, |c| {
        for policy in [&mut c.settings.fido2, &mut c.settings.temporary_access_pass] {
            policy.remove("includeTargets");
        }
        c.settings.registration_campaign.remove("excludeTargets");
    }),
    ("groupComplete", Outcome::Failure, |c| {
        c.question.group = Some("emergency access".into());
        c.settings.groups[0].members.pop();
    }),
    ("groupExclusive", Outcome::Failure, |c| {
        c.settings
            .users
            .push(User::named("somebody@contoso.onmicrosoft.com"));
        let id = c.settings.users[2].id.clone();
        c.settings.groups[0].members.push(id);
    }),
    ("groupProtection", Outcome::Warning, |c| {
        c.settings.groups[0].is_assignable_to_role = false;
    }),
    ("passkeysEnabled", Outcome::Failure, |c| {
        c.settings.fido2.insert("state".into(), json!("disabled"));
    }),
    ("selfService", Outcome::Failure, |c| {
        c.settings
            .fido2
            .insert("isSelfServiceRegistrationAllowed".into(), json!(false));
    }),
    ("passkeyScope", Outcome::Failure, |c| {
        let target = json!([{"id": c.settings.groups[0].id, "targetType": "group"}]);
        c.settings.fido2.insert("excludeTargets".into(), target);
    }),
    ("model", Outcome::Failure, |c| {
        restrict(c, &Aaguid([8; 16]).to_string());
    }),
    ("model", Outcome::NotChecked, |c| {
        c.question.accounts[0].models.clear();
    }),
    ("model", Outcome::Failure, |c| {
        let other = "00000000-0000-0000-0000-000000000002";
        profiles(c, other);
    }),
    ("attestation", Outcome::Warning, |c| {
        c.settings
            .fido2
            .insert("isAttestationEnforced".into(), json!(true));
    }),
    ("passesEnabled", Outcome::Failure, |c| {
        c.settings
            .temporary_access_pass
            .insert("state".into(), json!("disabled"));
    }),
    ("passOnce", Outcome::Warning, |c| {
        c.settings
            .temporary_access_pass
            .insert("isUsableOnce".into(), json!(true));
    }),
    ("passScope", Outcome::Failure, |c| {
        c.settings
            .temporary_access_pass
            .insert("includeTargets".into(), json!([]));
    }),
    ("campaign", Outcome::Failure, |c| {
        c.settings.registration_campaign.remove("excludeTargets");
    }),
    ("campaign", Outcome::Warning, |c| {
        c.settings.registration_campaign.clear();
    }),
    ("securityDefaults", Outcome::Warning, |c| {
        c.settings.security_defaults = true;
    }),
    ("securityDefaults", Outcome::NotChecked, |c| {
        c.token = Some(token_without("Policy.Read.All"));
    }),
    ("conditionalAccess", Outcome::NotChecked, |c| {
        c.token = Some(token_without("Policy.Read.All"));
    }),
    ("conditionalAccess", Outcome::Warning, |c| {
        c.settings.conditional_access = vec![access("enabled", &[])];
    }),
    ("role", Outcome::NotChecked, |c| {
        c.token = Some(token_without("RoleManagement.Read.Directory"));
    }),
    ("role", Outcome::Warning, |c| role(c, Value::Null, "Assigned")),
    ("rolePermanent", Outcome::Failure, |c| {
        role(c, json!("2030-01-01T00:00:00Z"), "Assigned");
    }),
    ("rolePermanent", Outcome::Failure, |c| {
        role(c, Value::Null, "Activated");
    }),
    ("rolePermanent", Outcome::NotChecked, |c| {
        role(c, Value::Null, "Assigned");
        c.settings.licence = Licence::P1;
    }),
    ("signInLog", Outcome::Warning, |c| {
        c.settings.licence = Licence::Free;
    }),
    ("signInLog", Outcome::Warning, |c| {
        c.token = Some(token_without("AuditLog.Read.All"));
    }),
];

fn rename(case: &mut Case, length: usize) {
    let domain = "@contoso.onmicrosoft.com";
    let name = format!("{}{domain}", "b".repeat(length - domain.len()));
    case.settings.users[0].user_principal_name.clone_from(&name);
    case.question.accounts[0].name = name;
}

fn domain(case: &mut Case, name: &str, kind: &str) {
    for (index, user) in case.settings.users.iter_mut().enumerate() {
        user.user_principal_name = format!("bg-{index}@{name}");
        case.question.accounts[index]
            .name
            .clone_from(&user.user_principal_name);
    }
    case.settings.domains = vec![json!({"name": name, "isInitial": false, "isDefault": true, "type": kind})];
}

fn restrict(case: &mut Case, aaguid: &str) {
    let list = json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": [aaguid]});
    case.settings.fido2.insert("keyRestrictions".into(), list);
}

/// Two profiles; the group may use the one with this id, and only the first admits the model.
fn profiles(case: &mut Case, allowed: &str) {
    let profile = |id: &str, aaguid: Aaguid| {
        json!({"id": id, "name": id, "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled",
            "keyRestrictions": {"isEnforced": true, "enforcementType": "allow", "aaGuids": [aaguid.to_string()]}})
    };
    let list = json!([
        profile("00000000-0000-0000-0000-000000000001", MODEL),
        profile("00000000-0000-0000-0000-000000000002", Aaguid([8; 16])),
    ]);
    case.settings.fido2.insert("passkeyProfiles".into(), list);
    let mut targets = case.settings.fido2["includeTargets"].clone();
    targets[0]["allowedPasskeyProfiles"] = json!([allowed]);
    case.settings.fido2.insert("includeTargets".into(), targets);
}

fn access(state: &str, excluded: &[&str]) -> Value {
    json!({"displayName": "MFA for all", "state": state,
        "conditions": {"users": {"includeUsers": ["All"], "excludeGroups": excluded}}})
}

fn role(case: &mut Case, end: Value, kind: &str) {
    let mut assignment = json!({"id": "r", "principalId": case.settings.users[0].id,
        "roleDefinitionId": GLOBAL_ADMINISTRATOR, "assignmentType": kind});
    assignment["endDateTime"] = end;
    case.settings.role_assignments = vec![assignment];
}

fn token_without(missing: &str) -> String {
    let scopes: Vec<&str> = [
        "User.Read.All",
        "GroupMember.Read.All",
        "Policy.ReadWrite.AuthenticationMethod",
        "Policy.Read.All",
        "UserAuthMethod-Passkey.Read.All",
        "RoleManagement.Read.Directory",
        "AuditLog.Read.All",
        "Directory.Read.All",
    ]
    .into_iter()
    .filter(|scope| *scope != missing)
    .collect();
    let claims = json!({"oid": "00000000-0000-4000-8000-000000000009", "scp": scopes.join(" ")});
    format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn each_thing_that_is_wrong_is_found_and_says_what_to_change() {
    for (index, (check, expected, change)) in WRONG.iter().enumerate() {
        let mut case = Case::new();
        change(&mut case);
        let findings = case.findings();
        assert_eq!(
            outcome(&findings, check),
            *expected,
            "case {index}: {check}: {findings:#?}"
        );
        let silent = findings
            .iter()
            .find(|f| f.outcome != Outcome::Pass && f.change.is_none());
        assert_eq!(silent, None, "case {index}");
    }
}

#[test]
fn what_looks_alike_and_is_right_passes() {
    let right: &[(&str, Change)] = &[
        ("nameLength", |c| rename(c, 49)),
        ("model", |c| restrict(c, &MODEL.to_string())),
        ("model", |c| profiles(c, "00000000-0000-0000-0000-000000000001")),
        ("campaign", |c| {
            c.settings.registration_campaign.clear();
            c.settings
                .registration_campaign
                .insert("state".into(), json!("disabled"));
        }),
        ("conditionalAccess", |c| {
            let group = c.settings.groups[0].id.clone();
            c.settings.conditional_access = vec![access("enabled", &[&group])];
        }),
        ("conditionalAccess", |c| {
            c.settings.conditional_access = vec![
                access("disabled", &[]),
                access("enabledForReportingButNotEnforced", &[]),
            ];
        }),
        ("rolePermanent", |c| role(c, Value::Null, "Assigned")),
        ("group", |c| {
            c.question.group = Some(c.settings.groups[0].id.clone());
        }),
        ("tenant", |c| {
            c.question.rehearsal = Some(true);
            c.question.planned_tenant = Some(c.settings.tenant_id.to_ascii_uppercase());
        }),
    ];
    for (index, (check, change)) in right.iter().enumerate() {
        let mut case = Case::new();
        change(&mut case);
        let findings = case.findings();
        let failing: Vec<_> = findings
            .iter()
            .filter(|f| f.outcome == Outcome::Failure || f.check == *check && f.outcome != Outcome::Pass)
            .collect();
        assert!(failing.is_empty(), "case {index}: {failing:#?}");
    }
}

/// What makes both a registration and the preflight fail, and they must say it in the same words.
#[test]
fn a_failure_has_the_words_that_the_registration_would_have() {
    let cases: &[Change] = &[
        |c| c.settings.users[0].account_enabled = false,
        |c| {
            c.settings.fido2.insert("state".into(), json!("disabled"));
        },
        |c| {
            c.settings
                .fido2
                .insert("isSelfServiceRegistrationAllowed".into(), json!(false));
        },
        |c| {
            c.settings.fido2.insert("includeTargets".into(), json!([]));
        },
        |c| restrict(c, &Aaguid([8; 16]).to_string()),
        |c| {
            c.settings
                .temporary_access_pass
                .insert("state".into(), json!("disabled"));
        },
        |c| {
            let all = json!([{"id": "all_users", "targetType": "group"}]);
            c.settings
                .temporary_access_pass
                .insert("excludeTargets".into(), all);
        },
    ];
    for (index, change) in cases.iter().enumerate() {
        let (_, key) = prepared(1, FIRST);
        let mut case = Case::new();
        change(&mut case);
        for account in &mut case.question.accounts {
            account.models[0].aaguid = key.model.aaguid;
        }
        let scene = Scene::of(case.settings.clone());
        let (result, _, _) = scene.run(&manifest(vec![key], true, vec![]), does_nothing());
        let met = result.unwrap_err();
        let findings = case.findings();
        let same = findings
            .iter()
            .find(|f| f.found == met.to_string())
            .unwrap_or_else(|| panic!("case {index}: {met} is not in {findings:#?}"));
        assert_eq!(
            (same.outcome, same.change.clone()),
            (Outcome::Failure, Some(met.hint()))
        );
    }
}

#[test]
fn what_a_cloud_does_not_have_is_not_checked_and_the_rest_is() {
    let case = Case::new();
    let sandbox = Recorded::start(case.settings);
    for path in ["conditionalAccess", "identitySecurityDefaults"] {
        sandbox.add_fault(Fault {
            method: None,
            path: path.into(),
            skip: 0,
            count: 1,
            effect: Effect::Status {
                status: 404,
                retry_after: None,
                code: Some("ResourceNotFound".into()),
                message: None,
            },
        });
    }
    let facts = Facts::read(&client(&sandbox), &case.question).unwrap();
    let findings = judge(&case.question, &facts);
    for check in ["conditionalAccess", "securityDefaults"] {
        assert_eq!(outcome(&findings, check), Outcome::NotChecked);
    }
    assert_eq!(outcome(&findings, "passkeyScope"), Outcome::Pass);
}

fn command(sandbox: &Recorded, more: &[&str]) -> Output {
    let token = std::env::temp_dir().join(format!("glasskey-preflight-{}", sandbox.origin().len()));
    let token = token.with_extension(sandbox.origin().rsplit(':').next().unwrap());
    std::fs::write(&token, sandbox.token()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args([
            "companion",
            "preflight",
            "--graph",
            &sandbox.origin(),
            "--token-file",
        ])
        .arg(&token)
        .args(more)
        .output()
        .unwrap();
    std::fs::remove_file(token).unwrap();
    output
}

#[test]
fn the_command_ends_with_0_or_20_and_prints_lines_or_json() {
    let good = Recorded::start(Case::new().settings);
    let output = command(&good, &["--account", FIRST, "--account", SECOND]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains(" 0 failures") && text.contains("not checked"),
        "{text}"
    );
    let mut case = Case::new();
    restrict(&mut case, &Aaguid([8; 16]).to_string());
    let bad = Recorded::start(case.settings);
    let model = MODEL.to_string();
    let output = command(&bad, &["--account", FIRST, "--aaguid", &model, "--json"]);
    assert_eq!(output.status.code(), Some(20));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["format"], &document["result"]),
        (&json!("glasskey-preflight"), &json!("fails"))
    );
    let findings = document["findings"].as_array().unwrap();
    let model = findings.iter().find(|f| f["check"] == "model").unwrap();
    assert_eq!(model["outcome"], "failure");
    for wrong in [vec![], vec!["--account", "no-at-sign"], vec!["manifest.age"]] {
        assert_eq!(command(&good, &wrong).status.code(), Some(2), "{wrong:?}");
    }
}
