//! What the audit log must say after a registration: that it happened, and that nothing else did.

use crate::graph::AuditEntry;

/// What the log says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The registration is not in it yet.
    NotSeenYet,
    /// One registration and our own writes.
    AsExpected,
    /// Something that this run did not do.
    Unexpected(Vec<String>),
}

/// Judges the entries since the pass was created; `passes` is how many of them this run made.
pub(super) fn judge(entries: &[AuditEntry], passes: usize) -> Verdict {
    let count = |activity: &str| {
        entries
            .iter()
            .filter(|e| e.activity_display_name.eq_ignore_ascii_case(activity))
            .count()
    };
    let mut unexpected = Vec::new();
    for activity in [
        "User deleted security info",
        "Admin updated security info",
        "User updated security info",
        "User changed default security info",
    ] {
        if count(activity) > 0 {
            unexpected.push(activity.to_owned());
        }
    }
    let registered = count("User registered security info");
    let added = count("Add Passkey (device-bound)");
    for (activity, found, expected) in [
        ("User registered security info", registered, 1),
        ("Add Passkey (device-bound)", added, 1),
        (
            "Admin registered security info",
            count("Admin registered security info"),
            passes,
        ),
    ] {
        if found > expected {
            unexpected.push(format!("{activity} ({found} times)"));
        }
    }
    if !unexpected.is_empty() {
        Verdict::Unexpected(unexpected)
    } else if registered + added > 0 {
        Verdict::AsExpected
    } else {
        Verdict::NotSeenYet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(activities: &[&str]) -> Vec<AuditEntry> {
        activities
            .iter()
            .map(|a| serde_json::from_value(serde_json::json!({"activityDisplayName": a})).unwrap())
            .collect()
    }

    #[test]
    fn only_one_registration_and_our_own_writes_are_expected() {
        let ours = ["Admin registered security info", "Admin deleted security info"];
        assert_eq!(judge(&entries(&ours), 1), Verdict::NotSeenYet);
        let good = [
            "User registered security info",
            "Add Passkey (device-bound)",
            ours[0],
            ours[1],
        ];
        assert_eq!(judge(&entries(&good), 1), Verdict::AsExpected);
        for extra in [
            "User registered security info",
            "User deleted security info",
            ours[0],
        ] {
            let mut more = good.to_vec();
            more.push(extra);
            assert!(
                matches!(judge(&entries(&more), 1), Verdict::Unexpected(_)),
                "{extra}"
            );
        }
    }
}
