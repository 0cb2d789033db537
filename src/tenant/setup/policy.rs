//! How policies change: what was read, with additions. Pure.

use serde_json::{Map, Value, json};

use super::change::Request;
use crate::graph::{EVERYONE, METHODS_POLICY, PASS_POLICY, PASSKEY_POLICY, campaign_body};
use crate::id::Aaguid;
use crate::tenant::rules::Condition;

/// A policy that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Passkeys.
    Passkeys,
    /// Temporary Access Passes.
    Passes,
    /// The registration campaign.
    Campaign,
}

impl Policy {
    /// In the order in which they are changed.
    pub(super) const ALL: [Self; 3] = [Self::Passkeys, Self::Passes, Self::Campaign];

    /// Where it is read and written.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Passkeys => PASSKEY_POLICY,
            Self::Passes => PASS_POLICY,
            Self::Campaign => METHODS_POLICY,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Passkeys => "Passkey (FIDO2)",
            Self::Passes => "Temporary Access Pass",
            Self::Campaign => "registration campaign",
        }
    }
}

/// What a policy needs; `None` if nothing is missing. Sentences about it go to `notices`.
pub(super) fn change(
    policy: Policy,
    before: &Value,
    group: &str,
    models: &[Aaguid],
    notices: &mut Vec<String>,
) -> Result<Option<Request>, Condition> {
    if policy == Policy::Campaign {
        return Ok(campaign(before, group));
    }
    let mut body = Map::new();
    let is_on = before["state"] == "enabled";
    // Nobody could use a method that was off: enabled for everyone, it would be a way in for everyone.
    let targets: Vec<Value> = list(before, "includeTargets")
        .iter()
        .filter(|target| is_on || !is(target, EVERYONE))
        .cloned()
        .collect();
    if list(before, "excludeTargets")
        .iter()
        .any(|t| is(t, group) || is(t, EVERYONE))
    {
        return Err(Condition {
            what: format!(
                "The policy `{}` excludes the group, and exclusion wins.",
                policy.name()
            ),
            hint: "Take the group out of the policy's excluded targets by hand; setup takes nothing away."
                .into(),
        });
    }
    if !is_on {
        body.insert("state".into(), json!("enabled"));
        if targets.len() < list(before, "includeTargets").len() {
            notices.push(format!(
                "`{}` is off, and its target is everyone. It is enabled for the group in place of everyone: nobody \
                 else can use it then, as now.",
                policy.name()
            ));
        }
        let others: Vec<&str> = targets
            .iter()
            .filter_map(|t| t["id"].as_str())
            .filter(|id| !id.eq_ignore_ascii_case(group))
            .collect();
        if !others.is_empty() {
            notices.push(format!(
                "Enabling `{}` enables it for all targets that it already has: {}.",
                policy.name(),
                others.join(", ")
            ));
        }
    }
    if policy == Policy::Passkeys && before["isSelfServiceRegistrationAllowed"] != true {
        body.insert("isSelfServiceRegistrationAllowed".into(), json!(true));
    }
    let mut all = targets;
    if !all.iter().any(|t| is(t, group) || is(t, EVERYONE)) {
        let mut target = json!({"targetType": "group", "id": group, "isRegistrationRequired": false});
        let default = &before["defaultPasskeyProfile"];
        if !list(before, "passkeyProfiles").is_empty() && default.is_string() {
            target["allowedPasskeyProfiles"] = json!([default]);
        }
        all.push(target);
    }
    if all != list(before, "includeTargets") {
        body.insert("includeTargets".into(), json!(all));
    }
    if policy == Policy::Passkeys
        && let Some(restrictions) = allowed(before, models, notices)
    {
        body.insert("keyRestrictions".into(), restrictions);
    }
    if body.is_empty() {
        return Ok(None);
    }
    let difference = difference(before, &body);
    body.insert("@odata.type".into(), before["@odata.type"].clone());
    Ok(Some(Request {
        method: "PATCH",
        path: policy.path().to_owned(),
        body: Value::Object(body),
        difference,
    }))
}

