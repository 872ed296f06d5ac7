//! Texts as data: recipes of each kind, and what is read of them. Each file is a group; a case is a
//! title, the fields that are expected, and the text.

use std::fmt::Write as _;

use crate::recipes::read::{ReadError, read};
use crate::recipes::{Draft, Ingredient};
use crate::testing::READER_PATTERNS;

/// A recipe as a case has it. A field that is not named is expected to be empty.
#[derive(Default)]
struct Case<'a> {
    name: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    ingredients: Vec<&'a str>,
    text: &'a str,
}

impl<'a> Case<'a> {
    fn parse(case: &'a str) -> Self {
        let (head, text) = case.split_once("\n~~~\n").unwrap_or_else(|| panic!("{case}"));
        let mut lines = head.lines();
        let mut parsed = Self { name: lines.next().unwrap_or_default(), text, ..Self::default() };
        for line in lines {
            match line.strip_prefix("- ") {
                Some(ingredient) => parsed.ingredients.push(ingredient),
                None => parsed.fields.push(line.split_once(": ").unwrap_or((line, ""))),
            }
        }
        parsed
    }

    fn field(&self, name: &str) -> &'a str {
        self.fields.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| *value)
    }

    /// The fields that are read, how many of them are right, and those that are not.
    fn score(&self, draft: &Draft) -> (usize, usize, String) {
        let minutes = |minutes: Option<u32>| minutes.map_or_else(String::new, |it| it.to_string());
        let is_one = |it: &&Ingredient| !it.is_heading();
        let lines: Vec<&str> =
            draft.ingredients.iter().filter(is_one).map(|it| &*it.text).collect();
        let groups = draft.ingredients.iter().filter(|it| it.is_heading());
        let groups = groups.map(|it| it.text.trim_end_matches(':')).collect::<Vec<_>>().join(", ");
        let mut fields = vec![
            ("title", self.field("title").to_owned(), draft.title.clone()),
            ("yield", self.field("yield").to_owned(), draft.yields.clone()),
            ("prep", self.field("prep").to_owned(), minutes(draft.prep_time_minutes)),
            ("cook", self.field("cook").to_owned(), minutes(draft.cook_time_minutes)),
            ("total", self.field("total").to_owned(), minutes(draft.total_time_minutes)),
            ("tags", self.field("tags").to_owned(), draft.tags.join(", ")),
            ("groups", self.field("groups").to_owned(), groups),
            ("steps", self.field("steps").to_owned(), draft.steps.len().to_string()),
            ("ingredients", self.ingredients.join("\n"), lines.join("\n")),
        ];
        fields.retain(|(_, wanted, read)| !(wanted.is_empty() && read.is_empty()));
        let mut wrong = String::new();
        for (name, wanted, read) in &fields {
            if !is_same(name, wanted, read) {
                let _ = writeln!(wrong, "{}: {name} {read:?}, not {wanted:?}", self.name);
            }
        }
        (fields.len() - wrong.lines().count(), fields.len(), wrong)
    }
}

/// Whether what was read is what was wanted. A number is enough for a yield, and the words of a group.
fn is_same(name: &str, wanted: &str, read: &str) -> bool {
    let has_number = || read.split(|c: char| !c.is_ascii_digit()).any(|digits| digits == wanted);
    match name {
        "yield" => wanted == read || has_number(),
        "groups" => wanted.split(", ").all(|group| read.contains(group)),
        "tags" => wanted.to_lowercase() == read.to_lowercase(),
        _ => wanted == read.replace('\u{a0}', " "),
    }
}

/// Reads the cases of a group, prints their score, and fails below `percent`.
#[track_caller]
fn assert_score(group: &str, file: &str, percent: usize) {
    let (mut right, mut all, mut wrong) = (0, 0, String::new());
    let cases = file.strip_prefix("=== ").unwrap_or(file).split("\n=== ").map(Case::parse);
    for case in cases {
        let draft = read(case.text).map(|reading| reading.draft);
        let (of_case, of_all, others) = case.score(&draft.unwrap_or_default());
        (right, all) = (right + of_case, all + of_all);
        wrong.push_str(&others);
    }
    println!("{group}: {right} of {all} fields\n{wrong}");
    assert!(right * 100 >= all * percent, "{right} of {all}\n{wrong}");
}

