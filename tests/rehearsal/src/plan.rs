//! The plan of a rehearsal: one key for each account.

/// Writes a plan for `accounts` accounts whose manifest is for `recipient`.
#[must_use]
pub fn plan(accounts: usize, recipient: &str) -> String {
    use std::fmt::Write;
    let mut text = format!(
        "version = 1\n\
         title = \"Rehearsal of the break-glass ceremony\"\n\
         rehearsal = true\n\
         recipients = [\"{recipient}\"]\n\
         pin_custody = \"manifest\"\n\n\
         [[people]]\nname = \"Ada Lovelace\"\nrole = \"officer\"\n\n\
         [[people]]\nname = \"Grace Hopper\"\nrole = \"witness\"\n"
    );
    for (number, custodian) in
        (1..=accounts).zip(["Alan Turing", "Hedy Lamarr", "Claude Shannon"].iter().cycle())
    {
        let _ = write!(
            text,
            "\n[[accounts]]\nupn = \"{}\"\nkeys = [{{ custodian = \"{custodian}\" }}]\n",
            account(number)
        );
    }
    text
}

/// Name of the account with this number, from 1.
#[must_use]
pub fn account(number: usize) -> String {
    format!("bg-{number:02}@contoso.onmicrosoft.com")
}