/// The key restrictions with the models that an enforced list lacks.
fn allowed(before: &Value, models: &[Aaguid], notices: &mut Vec<String>) -> Option<Value> {
    let restrictions = &before["keyRestrictions"];
    if models.is_empty() || restrictions["isEnforced"] != true && list(before, "passkeyProfiles").is_empty() {
        return None;
    }
    let by_hand = "Passkey profiles or a list of blocked models decide over models here: setup does not change \
                   them. Run preflight, and change them by hand where it says so.";
    if !list(before, "passkeyProfiles").is_empty() || restrictions["enforcementType"] != "allow" {
        notices.push(by_hand.into());
        return None;
    }
    let mut all = list(restrictions, "aaGuids").to_vec();
    let count = all.len();
    for model in models {
        let known = |text: &Value| text.as_str().is_some_and(|t| t.parse() == Ok(*model));
        if !all.iter().any(known) {
            all.push(json!(model.to_string()));
        }
    }
    let mut changed = restrictions.clone();
    changed["aaGuids"] = json!(all);
    (all.len() > count).then_some(changed)
}

fn campaign(policy: &Value, group: &str) -> Option<Request> {
    let before = &policy["registrationEnforcement"]["authenticationMethodsRegistrationCampaign"];
    let excluded = list(before, "excludeTargets");
    if !before.is_object() || excluded.iter().any(|t| is(t, group) || is(t, EVERYONE)) {
        return None;
    }
    let mut all = excluded.to_vec();
    all.push(json!({"id": group, "targetType": "group"}));
    let mut changed = before.clone();
    changed["excludeTargets"] = json!(all);
    let mut member = Map::new();
    member.insert("excludeTargets".into(), json!(all));
    Some(Request {
        method: "PATCH",
        path: METHODS_POLICY.to_owned(),
        difference: difference(before, &member),
        body: campaign_body(&changed),
    })
}

