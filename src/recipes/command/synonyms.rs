//! What people say for the same thing: the words of all commands. Those of amounts, of ingredients, and of
//! fields and steps are in files of their own.

pub(super) use super::amount_words::*;
pub(super) use super::field_words::*;
pub(super) use super::ingredient_words::*;

/// Words before a command that change nothing.
pub(super) const POLITE: &[&str] = &[
    "please",
    "can you",
    "could you",
    "would you",
    "will you",
    "can i",
    "could i",
    "can we",
    "could we",
    "hey",
    "hi",
    "hello",
    "ok",
    "okay",
    "now",
    "then",
    "and",
    "so",
    "let's",
    "let’s",
    "let us",
    "i want to",
    "i'd like to",
    "i’d like to",
    "i would like to",
    "i'd love to",
    "i’d love to",
    "i need to",
    "i want you to",
    "we want to",
    "we need to",
    "just",
    "kindly",
    "pls",
    "also",
    "we should",
    "you should",
    "go ahead and",
    "actually",
    "maybe",
    "oops",
    "sorry",
    "what if",
    "how about",
    "what about",
    "never mind",
    "that was wrong",
    "that's wrong",
    "that’s wrong",
];
/// Words behind a command that change nothing.
pub(super) const POLITE_ENDS: &[&str] = &[
    "please",
    "thanks",
    "thank you",
    "pls",
    "for me",
    "thx",
    "instead please",
    "instead",
    "again please",
    "if possible",
    "now",
    "from now on",
    "would you",
];
/// Whole messages, and the command that they mean.
pub(super) const PHRASES: &[(&[&str], &str)] = &[
    (
        &["just for me", "only for me", "for me alone", "for myself", "just me"],
        "scale to 1 serving",
    ),
    (
        &[
            "for the two of us",
            "just the two of us",
            "for a couple",
            "for me and my wife",
            "for my wife and me",
            "for me and my husband",
            "for my husband and me",
            "for me and my partner",
            "for my partner and me",
            "for me and a friend",
        ],
        "scale to 2 servings",
    ),
    (&["put it back", "change it back", "bring it back", "put that back"], "undo"),
    (&["what do i need to buy", "what should i buy", "what goes in it"], "show the ingredients"),
    (&["how do i make it", "how do i cook it", "how do i make this"], "show the steps"),
    (&["how do i cook this", "how is it made", "what do i do"], "show the steps"),
    (
        &["how many does it serve", "how many does this serve", "what does it make"],
        "show the yield",
    ),
    (&["how much does it make", "how many does it make"], "show the yield"),
    (&["how long does it cook", "how long do i cook it", "what's the cook time"], "show the times"),
    (&["how long does it bake", "what's the prep time", "how long will it take"], "show the times"),
    (&["how long do i bake it", "how long do i cook this"], "show the times"),
];
/// Words for the recipe as a whole.
pub(super) const WHOLE: &[&str] = &[
    "the whole recipe",
    "the whole thing",
    "the entire recipe",
    "the recipe",
    "this recipe",
    "my recipe",
    "our recipe",
    "recipe",
    "everything",
    "it",
    "this",
    "that",
    "all",
    "all of it",
    "all of this",
    "all ingredients",
    "all the ingredients",
    "all of the ingredients",
    "the ingredients",
    "the amounts",
    "the quantities",
    "all amounts",
    "all quantities",
    "all the amounts",
    "the lot",
];
pub(super) const UNDO: &[&str] = &[
    "undo",
    "undo that",
    "undo it",
    "undo this",
    "undo the last change",
    "undo last change",
    "undo my last change",
    "undo the last thing",
    "undo the last step you did",
    "revert",
    "revert that",
    "revert it",
    "revert to the previous version",
    "take that back",
    "take it back",
    "go back",
    "undo the change",
    "undo the last one",
    "undo last",
    "revert the last change",
    "take the last change back",
    "cancel that",
    "back",
];
pub(super) const REDO: &[&str] = &[
    "redo",
    "redo that",
    "redo it",
    "redo this",
    "redo the change",
    "redo the last change",
    "redo my last change",
    "undo the undo",
    "undo the last undo",
    "revert the undo",
    "take the undo back",
    "put the change back",
    "bring the change back",
];
pub(super) const HELP: &[&str] = &[
    "help",
    "help me",
    "what can you do",
    "what can you do for me",
    "what can i do",
    "what can i say",
    "what can i ask",
    "commands",
    "what are the commands",
    "show the commands",
    "list the commands",
    "usage",
    "how does this work",
    "how do i use this",
    "what do you understand",
];
pub(super) const EXCHANGE: &[&str] = &[
    "replace",
    "swap out",
    "swap",
    "switch out",
    "switch",
    "exchange",
    "substitute",
    "sub in",
    "sub",
    "change",
    "turn",
];
/// "No butter, use oil", "not beef but lamb".
pub(super) const NOT: &[&str] = &["no", "not", "without"];
pub(super) const BUT: [&str; 6] =
    [", use ", ", take ", ", but ", " but use ", " but take ", " but "];
