//! A redirect, as it is told of.

/// One redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub status: u16,
    /// Where it led to, without user and password.
    pub to: String,
}
