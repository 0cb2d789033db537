//! `glasskey companion drill`: what is due, the drill, its report.

mod calendar;
mod due;
mod hold;
mod key;
mod verify;

use clap::Subcommand;

use super::Failed;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Due(due::Due),
    Calendar(calendar::Calendar),
    Run(Box<hold::Hold>),
    Key(key::Key),
    Verify(verify::Verify),
}

impl Command {
    pub(super) fn run(&self) -> Result<(), Failed> {
        match self {
            Self::Due(due) => due.run(),
            Self::Calendar(calendar) => calendar.run(),
            Self::Run(hold) => hold.run(),
            Self::Key(key) => key.run(),
            Self::Verify(verify) => verify.run(),
        }
    }
}

/// Days between two drills.
#[derive(Debug, clap::Args)]
struct Days {
    /// Days from one drill of a key to its next.
    #[arg(long, value_name = "DAYS", default_value_t = crate::tenant::drill::DAYS, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
}
