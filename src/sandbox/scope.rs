//! What the passkey policy and the Temporary Access Pass policy say of a user and of a model.

use serde_json::Value;

use super::tenant::Tenant;

impl Tenant {
    /// Whether a policy takes this user in: one include target, and no exclude target (exclusion wins).
    pub(crate) fn in_scope(&self, policy: &Value, user: usize) -> bool {
        policy["state"] == "enabled"
            && !self.targets(policy, "includeTargets", user).is_empty()
            && self.targets(policy, "excludeTargets", user).is_empty()
    }

    /// The targets of a list that take this user in.
    fn targets<'p>(&self, policy: &'p Value, list: &str, user: usize) -> Vec<&'p Value> {
        let groups = self.groups_of(user);
        let own = &self.settings.users[user].id;
        let hit = |target: &&Value| {
            let id = target["id"].as_str().unwrap_or_default();
            id == "all_users"
                || id.eq_ignore_ascii_case(own)
                || groups.iter().any(|g| g.eq_ignore_ascii_case(id))
        };
        let targets = policy[list].as_array().map(Vec::as_slice).unwrap_or_default();
        targets.iter().filter(hit).collect()
    }

    /// Whether the passkey policy admits this model for this user, and if not, why not.
    pub(crate) fn admits(&self, user: usize, aaguid: &str, attested: bool) -> Result<(), &'static str> {
        let policy = &self.fido2;
        let profiles = policy["passkeyProfiles"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if profiles.is_empty() {
            let attestation = policy["isAttestationEnforced"] == true;
            return satisfies(attestation, &policy["keyRestrictions"], aaguid, attested);
        }
        let targets = self.targets(policy, "includeTargets", user);
        let mut named: Vec<&Value> = targets
            .iter()
            .filter_map(|t| t["allowedPasskeyProfiles"].as_array())
            .flatten()
            .collect();
        if named.is_empty() {
            named.push(&policy["defaultPasskeyProfile"]);
        }
        // One profile in scope is enough; with none, nothing is admitted.
        let mut answer = Err("aaguid");
        for profile in profiles.iter().filter(|p| named.contains(&&p["id"])) {
            let attestation = profile["attestationEnforcement"] == "registrationOnly";
            answer = satisfies(attestation, &profile["keyRestrictions"], aaguid, attested);
            if answer.is_ok() {
                break;
            }
        }
        answer
    }
}

fn satisfies(
    attestation: bool,
    restrictions: &Value,
    aaguid: &str,
    attested: bool,
) -> Result<(), &'static str> {
    if attestation && !attested {
        return Err("attestation");
    }
    let listed = restrictions["aaGuids"].as_array().is_some_and(|list| {
        list.iter()
            .any(|a| a.as_str().is_some_and(|a| a.eq_ignore_ascii_case(aaguid)))
    });
    let allow = restrictions["enforcementType"] == "allow";
    if restrictions["isEnforced"] == true && listed != allow {
        return Err("aaguid");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, User};
    use super::*;
    use serde_json::json;

    const MODEL: &str = "11111111-1111-1111-1111-111111111111";

    fn tenant(fido2: &[(&str, Value)]) -> Tenant {
        let mut user = User::named("bg-01@sandbox.example");
        user.groups = vec!["g".into()];
        let mut settings = Settings {
            users: vec![user],
            ..Settings::default()
        };
        for (name, value) in fido2 {
            settings.fido2.insert((*name).into(), value.clone());
        }
        Tenant::new(settings)
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let plain = tenant(&[]);
        assert!(plain.in_scope(&plain.fido2, 0));
        let excluded = tenant(&[("excludeTargets", json!([{"targetType": "group", "id": "G"}]))]);
        assert!(!excluded.in_scope(&excluded.fido2, 0));
    }

    #[test]
    fn a_profile_in_scope_decides_and_the_older_members_do_not() {
        let list = |id: &str| json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": [id]});
        let profiles = json!([
            {"id": "a", "name": "A", "attestationEnforcement": "disabled", "keyRestrictions": list(MODEL)},
            {"id": "b", "name": "B", "attestationEnforcement": "registrationOnly", "keyRestrictions": null},
        ]);
        let with = |allowed: Value, default: &str| {
            let target = json!([{"id": "g", "targetType": "group", "allowedPasskeyProfiles": allowed}]);
            tenant(&[
                ("passkeyProfiles", profiles.clone()),
                ("defaultPasskeyProfile", json!(default)),
                ("includeTargets", target),
                ("keyRestrictions", list("22222222-2222-2222-2222-222222222222")),
            ])
        };
        assert_eq!(with(json!(["a"]), "b").admits(0, MODEL, false), Ok(()));
        assert_eq!(
            with(json!(["b"]), "a").admits(0, MODEL, false),
            Err("attestation")
        );
        assert_eq!(with(json!(["b"]), "a").admits(0, MODEL, true), Ok(()));
        assert_eq!(with(json!([]), "a").admits(0, MODEL, false), Ok(()));
        assert_eq!(with(json!(["c"]), "a").admits(0, MODEL, true), Err("aaguid"));
    }
}
