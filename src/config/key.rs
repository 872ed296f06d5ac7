//! The table of keys: each key of the configuration is one row, and everything else is made of it.
//!
//! A row has the key's text, type, default and range, and says whether a running server takes a
//! change up on SIGHUP (`reload`) or waits for its next start (`restart`):
//!
//! ```text
//! /// Threads for work that blocks. Each is started when there is work for it.
//! workers: usize = 4, "1 to 1024 threads", restart;
//! ```
//!
//! `+ memory` behind it marks a key that allows the process memory: `capacity` counts it in what
//! `limits.memory` bounds.
//!
//! [`section!`] makes of the rows a struct with its documentation, serde and defaults, and a [`Key`]
//! for each row. The [`Key`]s are what ranges are checked by, what a reload asks, and what the tables
//! of `docs/configuration.md` and `docs/config.schema.json` are written from.

use std::fmt::Display;
use std::str::FromStr;

use super::auth::AuthMode;
use super::issuer::AuthIssuer;
use super::network::Network;
use super::units::{Length, Size};

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Key {
    /// Its section and name: `limits.ping`.
    pub path: &'static str,
    /// Which values it may have, as the documents say it. [`Range::parse`] reads it.
    pub range: &'static str,
    /// A running server takes a change up on SIGHUP; else the change waits for the next start.
    pub reloads: bool,
    /// Its value is part of the sum of memory that `vestibule check` prints and `limits.memory` bounds.
    pub takes_memory: bool,
    /// Its documentation, a line of source a line.
    pub(super) text: &'static str,
    /// The JSON Schema of its type.
    #[cfg(feature = "schema")]
    pub(super) schema: fn() -> serde_json::Value,
}

impl Key {
    /// What it does and what it trades, as one paragraph of Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        paragraph(self.text)
    }

    /// The section it is in; empty: none.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// Its name in its section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// What is wrong with a value that its range or its choices do not have; the key's type may not
    /// even hold it.
    #[must_use]
    pub fn refusal(&self, value: impl Display) -> String {
        match Range::parse(self.range) {
            Range::Choice(choices) => format!("{value} is none of {}", choices.join(", ")),
            _ => refusal(value, self.range),
        }
    }
}

/// A section, or the keys that are in none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionKeys {
    /// `limits`; of the keys in no section `top`.
    #[cfg(feature = "schema")]
    pub(super) name: &'static str,
    #[cfg(feature = "schema")]
    pub(super) text: &'static str,
    pub(super) keys: &'static [Key],
}