#[test]
fn english_texts_are_read() {
    assert_score("English", include_str!("cases/recipes_english.txt"), 98);
}

#[test]
fn texts_in_eight_other_languages_are_read() {
    assert_score("other languages", include_str!("cases/recipes_languages.txt"), 98);
}

#[test]
fn every_format_is_read() {
    assert_score("formats", include_str!("cases/recipes_formats.txt"), 100);
}

#[test]
fn phrases_are_taken_apart() {
    let (mut right, mut all, mut wrong) = (0, 0, String::new());
    for case in include_str!("cases/phrases.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = case.split('|').map(str::trim).collect();
        let [phrase, quantity, unit, name, note] = &*fields else { panic!("{case}") };
        let read = Ingredient::parse(phrase);
        let number = read.quantity.as_ref().map_or_else(String::new, ToString::to_string);
        let found = [&*number, read.unit.as_deref().unwrap_or_default(), &read.name, &read.note];
        for (found, wanted) in found.into_iter().zip([quantity, unit, name, note]) {
            all += 1;
            if found == *wanted {
                right += 1;
            } else {
                let _ = writeln!(wrong, "{phrase}: {found:?}, not {wanted:?}");
            }
        }
    }
    println!("phrases: {right} of {all} parts\n{wrong}");
    assert!(right * 100 >= all * 97, "{right} of {all}\n{wrong}");
}

#[test]
fn format_without_a_reader_is_refused_by_name() {
    for (text, error) in [
        ("%PDF-1.7\n...", ReadError::Unsupported("PDF")),
        ("{\\rtf1\\ansi Soup}", ReadError::Unsupported("RTF")),
        ("<?xml version=\"1.0\"?>\n<recipeml>", ReadError::Unsupported("RecipeML")),
        ("<mx2 source=\"MasterCook\">", ReadError::Unsupported("MasterCook XML (mx2)")),
        ("<?xml version=\"1.0\"?><a/>", ReadError::Unsupported("XML")),
        ("{\"@type\": \"Recipe\", \"name\"", ReadError::Malformed("JSON")),
        ("{\"@type\": \"Person\"}", ReadError::NoRecipe("this JSON")),
        ("---\ntitle: [\n---\nSoup", ReadError::Malformed("the front matter (YAML)")),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
}

/// If the work grew with the square of the text, or a reader called itself, this would not end.
#[test]
fn hostile_text_costs_what_its_length_does() {
    let heads = [
        "",
        "Soup\n\nIngredients:\n",
        "Soup\n\nIngredients:\n1 leek\n\nMethod:\n",
        "# A\n\n---\n\n- *1* a\n",
        ">> title: a\n",
        "---\n",
        "<html>",
        "* Exported from MasterCook *\n",
        "MMMMM----- Recipe via Meal-Master (tm)\n",
        "===== REZKONV\n",
        "{\"@type\":\"Recipe\",\"name\":\"",
    ];
    for pattern in READER_PATTERNS {
        for head in heads {
            let length =
                if head.is_empty() || head.starts_with("Soup") { 256 << 10 } else { 32 << 10 };
            let _ = read(&format!("{head}{}", pattern.repeat(length / pattern.len())));
        }
    }
}

#[test]
fn limits_name_what_they_cut() {
    let unread = |text: &str| read(text).unwrap().unread;
    let many = "1 egg\n".repeat(250);
    assert_eq!(unread(&format!("Soup\nIngredients:\n{many}")), ["more than 200 ingredients"]);
    assert_eq!(
        unread(&"Soup of leeks\n".repeat(5_000)),
        ["more than 200 steps", "the text after 1000 lines"]
    );
    let long = format!("Soup\n\n{}", "long text ".repeat(10_000));
    assert!(unread(&long).contains(&"the text after 64 KiB".to_owned()));
    assert_eq!(unread("Soup\n2 leeks\nPrint Recipe\nBoil."), ["“Print Recipe”"]);
}
