//! What a tenant is to have: read from a small TOML file or from arguments.

use serde::Deserialize;

use crate::id::{Aaguid, Upn};

/// Longest group name; the service takes 256, papers and screens do not.
const NAME: usize = 64;

/// What a tenant is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The tenant this is for; any, when left out.
    pub tenant_id: Option<String>,
    /// The accounts.
    pub accounts: Vec<Upn>,
    /// Name of their group.
    pub group: String,
    /// Whether a new group is one that roles may be given to; where the licence allows it, when left out.
    pub role_assignable: Option<bool>,
    /// Models of key that an enforced list must allow.
    pub models: Vec<Aaguid>,
}

/// Why a wish cannot be used, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WishError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    tenant_id: Option<String>,
    domain: Option<String>,
    #[serde(default)]
    accounts: Vec<String>,
    group: Option<String>,
    role_assignable: Option<bool>,
    #[serde(default)]
    models: Vec<Aaguid>,
}

impl Wish {
    /// Reads the file.
    pub fn read(text: &str) -> Result<Self, WishError> {
        let content: Content =
            toml::from_str(text).map_err(|error| WishError(error.to_string().trim().to_owned()))?;
        let mut wish = Self::new(content.domain.as_deref(), &content.accounts, content.group)?;
        wish.tenant_id = content.tenant_id;
        wish.role_assignable = content.role_assignable;
        wish.models = content.models;
        Ok(wish)
    }

    /// Puts one together. A name without `@` gets the domain.
    pub fn new(domain: Option<&str>, accounts: &[String], group: Option<String>) -> Result<Self, WishError> {
        let mut names: Vec<Upn> = Vec::new();
        for account in accounts {
            let name = match (account.contains('@'), domain) {
                (true, _) => account.clone(),
                (false, Some(domain)) => format!("{account}@{domain}"),
                (false, None) => {
                    return Err(WishError(format!(
                        "The account {account:?} has no @, and no domain is given."
                    )));
                }
            };
            let upn: Upn = name
                .parse()
                .map_err(|error| WishError(format!("The account {name:?} cannot be used: {error}.")))?;
            if names
                .iter()
                .any(|n| n.as_str().eq_ignore_ascii_case(upn.as_str()))
            {
                return Err(WishError(format!("The account {upn} is named twice.")));
            }
            names.push(upn);
        }
        if names.is_empty() {
            return Err(WishError("No account is named.".into()));
        }
        let group = group.unwrap_or_else(|| "Emergency access".into());
        let printable = group.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if group.trim() != group || group.is_empty() || group.len() > NAME || !printable {
            return Err(WishError(format!(
                "The group's name {group:?} is not 1 to {NAME} ASCII characters without blanks around them."
            )));
        }
        Ok(Self {
            tenant_id: None,
            accounts: names,
            group,
            role_assignable: None,
            models: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_defaults_are_read() {
        let wish = Wish::read(
            "domain = \"contoso.onmicrosoft.com\"\naccounts = [\"bg-01\", \"bg-02@fabrikam.onmicrosoft.com\"]\n\
             models = [\"2fc0579f-8113-47ea-b116-bb5a8db9202a\"]\n",
        )
        .unwrap();
        let names: Vec<&str> = wish.accounts.iter().map(Upn::as_str).collect();
        assert_eq!(
            names,
            ["bg-01@contoso.onmicrosoft.com", "bg-02@fabrikam.onmicrosoft.com"]
        );
        assert_eq!(
            (wish.group.as_str(), wish.role_assignable),
            ("Emergency access", None)
        );
        assert_eq!(wish.models.len(), 1);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "accounts = []",
            "accounts = [\"bg-01\"]",
            "accounts = [\"a b@c.d\"]",
            "accounts = [\"a@c.d\", \"A@C.D\"]",
            "accounts = [\"a@c.d\"]\ngroup = \"\"",
            "accounts = [\"a@c.d\"]\ngroup = \" x\"",
            "accounts = [\"a@c.d\"]\npassword = \"x\"",
            "accounts = [\"a@c.d\"]\nmodels = [\"x\"]",
        ] {
            assert!(Wish::read(text).is_err(), "{text}");
        }
        assert!(Wish::read("accounts = [\"a@c.d\"]\ngroup = \"x\"").is_ok());
    }
}
