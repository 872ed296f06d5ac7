//! What a client brings along that comes back: its own, or what it must not be let in for.

use super::late::SharedDistrust;
use crate::id::Rng;

/// Where a client is that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ComerState {
    Away,
    Connecting,
    Inside,
    Closing,
}

/// What a client brings when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Its token, and its position and memo if it has them.
    Return,
    /// A forged token, with a good position and memo.
    Forged,
    /// Its token, with a position of another room.
    Stray,
    /// Its token and position, with the memo of another client, of another user and room.
    Borrowed,
    /// Its token and position, with a memo of which a bit is another.
    Flipped,
    /// A token, a position and a memo from before its user was disconnected.
    Revoked,
}

/// What a client has got of a room that it wants to go on in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Belongings {
    pub(super) position: Option<String>,
    pub(super) memo: Option<String>,
}

impl Errand {
    pub(super) fn draw(
        rng: &mut Rng,
        (own, stray, before): (&Belongings, &Belongings, Option<&Belongings>),
        resumes: bool,
    ) -> Self {
        match rng.below(14) {
            0 if own.position.is_some() => Self::Forged,
            1 if resumes && stray.position.is_some() => Self::Stray,
            2 if resumes && stray.memo.is_some() => Self::Borrowed,
            3 if resumes && own.memo.is_some() => Self::Flipped,
            4 | 5 if before.is_some() => Self::Revoked,
            _ => Self::Return,
        }
    }

    /// What is brought beside a `token`. If that is not its own, the application has to be asked.
    pub(super) fn brings(
        self,
        rng: &mut Rng,
        (own, stray): (&Belongings, &Belongings),
        (token, distrust): (u64, &SharedDistrust),
    ) -> Belongings {
        if matches!(self, Self::Borrowed | Self::Flipped) {
            distrust.add(token);
        }
        let memo = match self {
            Self::Borrowed => stray.memo.clone(),
            Self::Flipped => own.memo.as_deref().map(|memo| flipped(memo, rng)),
            _ => own.memo.clone(),
        };
        let position = if self == Self::Stray { &stray.position } else { &own.position };
        Belongings { position: position.clone(), memo }
    }
}

/// A memo with another letter in what says that a user was admitted.
fn flipped(memo: &str, rng: &mut Rng) -> String {
    // The first 11 letters are when it was given, and those up to 43 a signature.
    let at = 44 + rng.below(20) as usize;
    let change = |(place, letter): (usize, char)| match letter {
        _ if place != at => letter,
        'A' => 'B',
        _ => 'A',
    };
    memo.chars().enumerate().map(change).collect()
}
