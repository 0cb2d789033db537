//! Accounts, group and policies for emergency access: what is missing, and how it is added.
