//! Accounts, group and policies for emergency access: what is missing ([`plan`]), and how it is added ([`Setup`]).
//!
//! What is there is read, what is missing is added, and nothing else is touched: no target, no AAGUID and no
//! account is ever taken away, and no role is given. A run that ends early is repeated and ends in the same state.

mod apply;
mod change;
mod journal;
mod password;
mod policy;
mod present;
mod wish;

pub use apply::{Setup, SetupError};
pub use change::{Change, Plan, Request, plan};
pub use journal::{Action, Entry, Journal};
pub use password::random as random_password;
pub use policy::Policy;
pub use present::{Groups, Present};
pub use wish::{Wish, WishError};
