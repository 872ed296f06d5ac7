//! Words of the commands on fields, steps and tags, and of questions.

pub(super) const NAME_IT: &[&str] = &[
    "call it",
    "call this recipe",
    "call this",
    "call the recipe",
    "name it",
    "name this",
    "name this recipe",
    "name the recipe",
    "give it the name",
    "give it the title",
    "give this the name",
    "new name",
    "new title",
    "this is called",
    "it's called",
    "it is called",
];
pub(super) const TITLE: &[&str] = &["recipe title", "title", "name"];
pub(super) const YIELD: &[&str] = &["yield", "servings", "portions", "number of servings"];
pub(super) const PREP_TIME: &[&str] =
    &["prep time", "preparation time", "preparation", "prep", "time to prepare"];
pub(super) const COOK_TIME: &[&str] =
    &["cook time", "cooking time", "baking time", "bake time", "roasting time", "time to cook"];
pub(super) const TOTAL_TIME: &[&str] = &["total time", "overall time", "total cooking time"];
/// What is between the name of a field and its value.
pub(super) const IS: &[&str] = &["to", "is", "as", "should be", "should say", "of"];
pub(super) const PREPARES: &[&str] = &["prep", "prepare", "preparation", "preparing"];
pub(super) const COOKS: &[&str] =
    &["cook", "bake", "cooking", "baking", "roast", "roasting", "simmer"];
pub(super) const COOKS_FOR: &[&str] = &[
    "it cooks for",
    "it bakes for",
    "it roasts for",
    "it needs to cook for",
    "it needs to bake for",
    "it has to cook for",
    "it has to bake for",
    "cook it for",
    "bake it for",
    "cook for",
    "bake for",
    "roast for",
    "roast it for",
    "simmer for",
    "simmer it for",
];
pub(super) const TAKES: &[&str] = &["it takes", "this takes", "takes", "it needs"];

pub(super) const SHOW: &[&str] = &[
    "show", "list", "read", "print", "tell me", "give me", "what are", "what is", "what's",
    "what’s", "what", "which", "display", "view", "see", "read out",
];
/// Words behind what is shown.
pub(super) const OVER: &[&str] = &[
    "please",
    "again",
    "in it",
    "of this",
    "for this",
    "of it",
    "for it",
    "now",
    "here",
    "so far",
    "are there",
    "are in it",
    "are in this",
    "do i need",
    "do we need",
];
pub(super) const INGREDIENTS: &[&str] = &["ingredients", "ingredient list", "shopping list"];
pub(super) const STEPS: &[&str] = &["steps", "instructions", "directions", "method"];
pub(super) const TIMES: &[&str] =
    &["times", "prep time", "cook time", "cooking time", "preparation time"];
pub(super) const WHAT_IS_IN_IT: &[&str] = &[
    "what's in it",
    "what’s in it",
    "what is in it",
    "what do i need",
    "what's in this",
    "what’s in this",
    "what is in this",
    "what do we need",
];
/// Where the name of an ingredient ends in a question.
pub(super) const HOW_MUCH_ENDS: &[&str] =
    &[" do ", " is ", " are ", " does ", " should ", " goes ", " go ", " in ", " for ", " will "];

/// Words for a step.
pub(super) const STEP: &[&str] = &["step", "instruction", "direction", "steps"];
/// Words before that, where one is added.
pub(super) const NEW: &[&str] = &[
    "a new",
    "a",
    "new",
    "another",
    "the",
    "one more",
    "a final",
    "a last",
    "one last",
    "as a",
    "this as a",
    "the following",
    "an extra",
];
/// Words before a new step, without a verb.
pub(super) const ONE_MORE_STEP: &[&str] =
    &["new step", "next step", "one more step", "another step", "extra step", "step"];
pub(super) const FIRST_STEP: &[&str] = &[
    "a first step",
    "as first step",
    "as the first step",
    "as a first step",
    "a step at the beginning",
    "a step at the start",
    "a step at the top",
    "step at the beginning",
    "step at the start",
    "a step at the very beginning",
];
pub(super) const LAST_STEP: &[&str] =
    &["a step at the end", "step at the end", "as last step", "as the last step", "as a last step"];
pub(super) const EDIT_STEP: &[&str] =
    &["replace", "change", "edit", "rewrite", "update", "rephrase", "reword", "make", "set"];
/// Between a step and its new text.
pub(super) const STEP_SAYS: &[&str] = &["with", "to", "by", "as", "so it says", "so that it says"];
pub(super) const STEP_SHOULD_SAY: &[&str] =
    &["should be", "should say", "should read", "is now", "should now say"];
pub(super) const NOT_NEEDED: &[&str] =
    &["is not needed", "isn't needed", "is unnecessary", "can go", "should go"];
pub(super) const AT_THE_END: &[&str] = &[
    "after that",
    "afterwards",
    "in the end",
    "to finish",
    "at the end",
    "at the very end",
    "finally",
    "lastly",
    "as a last step",
    "as the last step",
];
pub(super) const AT_THE_START: &[&str] = &["first", "at the beginning", "at the start", "to begin"];
pub(super) const TOP: &[&str] = &[
    "the top",
    "the beginning",
    "the start",
    "the front",
    "top",
    "first",
    "the first place",
    "the first position",
];
pub(super) const BOTTOM: &[&str] =
    &["the end", "the bottom", "the last place", "end", "bottom", "last", "the last position"];

pub(super) const ADD_TAG: &[&str] = &[
    "add the tag",
    "add a tag",
    "add tag",
    "add the tags",
    "add tags",
    "new tag",
    "tag with",
    "label with",
];
pub(super) const TAG: &[&str] = &["tag", "tags", "label"];
pub(super) const REMOVE_TAG: &[&str] = &[
    "remove the tag",
    "remove tag",
    "delete the tag",
    "delete tag",
    "drop the tag",
    "untag",
    "untag it",
];
/// "Add winter as a tag".
pub(super) const AS_TAG: &[&str] = &[" as a tag", " as tag", " as tags", " to the tags"];
/// What asks for an amount beside "how much".
pub(super) const AMOUNT: &[&str] = &[
    "what's the amount of",
    "what’s the amount of",
    "what is the amount of",
    "what's the quantity of",
    "what is the quantity of",
];
pub(super) const DESCRIBE: &[&str] = &[
    "describe it as",
    "describe this as",
    "add a description:",
    "add the description",
    "add a description",
    "new description",
];
/// Questions whether an ingredient is in the recipe.
pub(super) const IS_THERE: &[&str] = &[
    "is there",
    "are there",
    "does it have",
    "does this have",
    "does it contain",
    "does this contain",
    "does it need",
    "does this need",
    "do i need",
    "do we need",
    "has it got",
];
