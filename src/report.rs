//! The report on an inventory: what lies where, what is due, what is not as it should be. For auditors.
//!
//! [`content`] says what is in it, [`html`] and [`pdf`] how it looks.

pub mod content;
pub mod html;
pub mod pdf;

pub use content::Content;