/// Documentation as one line.
pub(super) fn paragraph(lines: &str) -> String {
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the words of a range hold a value to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Range {
    /// `1 to 1024 threads`, or `0, or 32 to 1000000 messages`: bounds, both of them allowed.
    Bounds {
        /// 0 is allowed too, though it is below the least.
        or_zero: bool,
        /// The least, as it is written.
        least: &'static str,
        /// The most, as it is written.
        most: &'static str,
    },
    /// `` `text`, `json` ``: one of these words.
    Choice(Vec<&'static str>),
    /// Anything else: words for people, whose rule is code in [`check`](super::check).
    Words,
}

impl Range {
    /// Reads the text of a [`Key`]'s range.
    #[must_use]
    pub fn parse(text: &'static str) -> Self {
        let choices = text.split(", ").map(|word| word.strip_prefix('`')?.strip_suffix('`'));
        let choices = choices.map(|word| word.filter(|word| !word.contains('`')));
        if let Some(choices) = choices.collect() {
            return Self::Choice(choices);
        }
        let (or_zero, rest) = match text.strip_prefix("0, or ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Some((least, rest)) = rest.split_once(" to ") else { return Self::Words };
        let most = rest.split([' ', ',']).next().unwrap_or_default();
        let [least, most] = [least, most].map(|bound| bound.trim_matches('`'));
        let is_bound = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let is_bounds = is_bound(least) && is_bound(most);
        if is_bounds { Self::Bounds { or_zero, least, most } } else { Self::Words }
    }
}

/// A type that a key may have.
pub(super) trait KeyType {
    /// What is wrong with a value by its range; `None`: nothing, or code in `check` judges it.
    fn problem(&self, range: &'static str) -> Option<String>;

    #[cfg(feature = "schema")]
    fn schema() -> serde_json::Value;
}

/// `None`: it is between the bounds that `range` tells.
fn out_of_range<T>(value: &T, range: &'static str) -> Option<String>
where
    T: Default + Display + FromStr + PartialOrd,
{
    let Range::Bounds { or_zero, least, most } = Range::parse(range) else { return None };
    let (least, most) = (least.parse::<T>().ok()?, most.parse::<T>().ok()?);
    let is_within = (least..=most).contains(value) || or_zero && *value == T::default();
    (!is_within).then(|| refusal(value, range))
}

fn refusal(value: impl Display, range: &str) -> String {
    format!("{value} is out of range ({})", range.replace('`', ""))
}

macro_rules! key_type {
    ($($Type:ty)+, $problem:path, $schema:tt) => {$(
        impl KeyType for $Type {
            fn problem(&self, range: &'static str) -> Option<String> {
                $problem(self, range)
            }

            #[cfg(feature = "schema")]
            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }
        }
    )+};
}

#[cfg(feature = "schema")]
fn one_or_many() -> serde_json::Value {
    serde_json::json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    })
}

fn not_chosen(value: &String, range: &'static str) -> Option<String> {
    let Range::Choice(choices) = Range::parse(range) else { return None };
    let is_chosen = choices.contains(&value.as_str());
    (!is_chosen).then(|| format!("`{value}` is none of {}", choices.join(", ")))
}

/// The type holds no other values, or code in `check` judges them.
fn never<T>(_: &T, _: &'static str) -> Option<String> {
    None
}

key_type!(u32 usize, out_of_range, { "type": "integer", "minimum": 0 });
key_type!(Length, out_of_range, { "type": "string", "pattern": r"^\s*[0-9]+\s*(ms|s|m|h|d)\s*$" });
key_type!(Size, out_of_range, {
    "anyOf": [
        { "type": "integer", "minimum": 0 },
        { "type": "string", "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB)?\s*$" },
    ]
});
key_type!(String, not_chosen, { "type": "string" });
key_type!(AuthMode, never, { "type": "string" });
key_type!(bool, never, { "type": "boolean" });
key_type!(Vec<AuthIssuer>, never, {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["issuer", "algorithms"],
        "properties": {
            "issuer": one_or_many(),
            "audience": one_or_many(),
            "algorithms": one_or_many(),
            "secret": { "type": "string" },
            "secret_file": { "type": "string" },
            "public_key_file": { "type": "string" },
            "jwks_file": { "type": "string" },
            "jwks_url": { "type": "string" },
            "jwks_hosts": { "type": "array", "items": { "type": "string" } },
            "jwks_ca_file": { "type": "string" },
            "jwks_allow_http": { "type": "boolean" },
            "user_claim": { "type": "string" },
            "user_prefix": { "type": "string" },
            "require": { "type": "object", "additionalProperties": one_or_many() },
        },
    },
});
key_type!(Vec<String> Vec<Network>, never, { "type": "array", "items": { "type": "string" } });

/// A section from its rows, see [the module](self). What is `beside` them are fields that are no
/// keys. `at top` is the configuration itself, whose keys have no section in front of their names.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $(#[derive($($Derive:tt)*)])?
        pub struct $Section:ident at $place:ident:
        $(
            $(#[doc = $text:literal])+
            $key:ident: $Type:ty = $default:expr, $range:literal, $effect:ident $(+ $cost:ident)?
                $(, #[$serde:meta])*;
        )+
        $(beside { $( $(#[$beside:meta])+ $field:ident: $Field:ty, )+ })?
    ) => {
        $(#[doc = $about])+
        $(#[derive($($Derive)*)])?
        #[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $Section {
            $(
                $(#[doc = $text])+
                #[doc = ""]
                #[doc = concat!("Range: ", $range, ".")]
                $(#[$serde])*
                pub $key: $Type,
            )+
            $($( $(#[$beside])+ pub $field: $Field, )+)?
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)+ $($($field: Default::default(),)+)? }
            }
        }

        impl $Section {
            /// Its name, its text and its rows.
            pub(super) const SECTION: $crate::config::key::SectionKeys =
                $crate::config::key::SectionKeys {
                    #[cfg(feature = "schema")]
                    name: stringify!($place),
                    #[cfg(feature = "schema")]
                    text: concat!($($about),+),
                    keys: Self::KEYS,
                };
            const KEYS: &[$crate::config::key::Key] = &[$(
                $crate::config::key::Key {
                    path: section!(@path $place $key),
                    range: $range,
                    reloads: section!(@reloads $effect),
                    takes_memory: section!(@cost $($cost)?),
                    text: concat!($($text),+),
                    #[cfg(feature = "schema")]
                    schema: <$Type as $crate::config::key::KeyType>::schema,
                },
            )+];

            /// The values that are not in their ranges, and what is wrong with them.
            pub(super) fn out_of_range(&self) -> Vec<(&'static str, String)> {
                use $crate::config::key::KeyType as _;
                let problems = [$(self.$key.problem($range)),+];
                let paths = Self::KEYS.iter().map(|key| key.path);
                paths.zip(problems).filter_map(|(path, problem)| Some((path, problem?))).collect()
            }
        }
    };
    (@path top $key:ident) => { stringify!($key) };
    (@path $place:ident $key:ident) => { concat!(stringify!($place), ".", stringify!($key)) };
    (@reloads reload) => { true };
    (@reloads restart) => { false };
    (@cost memory) => { true };
    (@cost) => { false };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn range_is_bounds_or_a_choice_or_words() {
        let bounds = |or_zero, least, most| Range::Bounds { or_zero, least, most };
        for (text, range) in [
            ("1 to 1024 threads", bounds(false, "1", "1024")),
            ("0 to 1000 messages, at most `recipes.messages`", bounds(false, "0", "1000")),
            ("0 to 9, and more words", bounds(false, "0", "9")),
            ("0, or 32 to 1000000 messages", bounds(true, "32", "1000000")),
            ("`1ms` to `366d`", bounds(false, "1ms", "366d")),
            ("`text`, `json`", Range::Choice(vec!["text", "json"])),
            ("0 or more rooms", Range::Words),
            ("networks, such as `10.0.0.0/8` or `::1`", Range::Words),
            ("`HS256`; or of `RS256`, `RS384`", Range::Words),
            ("empty, or a path", Range::Words),
        ] {
            assert_eq!(Range::parse(text), range, "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_told_with_the_range() {
        let told = |value: usize, range| value.problem(range).unwrap_or_default();
        assert_eq!(told(0, "1 to 9 jobs"), "0 is out of range (1 to 9 jobs)");
        assert_eq!(told(9, "1 to 9 jobs"), "");
        assert_eq!(told(0, "0, or 32 to 99"), "");
        assert_eq!(told(31, "0, or 32 to 99"), "31 is out of range (0, or 32 to 99)");
        let told = Length::default().problem("`1ms` to `366d`");
        assert_eq!(told.unwrap(), "0s is out of range (1ms to 366d)");
        let told = "loud".to_owned().problem("`off`, `warn`");
        assert_eq!(told.unwrap(), "`loud` is none of off, warn");
    }

    #[test]
    fn every_bound_can_be_read_by_its_keys_type() {
        for key in Config::keys() {
            if let Range::Bounds { least, most, .. } = Range::parse(key.range) {
                let count = |text: &str| text.parse::<u64>().ok().map(u128::from);
                let length =
                    |text: &str| text.parse::<Length>().ok().map(|it| it.get().as_millis());
                let size = |text: &str| text.parse::<Size>().ok().map(|it| it.get() as u128);
                let read = |text| count(text).or_else(|| length(text)).or_else(|| size(text));
                assert!(read(least).unwrap() < read(most).unwrap(), "{}", key.path);
            }
            assert!(!key.text().is_empty(), "{}", key.path);
        }
    }
}
