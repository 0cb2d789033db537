//! The least permissions of each command: what its token must hold, and which role its caller.
//!
//! Names are those of Microsoft Graph's permissions reference; they are the same for delegated and application
//! permissions here. A test runs commands with exactly these, and without each one.

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The command's name, after `companion`.
    pub command: &'static str,
    /// Permissions of the token.
    pub permissions: &'static [Permission],
    /// Roles of a delegated caller, as sentences.
    pub roles: &'static [&'static str],
}

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// When it can be left out, and what is missing then; nothing where it is needed always.
    pub otherwise: Option<&'static str>,
}

const fn needed(name: &'static str, purpose: &'static str) -> Permission {
    Permission {
        name,
        purpose,
        otherwise: None,
    }
}

const fn optional(name: &'static str, purpose: &'static str, otherwise: &'static str) -> Permission {
    Permission {
        name,
        purpose,
        otherwise: Some(otherwise),
    }
}

const READS_LOGS: &str = "the log is reported as not checked";

/// Who may register for others.
const ON_BEHALF: &[&str] = &[
    "Authentication Administrator, while the account has no role.",
    "Privileged Authentication Administrator, once it has one or is in a role-assignable group.",
    "Never the account itself.",
];

/// Every command that talks to a tenant.
pub const ALL: [Needs; 8] = [
    Needs {
        command: "preflight",
        permissions: &[
            needed("User.Read.All", "read the accounts"),
            needed("GroupMember.Read.All", "read their group and its members"),
            needed(
                "Policy.Read.All",
                "read methods, campaign, security defaults, Conditional Access",
            ),
            optional(
                "UserAuthMethod-Passkey.Read.All",
                "see which passkeys the accounts have",
                "whether roles come after keys is not checked",
            ),
            optional(
                "RoleManagement.Read.Directory",
                "read role assignments",
                "roles are not checked",
            ),
            optional("AuditLog.Read.All", "try the sign-in log", READS_LOGS),
            optional("Directory.Read.All", "try the sign-in log", READS_LOGS),
        ],
        roles: &["Global Reader."],
    },
    Needs {
        command: "setup",
        permissions: &[
            needed("User.ReadWrite.All", "create accounts"),
            needed("Group.ReadWrite.All", "create the group, add members"),
            needed(
                "Policy.ReadWrite.AuthenticationMethod",
                "enable both methods for the group, exclude it from the campaign",
            ),
            optional(
                "Policy.Read.All",
                "report the state of security defaults",
                "they are not reported",
            ),
            optional(
                "RoleManagement.ReadWrite.Directory",
                "make the group role-assignable",
                "use --plain-group",
            ),
            optional(
                "AuditLog.Read.All",
                "see whether the licence allows a role-assignable group",
                "P1 is taken for granted: use --plain-group without it",
            ),
            optional(
                "Directory.Read.All",
                "see whether the licence allows a role-assignable group",
                "P1 is taken for granted: use --plain-group without it",
            ),
        ],
        roles: &[
            "User Administrator and Groups Administrator.",
            "Authentication Policy Administrator, for the policies.",
            "Privileged Role Administrator, for a role-assignable group.",
        ],
    },
    Needs {
        command: "register",
        permissions: &[
            needed("User.Read.All", "read the accounts"),
            needed(
                "GroupMember.Read.All",
                "see whether a group that the policies name takes them in",
            ),
            needed("Policy.Read.All", "read both methods' policies"),
            needed(
                "UserAuthMethod-TAP.ReadWrite.All",
                "create, read and delete the pass",
            ),
            needed("UserAuthMethod-Passkey.Read.All", "see the passkey appear"),
            needed("User.RevokeSessions.All", "end the sessions that the pass opened"),
            optional(
                "UserAuthMethod-Passkey.ReadWrite.All",
                "delete a passkey that is not the prepared key",
                "it stays, and the report names it",
            ),
            optional(
                "RoleManagement.ReadWrite.Directory",
                "make the accounts Global Administrator (--assign-role)",
                "assign the role by hand, last",
            ),
            optional("AuditLog.Read.All", "compare with the audit log", READS_LOGS),
            optional("Directory.Read.All", "compare with the audit log", READS_LOGS),
        ],
        roles: &[
            "Authentication Administrator, while the account has no role.",
            "Privileged Authentication Administrator, once it has one or is in a role-assignable group.",
            "Privileged Role Administrator, for --assign-role.",
            "Never the account itself.",
        ],
    },
    Needs {
        command: "register --route on-behalf",
        permissions: &[
            needed("User.Read.All", "read the accounts"),
            needed(
                "GroupMember.Read.All",
                "see whether a group that the policy names takes them in",
            ),
            needed("Policy.Read.All", "read the passkey policy"),
            needed(
                "UserAuthMethod-Passkey.ReadWrite.All",
                "fetch creation options, register the passkey, see it listed",
            ),
            optional(
                "RoleManagement.ReadWrite.Directory",
                "make the accounts Global Administrator (--assign-role)",
                "assign the role by hand, last",
            ),
        ],
        roles: ON_BEHALF,
    },
    Needs {
        command: "options",
        permissions: &[
            needed("User.Read.All", "read the accounts"),
            needed(
                "GroupMember.Read.All",
                "see whether a group that the policy names takes them in",
            ),
            needed("Policy.Read.All", "read the method's policy"),
            needed(
                "UserAuthMethod-Passkey.ReadWrite.All",
                "fetch creation options for other users",
            ),
        ],
        roles: ON_BEHALF,
    },
    Needs {
        command: "submit",
        permissions: &[
            needed("User.Read.All", "read the accounts"),
            needed(
                "GroupMember.Read.All",
                "see whether a group that the policy names takes them in",
            ),
            needed("Policy.Read.All", "read the method's policy"),
            needed(
                "UserAuthMethod-Passkey.ReadWrite.All",
                "register the passkeys, and see them",
            ),
        ],
        roles: ON_BEHALF,
    },
    Needs {
        command: "drill",
        permissions: &[
            needed("User.Read.All", "read the account"),
            needed(
                "GroupMember.Read.All",
                "see whether the policies' groups hold it, read its group",
            ),
            needed("Policy.Read.All", "read methods and Conditional Access"),
            needed(
                "UserAuthMethod-Passkey.Read.All",
                "see that the key's passkey is on the account, and no foreign one",
            ),
            optional(
                "AuditLog.Read.All",
                "find the sign-in in the log",
                "two people attest it",
            ),
            optional(
                "Directory.Read.All",
                "find the sign-in in the log",
                "two people attest it",
            ),
            optional(
                "UserAuthenticationMethod.Read.All",
                "see methods that should not be there",
                "they are not checked",
            ),
            optional(
                "RoleManagement.Read.Directory",
                "see that it is Global Administrator",
                "the role is not checked",
            ),
            optional(
                "User.RevokeSessions.All",
                "end its sessions afterwards",
                "do without --revoke-sessions",
            ),
        ],
        roles: &["Global Reader.", "Never the account itself."],
    },
    Needs {
        command: "monitor",
        permissions: &[
            needed("User.Read.All", "read the accounts' object ids"),
            needed("GroupMember.Read.All", "read their group"),
            needed("Policy.Read.All", "find their group through the policies"),
        ],
        roles: &["Global Reader."],
    },
];

/// What a command needs; nothing for one that talks to no tenant.
#[must_use]
pub fn of(command: &str) -> Option<&'static Needs> {
    ALL.iter().find(|needs| needs.command == command)
}

impl Needs {
    /// The permissions without which the command does not work.
    pub fn least(&self) -> impl Iterator<Item = &'static str> {
        let needed = self.permissions.iter().filter(|p| p.otherwise.is_none());
        needed.map(|p| p.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_named_once_for_a_command_and_says_why() {
        for needs in ALL {
            let mut names: Vec<&str> = needs.permissions.iter().map(|p| p.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), needs.permissions.len(), "{}", needs.command);
            assert!(needs.least().count() >= 3 && !needs.roles.is_empty());
            assert_eq!(of(needs.command).unwrap().command, needs.command);
        }
        assert!(of("inventory").is_none());
    }
}