fn list<'v>(object: &'v Value, member: &str) -> &'v [Value] {
    object[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is(target: &Value, id: &str) -> bool {
    target["id"]
        .as_str()
        .is_some_and(|own| own.eq_ignore_ascii_case(id))
}

/// Lines with `-` for what was and `+` for what is to be.
fn difference(before: &Value, body: &Map<String, Value>) -> Vec<String> {
    body.iter()
        .flat_map(|(name, value)| {
            [
                format!("- {name}: {}", before[name]),
                format!("+ {name}: {value}"),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROUP: &str = "11111111-1111-4111-8111-111111111111";

    fn passkeys(before: &Value, models: &[Aaguid]) -> (Result<Option<Request>, Condition>, Vec<String>) {
        let mut notices = Vec::new();
        let change = change(Policy::Passkeys, before, GROUP, models, &mut notices);
        (change, notices)
    }

    fn ready() -> Value {
        json!({"@odata.type": "t", "state": "enabled", "isSelfServiceRegistrationAllowed": true,
            "includeTargets": [{"id": GROUP, "targetType": "group"}], "excludeTargets": [],
            "keyRestrictions": {"isEnforced": true, "enforcementType": "allow", "aaGuids": []}})
    }

    #[test]
    fn nothing_is_changed_where_nothing_is_missing() {
        assert_eq!(passkeys(&ready(), &[]), (Ok(None), vec![]));
        let mut everyone = ready();
        everyone["includeTargets"] = json!([{"id": EVERYONE, "targetType": "group"}]);
        assert_eq!(passkeys(&everyone, &[]).0, Ok(None));
    }

    #[test]
    fn a_method_that_is_off_is_enabled_for_the_group_and_not_for_everyone() {
        let everyone = json!({"id": EVERYONE, "targetType": "group"});
        let own = json!({"id": GROUP, "targetType": "group"});
        for targets in [json!([everyone]), json!([everyone, own]), json!([])] {
            let mut off = ready();
            off["state"] = json!("disabled");
            off["includeTargets"] = targets.clone();
            let (change, notices) = passkeys(&off, &[]);
            let body = change.unwrap().unwrap().body;
            assert_eq!(body["state"], "enabled");
            let after = body["includeTargets"].as_array().unwrap();
            assert!(after.len() == 1 && is(&after[0], GROUP), "{targets}: {after:?}");
            assert_eq!(notices.len(), usize::from(targets != json!([])), "{notices:?}");
        }
    }

    #[test]
    fn a_method_that_is_off_is_enabled_and_says_for_whom_else() {
        let mut off = ready();
        off["state"] = json!("disabled");
        off["includeTargets"] = json!([{"id": "others", "targetType": "group"}]);
        let (change, notices) = passkeys(&off, &[]);
        assert_eq!(
            change.unwrap().unwrap().body["includeTargets"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert!(notices[0].contains("others"), "{notices:?}");
    }

    #[test]
    fn a_group_that_is_excluded_is_left_to_a_person() {
        let mut excluded = ready();
        excluded["excludeTargets"] = json!([{"id": GROUP, "targetType": "group"}]);
        assert!(passkeys(&excluded, &[]).0.is_err());
    }

    #[test]
    fn models_are_added_to_an_enforced_list_and_to_no_other() {
        let model = Aaguid([7; 16]);
        let restrictions = |before: &Value| {
            let (change, notices) = passkeys(before, &[model]);
            let list = change
                .unwrap()
                .map(|c| c.body["keyRestrictions"]["aaGuids"].clone());
            (list, notices.len())
        };
        assert_eq!(restrictions(&ready()), (Some(json!([model.to_string()])), 0));
        let mut there = ready();
        there["keyRestrictions"]["aaGuids"] = json!([model.to_string().to_uppercase()]);
        assert_eq!(restrictions(&there), (None, 0));
        let mut block = ready();
        block["keyRestrictions"]["enforcementType"] = json!("block");
        assert_eq!(restrictions(&block), (None, 1));
        let mut open = ready();
        open["keyRestrictions"]["isEnforced"] = json!(false);
        assert_eq!(restrictions(&open), (None, 0));
    }

    proptest! {
        #[test]
        fn whatever_was_there_is_still_there_and_a_second_change_is_none(
            state in "enabled|disabled",
            own in any::<bool>(),
            others in proptest::collection::vec("[a-f0-9]{8}|all_users", 0..4),
            models in proptest::collection::vec(any::<[u8; 16]>(), 0..4),
            wanted in proptest::collection::vec(any::<[u8; 16]>(), 0..3),
        ) {
            let target = |id: &String| json!({"id": id, "targetType": "group", "extra": [id]});
            let mut before = ready();
            before["state"] = json!(state);
            before["isSelfServiceRegistrationAllowed"] = json!(own);
            before["includeTargets"] = json!(others.iter().map(target).collect::<Vec<_>>());
            let texts: Vec<String> = models.iter().map(|m| Aaguid(*m).to_string()).collect();
            before["keyRestrictions"]["aaGuids"] = json!(texts);
            let wanted: Vec<Aaguid> = wanted.into_iter().map(Aaguid).collect();
            let mut after = before.clone();
            if let Some(request) = passkeys(&before, &wanted).0.unwrap() {
                for (name, value) in request.body.as_object().unwrap() {
                    after[name] = value.clone();
                }
            }
            for (list, inner) in [("includeTargets", None), ("keyRestrictions", Some("aaGuids"))] {
                let of = |policy: &Value| {
                    let value = &policy[list];
                    inner.map_or_else(|| value.clone(), |i| value[i].clone())
                };
                let (old, new) = (of(&before), of(&after));
                let is_kept = |v: &Value| new.as_array().unwrap().contains(v) || state == "disabled" && is(v, EVERYONE);
                prop_assert!(old.as_array().unwrap().iter().all(is_kept));
            }
            prop_assert_eq!(passkeys(&after, &wanted).0, Ok(None));
        }
    }
}
