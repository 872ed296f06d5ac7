//! The recipe chat: whatever is pasted or said, the recipe keeps its bounds and loses no text. Each
//! message is read as plain text and in one of the other formats.

use vestibule::recipes::bounds::MAX_RECIPE_BYTES;
use vestibule::recipes::{AssistantReply, Draft, ReadRecipe, Recipe, answer, read};
use vestibule::time::UnixTime;

/// What a chat message holds.
const MAX_CHARS: usize = 16_384;
/// Between the messages of a conversation.
const NEXT: char = '\u{1e}';

/// The input is a conversation, its messages parted by the record separator (0x1e).
///
/// # Panics
/// When a change breaks a bound of the recipe or touches its identity, when a recipe does not
/// survive being written and read again, or when a long word of a paste is nowhere in its draft.
pub fn recipe(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let draft = Draft { title: "Soup".to_owned(), ..Draft::default() };
    let Ok(mut recipe) = Recipe::new("r1", draft, UnixTime::default()) else { return };
    for (millis, content) in (1..).zip(text.split(NEXT)) {
        if content.chars().count() > MAX_CHARS {
            continue;
        }
        in_every_format(content);
        if let AssistantReply::Change { recipe: changed, content } =
            answer(&recipe, content, UnixTime::from_millis(millis))
        {
            assert_eq!(changed.check(), Ok(()));
            assert_eq!((&changed.id, &changed.created_at), (&recipe.id, &recipe.created_at));
            assert!(*changed != recipe && !content.is_empty());
            let json = serde_json::to_string(&changed).unwrap_or_default();
            assert!(json.len() <= MAX_RECIPE_BYTES);
            assert_eq!(serde_json::from_str(&json).ok().as_ref(), Some(&*changed));
            recipe = *changed;
        }
    }
}

/// Reads a text as it is, and as another format has it.
///
/// # Panics
/// When a draft breaks a bound, or plain text loses a long word.
fn in_every_format(content: &str) {
    // As it is, and in one other format: which one depends on the text, so that a run stays short.
    let other = 1 + content.len() % (FORMATS.len() - 1);
    let tried = FORMATS.into_iter().enumerate().filter(|(index, _)| [0, other].contains(index));
    for (index, (before, after)) in tried {
        let text = format!("{before}{content}{after}");
        let Ok(reading) = read(&text) else { continue };
        if index == 0 && !content.contains(['<', '@', '{', '&', '*', '-', '=', '\\']) {
            keeps_long_words(content, &reading);
        }
        let draft = Draft { title: "Soup".to_owned(), ..reading.draft };
        if let Err(fault) = Recipe::new("r1", draft, UnixTime::default()) {
            // Parts that fit may be too much together.
            assert_eq!(fault.field, "recipe", "{fault}");
        }
    }
}

/// What precedes and follows a text that is read by each reader.
const FORMATS: [(&str, &str); 11] = [
    ("", ""),
    ("---\n", "\n---\nSoup\n"),
    ("---\ntitle: Soup\n---\n", ""),
    ("# Soup\n\n---\n\n- *1* leek\n", ""),
    (">> title: Soup\n", ""),
    ("MMMMM----- Recipe via Meal-Master (tm) v8.05\n", ""),
    ("* Exported from MasterCook *\n", ""),
    ("===== REZKONV-Rezept\n", ""),
    ("<html><body><h1>Soup</h1>", "</body></html>"),
    ("<script type=\"application/ld+json\">", "</script>"),
    (
        "{\"@type\":\"Recipe\",\"name\":\"Soup\",\"recipeInstructions\":\"",
        "\",\"recipeIngredient\":\"1 leek\"}",
    ),
];

/// No word of ours has so many letters: one that long is somebody's text.
fn keeps_long_words(text: &str, reading: &ReadRecipe) {
    let ReadRecipe { draft, unread } = reading;
    let ingredients = draft.ingredients.iter().map(|ingredient| ingredient.text.as_str());
    let kept = [draft.title.as_str(), &draft.yields, &draft.description]
        .into_iter()
        .chain(draft.tags.iter().map(String::as_str))
        .chain(ingredients)
        .chain(draft.steps.iter().map(String::as_str))
        .chain(unread.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("\n");
    for word in text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 14) {
        assert!(kept.contains(word), "{word:?} of {text:?} is lost");
    }
}
