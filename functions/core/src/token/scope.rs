//! Scopes: what a token lets its bearer do, whatever else decides about it.

use std::{fmt, str::FromStr};

/// A kind of thing that can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Send events in.
    Publish,
    /// Change everything else. Includes all but [`Scope::Publish`].
    Manage,
    /// Look at everything but the signing secrets of endpoints.
    Read,
    /// See the signing secrets of endpoints.
    ReadSecrets,
    /// Rotate them.
    RotateSecrets,
    /// Have deliveries attempted again, and examples sent.
    Attempt,
    /// Read from a poller as a consumer, whose place moves.
    Poll,
}

impl Scope {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Publish, Self::Manage, Self::Read, Self::ReadSecrets, Self::RotateSecrets, Self::Attempt, Self::Poll];

    /// Its name in a token's claim `scope`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Manage => "manage",
            Self::Read => "read",
            Self::ReadSecrets => "secrets.read",
            Self::RotateSecrets => "secrets.rotate",
            Self::Attempt => "attempts.create",
            Self::Poll => "poll",
        }
    }
}

crate::shapes::inline_schema!(Scope => schemars::json_schema!({ "type": "string", "enum": Scope::ALL.map(Scope::name) }));

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no scope of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of publish, manage, read, secrets.read, secrets.rotate, attempts.create, poll")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(UnknownScope)
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything, also what comes later: the scopes of a token that names none.
    pub const ALL: Self = Self(u8::MAX);

    /// Reads the claim of a token (RFC 8693, section 4.2): names with spaces between. Unknown ones mean nothing.
    pub fn read(claim: &str) -> Self {
        claim.split_ascii_whitespace().filter_map(|name| name.parse().ok()).collect()
    }

    /// Whether that may be done.
    pub fn allow(self, scope: Scope) -> bool {
        self.has(scope) || (scope != Scope::Publish && self.has(Scope::Manage))
    }

    /// Those that are named, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, scope| set | (1 << scope as u8)))
    }
}

impl fmt::Display for Scopes {
    /// As in the claim.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managing_includes_everything_but_publishing() {
        let manager = Scopes::read("manage");
        for scope in Scope::ALL {
            assert_eq!(manager.allow(scope), scope != Scope::Publish, "{scope}");
            assert!(Scopes::ALL.allow(scope) && !Scopes::read("").allow(scope), "{scope}");
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        let reader = Scopes::read(" read  unknown");
        assert_eq!(reader.iter().collect::<Vec<_>>(), [Scope::Read]);
        assert_eq!(Scopes::read("read publish").to_string(), "publish read");
    }
}
