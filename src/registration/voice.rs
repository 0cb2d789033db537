//! What the registration says and asks; it knows no terminal.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use crate::id::{LabelId, SlipNumber, Upn};
use crate::secret::{Pin, Secret};

/// Where the words of a registration go.
pub trait Voice {
    /// Says one line of progress.
    fn say(&mut self, line: &str);

    /// Shows the person what to do in the browser; the only place where a pass leaves the program.
    fn show(&mut self, steps: &PersonSteps<'_>) -> io::Result<()>;

    /// The person works; called many times a second while the run waits. `left` is how long it still waits.
    fn attend(&mut self, _: &PersonSteps<'_>, _: Duration) {}

    /// The person has finished, or the time is over: what is shown is taken away.
    fn hide(&mut self) {}

    /// The pass is deleted: whatever holds its code is taken away.
    fn forget(&mut self);

    /// Asks a question that has yes or no for an answer; `None` when nobody can be asked.
    fn ask(&mut self, question: &str) -> Option<bool>;

    /// Asks for a PIN without showing it; `None` when nobody can be asked.
    fn pin(&mut self, question: &str) -> Option<Pin>;
}

/// What the person has to do, with the pass.
pub struct PersonSteps<'a> {
    /// The page to open.
    pub page: &'a str,
    /// The account to sign in as.
    pub account: &'a Upn,
    /// The code of the pass.
    pub pass: &'a Secret<String>,
    /// Minutes until the pass expires.
    pub minutes: u32,
    /// Whether it is good for one sign-in.
    pub once: bool,
    /// Label of the key; also the name to give it.
    pub label: &'a LabelId,
    /// Slip with its PIN.
    pub slip: Option<SlipNumber>,
    /// The key's PIN, in custody `manifest` alone; shown when somebody asks for it, and then taken away.
    pub pin: Option<&'a Pin>,
}

impl PersonSteps<'_> {
    /// The steps as numbered lines; it holds the pass.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let mut text = String::with_capacity(2048);
        let limit = if self.once {
            "\n    It is good for one sign-in; add the key within 10 minutes after it."
        } else {
            ""
        };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "
  1. Open a private browser window:   {page}
  2. Sign in as:                      {account}
  3. When asked for a Temporary Access Pass, enter (valid {minutes} min):

         {pass}
{limit}
  4. Choose `Add sign-in method`, `Security key`, `USB device`. Plug in only the key with label {label}.
     Enter the PIN of this key when the browser asks for it ({slip}, or as your registrar says);
     never choose a new one. Touch the key when it blinks.
  5. Name the key exactly:            {label}
  6. When the page says that it is done, close the private window.

",
            page = self.page,
            account = self.account,
            minutes = self.minutes,
            pass = self.pass.expose(),
            label = self.label,
            slip = self
                .slip
                .map_or_else(|| "its transport PIN".to_owned(), |slip| format!("slip {slip}")),
        );
        Secret::new(text)
    }
}
