//! Passwords that are among the first that anybody tries.
//!
//! Most of them are made in a few ways: a common word with a few digits or signs around it, two
//! such words, digits that are a date, neighbours on the keyboard, something short repeated, or the
//! account's own email. Rules that know these ways refuse more than a list of the same size would.

/// Words of which easily guessed passwords are made: names, teams, seasons, what people like.
const WORDS: &str = include_str!("common/words.txt");
/// Neighbours in the alphabet and on keyboards.
const WALKS: [&str; 13] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl;",
    "zxcvbnm,./",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
];
/// The shortest part of a walk that is one.
const MIN_WALK: usize = 3;
/// A password that differs from what is common in more characters than these is not common.
const MAX_AROUND: usize = 6;
/// A longer text is no common word, nor two.
const MAX_CORE: usize = 24;

/// Is this password easily guessed, by anybody or by whoever knows the email?
pub(super) fn is_easily_guessed(password: &str, email: &str) -> bool {
    let text: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    let letters: String = text.iter().filter(|letter| letter.is_alphanumeric()).collect();
    has_few_characters(&text)
        || is_date(&text)
        || is_walk(&text)
        || is_of_email(&letters, email)
        || is_common(&text)
        || repeated(&text).is_some_and(is_common)
}

fn has_few_characters(text: &[char]) -> bool {
    let mut seen = text.to_vec();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 3 || repeated(text).is_some_and(|unit| unit.len() <= 4)
}

/// The shortest text of which the whole consists, if that is repeated.
fn repeated(text: &[char]) -> Option<&[char]> {
    let unit = (1..=text.len() / 2).find(|&length| {
        text.len().is_multiple_of(length) && text.chunks(length).all(|part| text.starts_with(part))
    })?;
    text.get(..unit)
}

/// Digits, as in `19900101`, `01.01.1990` or a number of a phone.
fn is_date(text: &[char]) -> bool {
    text.len() <= 10
        && text.iter().all(|&letter| letter.is_ascii_digit() || " .-/".contains(letter))
}

/// Does the whole consist of walks, in either direction?
fn is_walk(text: &[char]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let step = |length: &usize| rest.get(..*length).is_some_and(is_one_walk);
        let Some(length) = (MIN_WALK..=rest.len()).rev().find(step) else { return false };
        rest = rest.get(length..).unwrap_or_default();
    }
    true
}

fn is_one_walk(text: &[char]) -> bool {
    let forward: String = text.iter().collect();
    let backward: String = text.iter().rev().collect();
    WALKS.iter().any(|walk| walk.contains(&forward) || walk.contains(&backward))
}

/// The email, what is before its `@`, or its host's name, with a few characters around it.
fn is_of_email(letters: &str, email: &str) -> bool {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let host = domain.split('.').next().unwrap_or_default();
    [email, local, host].into_iter().any(|part| {
        let part: String = part.chars().filter(|letter| letter.is_alphanumeric()).collect();
        let around = letters.len().saturating_sub(part.len());
        part.len() >= 3 && around <= MAX_AROUND && letters.contains(&part)
    })
}

/// A common word or two, with a few digits and signs around them.
fn is_common(text: &[char]) -> bool {
    let is_around = |letter: &&char| !letter.is_alphabetic();
    let before = text.iter().take_while(is_around).count();
    let after = text.iter().rev().take_while(is_around).count();
    // Nothing but digits and signs.
    if before == text.len() {
        return false;
    }
    // A sign may stand for a letter at either end: `$ummer`, `drag0n` and `trustno1`.
    [(before, after), (0, after), (before, 0), (0, 0)].into_iter().any(|(before, after)| {
        let core = text.get(before..text.len().saturating_sub(after)).unwrap_or_default();
        before + after <= MAX_AROUND && core.len() <= MAX_CORE && is_words(core)
    })
}

/// One word, or two. Letters may be written as digits, as in `p4ssw0rd`.
fn is_words(text: &[char]) -> bool {
    ['i', 'l'].into_iter().any(|one| {
        let plain = |letter: &char| match letter {
            '0' => 'o',
            '1' | '!' => one,
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            letter => *letter,
        };
        let text: String = text.iter().map(plain).filter(|letter| letter.is_alphabetic()).collect();
        is_word(&text)
            || text.char_indices().any(|(at, _)| {
                text.split_at_checked(at).is_some_and(|(one, other)| is_word(one) && is_word(other))
            })
    })
}

fn is_word(text: &str) -> bool {
    WORDS.split_ascii_whitespace().any(|word| word == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "ann.lee@bakery.example";

    #[test]
    fn what_anybody_tries_first_is_refused() {
        for password in [
            "password",
            "Password1",
            "P4$$w0rd!",
            "passwordpassword",
            "letmein123",
            "Summer2024!",
            "$ummer2024",
            "trustno1",
            "iloveyou2",
            "i love you",
            "dragonmonkey",
            "12345678",
            "87654321",
            "19900101",
            "01.01.1990",
            "qwertyuiop",
            "qwerty12345",
            "1qaz2wsx",
            "zxcvbnm,./",
            "abcd1234",
            "qweasdzxc",
            "aaaaaaaa",
            "abababab",
            "abcdabcd",
            "!!!!!!!!",
        ] {
            assert!(is_easily_guessed(password, EMAIL), "{password}");
        }
    }

    #[test]
    fn own_email_is_refused() {
        for password in ["ann.lee@bakery.example", "annlee2024", "Ann.Lee!!", "1bakery1"] {
            assert!(is_easily_guessed(password, EMAIL), "{password}");
        }
        assert!(!is_easily_guessed("joannleesomething", EMAIL));
    }

    #[test]
    fn password_that_takes_guessing_is_accepted() {
        for password in [
            "correct horse",
            "a good one",
            "a long password",
            "tH7#kq2!",
            "83749201847",
            "password83749201",
            "hydrant plinth",
            "äaäößöüuüxyz",
            "ßsiebenundzwanzig",
            "zq🦀vw🦀kx",
        ] {
            assert!(!is_easily_guessed(password, EMAIL), "{password}");
        }
    }

    #[test]
    fn words_are_sorted_and_differ() {
        let words: Vec<_> = WORDS.split_ascii_whitespace().collect();
        assert!(words.is_sorted_by(|a, b| a < b) && words.iter().all(|word| word.len() >= 3));
    }
}
