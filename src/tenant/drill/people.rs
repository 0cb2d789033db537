//! Those who take part: the custodian signs in, two people attest where no log does, the registrar answers.

use crate::id::{LabelId, SlipNumber, Upn};
use crate::registration::Voice;

/// The people at this machine: they are told, asked, and give their names.
pub trait People: Voice {
    /// Asks for one line of text; `None` when nobody can be asked.
    fn line(&mut self, question: &str) -> Option<String>;
}

/// What the custodian has to do.
pub struct Steps<'a> {
    /// The page to open.
    pub page: &'a str,
    /// The account to sign in as.
    pub account: &'a Upn,
    /// Label of the key.
    pub label: &'a LabelId,
    /// Slip with its PIN.
    pub slip: Option<SlipNumber>,
}

impl Steps<'_> {
    /// The steps, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let pin = self.slip.map_or_else(
            || "as your records say".to_owned(),
            |slip| format!("on slip {slip}; seal it anew afterwards"),
        );
        vec![
            "The custodian now signs in, on the machine that is meant for an emergency:".into(),
            format!("  1. Open a private browser window:   {}", self.page),
            format!("  2. Sign in as:                      {}", self.account),
            format!(
                "  3. Choose the security key. Plug in only the key with label {}; its PIN is {pin}. Touch it.",
                self.label
            ),
            "  4. Do one administrative task that changes nothing: open the list of Conditional Access policies.".into(),
            "  5. Sign out and close the window.".into(),
        ]
    }
}
