//! Who sits at the station: officer and witness, each with a short code that only they should type.

/// A person who may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Initials, with a number where two people share them.
    pub code: String,
    /// Name as the plan spells it.
    pub name: String,
}

/// Everybody who may be officer or witness.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Team {
    /// Officers of the plan.
    pub officers: Vec<Member>,
    /// Witnesses of the plan.
    pub witnesses: Vec<Member>,
}

/// The two who sit there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sitting {
    /// Works at the station.
    pub officer: Member,
    /// Watches, and agrees to what needs both.
    pub witness: Member,
}

impl Team {
    /// Gives everybody a code; two people never share one.
    #[must_use]
    pub fn new(officers: &[&str], witnesses: &[&str]) -> Self {
        let mut taken: Vec<String> = Vec::new();
        let mut members = |names: &[&str]| -> Vec<Member> {
            let mut members = Vec::new();
            for name in names {
                let initials = initials(name);
                let mut code = initials.clone();
                let mut number = 1_u32;
                while taken.contains(&code) {
                    number += 1;
                    code = format!("{initials}{number}");
                }
                taken.push(code.clone());
                members.push(Member {
                    code,
                    name: (*name).to_owned(),
                });
            }
            members
        };
        Self {
            officers: members(officers),
            witnesses: members(witnesses),
        }
    }
}

/// Finds who is meant by a code or a whole name.
#[must_use]
pub fn find<'a>(members: &'a [Member], typed: &str) -> Option<&'a Member> {
    let typed = typed.trim().to_lowercase();
    members
        .iter()
        .find(|m| m.code.to_lowercase() == typed || m.name.to_lowercase() == typed)
}

fn initials(name: &str) -> String {
    let initials: String = name
        .split(|c: char| c.is_whitespace() || c == '-')
        .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()))
        .flat_map(char::to_uppercase)
        .collect();
    if initials.is_empty() { "X".into() } else { initials }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_initials_and_differ() {
        let team = Team::new(
            &["Ada Lovelace", "Anna-Maria Lang"],
            &["Alan Law", "Grace Hopper"],
        );
        let codes: Vec<_> = team
            .officers
            .iter()
            .chain(&team.witnesses)
            .map(|m| m.code.as_str())
            .collect();
        assert_eq!(codes, ["AL", "AML", "AL2", "GH"]);
        assert_eq!(find(&team.witnesses, " gh ").unwrap().name, "Grace Hopper");
        assert_eq!(find(&team.witnesses, "grace hopper").unwrap().code, "GH");
        assert_eq!(find(&team.witnesses, "AL"), None);
    }
}