/// Words before the new ingredient.
pub(super) const NEW_ONE: &[&str] = &[
    "use",
    "take",
    "put in",
    "i have",
    "i only have",
    "only",
    "make it with",
    "make this with",
    "do it with",
    "cook it with",
    "have",
    "i want",
    "i'd like",
    "i’d like",
    "with",
];
/// "I'd rather have lamb than beef", "I prefer lamb to beef"
pub(super) const RATHER: &[&str] = &[
    "i'd rather have",
    "i’d rather have",
    "i would rather have",
    "i'd rather use",
    "i’d rather use",
    "i would rather use",
    "rather use",
    "we'd rather have",
    "i prefer",
    "we prefer",
];
/// What is between the new and the old ingredient.
pub(super) const INSTEAD_OF: &[&str] = &["instead of", "in place of", "rather than", "in lieu of"];
/// A message that begins with one of these asks something.
pub(super) const QUESTION: &[&str] =
    &["what", "which", "how", "is", "are", "does", "do", "should", "why", "when", "where", "who"];
/// Verbs that set the amount of one ingredient.
pub(super) const USE: &[&str] = &[
    "make it",
    "make that",
    "use",
    "take",
    "put",
    "i have",
    "i only have",
    "i've got",
    "i want",
    "we want",
    "i only want",
    "i need",
    "we need",
    "we have",
    "we only have",
    "only",
];
/// Verbs that set a field or an amount.
pub(super) const SET: &[&str] = &["set", "change", "update", "make", "edit"];
/// Verbs that set an amount, before "to".
pub(super) const SET_TO: &[&str] = &[
    "set", "update", "increase", "reduce", "decrease", "raise", "lower", "make", "bump", "cut",
    "adjust",
];
pub(super) const MORE: &[&str] = &["increase", "raise", "bump up", "bump"];
pub(super) const LESS: &[&str] = &["reduce", "decrease", "lower", "cut", "cut back"];
/// "Garlic too".
pub(super) const TOO: &[&str] = &[" too", " as well"];
/// What cannot be the name of an ingredient: "me too", "that is too".
pub(super) const NO_NAMES: &[&str] = &[
    "me", "you", "it", "that", "this", "they", "he", "she", "we", "i", "not", "is", "are", "do",
    "the", "my", "what", "how", "why", "can", "so", "one", "make", "use", "remove", "change",
];
pub(super) const ANOTHER: &[&str] = &["another", "one more", "an extra", "an additional"];

/// The recipe, as something to delete.
pub(super) const RECIPE: &[&str] = &[
    "this recipe",
    "the recipe",
    "my recipe",
    "recipe",
    "this whole recipe",
    "the whole recipe",
    "the entire recipe",
    "the whole thing",
    "this",
    "it",
    "everything",
    "all",
    "this chat",
    "the chat",
];
