//! What comes of reading a text.

use std::fmt;

use crate::recipes::recipe::{Draft, DraftError};

/// A recipe that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRecipe {
    /// Its content. Fields that the text does not mention are empty, even the title.
    pub draft: Draft,
    /// What was left out or cut, each as a short text: `more than 200 ingredients`.
    pub unread: Vec<String>,
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is in a format that has no reader.
    Unsupported(&'static str),
    /// It is in a format that it breaks.
    Malformed(&'static str),
    /// It has no recipe, although its format could hold one.
    NoRecipe(&'static str),
    /// It is an export of a recipe with an invalid field.
    Invalid(DraftError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(format) => {
                write!(f, "{format} cannot be read; use the recipe's text, or an export as text")
            }
            Self::Malformed(format) => write!(f, "{format} is damaged or incomplete"),
            Self::NoRecipe(format) => write!(f, "{format} does not have a recipe"),
            Self::Invalid(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}
