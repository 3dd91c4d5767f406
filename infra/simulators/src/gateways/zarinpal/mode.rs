//! Sandbox and production: two hosts, which tell their own authorities apart.

#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    Sandbox,
    Live,
}

impl Mode {
    /// The first letter of an authority says which host made it.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Sandbox => 'S',
            Self::Live => 'A',
        }
    }

    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Sandbox => "/zarinpal",
            Self::Live => "/zarinpal-live",
        }
    }
}
