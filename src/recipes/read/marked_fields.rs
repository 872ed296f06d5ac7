//! Parts of a page that its markup names: microdata with the terms of schema.org (`itemprop`),
//! h-recipe (<https://microformats.org/wiki/h-recipe>), and the recipe cards of blogs.

use html5gum::StartTag;
use serde_json::{Map, Value, json};

/// What a part of a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    /// All of the recipe, beside what the page says about it.
    Recipe,
    /// A field of the recipe, by the name that JSON-LD has for it.
    Named(&'static str),
    /// Another thing, whose fields are not those of the recipe: an author, a review.
    Other,
}

/// A part whose end has not been reached.
#[derive(Debug)]
struct OpenField {
    kind: FieldKind,
    /// The name of its element, and how many of that name are open in it.
    element: Vec<u8>,
    nested: u32,
    /// Where it begins in the text of the page.
    start: usize,
}

/// Collects the named parts of a page.
#[derive(Debug, Default)]
pub(super) struct MarkedFields {
    open: Vec<OpenField>,
    /// The fields in their order, and whether any comes from an attribute of microdata or h-recipe.
    found: Vec<(&'static str, String)>,
    /// Where the first card with a recipe is in the text.
    recipe: Option<(usize, usize)>,
    is_h_recipe: bool,
}

impl MarkedFields {
    /// Takes the beginning of an element, at `start` of the text. Returns whether it is a part.
    pub(super) fn begin(&mut self, tag: &StartTag<()>, start: usize) -> bool {
        let element: &[u8] = &tag.name;
        let is_void = tag.self_closing || VOID.contains(&element);
        if !is_void {
            for open in self.open.iter_mut().filter(|open| open.element == element) {
                open.nested = open.nested.saturating_add(1);
            }
        }
        let Some(kind) = self.kind(tag) else { return false };
        let value =
            ["content", "datetime"].iter().find_map(|name| tag.attributes.get(name.as_bytes()));
        if let (FieldKind::Named(name), Some(value)) = (kind, value) {
            self.push(name, &String::from_utf8_lossy(value));
            return false;
        }
        let is_taken = !is_void && self.open.len() < MAX_OPEN;
        if is_taken {
            self.open.push(OpenField { kind, element: element.to_vec(), nested: 1, start });
        }
        is_taken
    }

    /// Takes the end of an element. Returns whether it was a part.
    pub(super) fn end(&mut self, element: &[u8], text: &str) -> bool {
        for open in self.open.iter_mut().filter(|open| open.element == element) {
            open.nested = open.nested.saturating_sub(1);
        }
        let mut is_part = false;
        while self.open.last().is_some_and(|open| open.nested == 0) {
            let Some(open) = self.open.pop() else { break };
            is_part = true;
            match open.kind {
                FieldKind::Named(name) => {
                    self.push(name, text.get(open.start..).unwrap_or_default())
                }
                FieldKind::Recipe => {
                    self.recipe = self.recipe.or(Some((open.start, text.len())));
                }
                FieldKind::Other => {}
            }
        }
        is_part
    }

    fn push(&mut self, name: &'static str, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.found.len() < MAX_FOUND {
            self.found.push((name, text.to_owned()));
        }
    }

    fn kind(&mut self, tag: &StartTag<()>) -> Option<FieldKind> {
        if tag.attributes.is_empty() {
            return None;
        }
        let attribute = |name: &str| {
            let value = tag.attributes.get(name.as_bytes());
            value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let (property, classes) = (attribute("itemprop"), attribute("class"));
        let is_recipe_type = attribute("itemtype").trim_end_matches('/').ends_with("/Recipe");
        self.is_h_recipe |= classes.split_whitespace().any(|it| it == "h-recipe");
        if is_recipe_type || classes.split_whitespace().any(|it| CARDS.contains(&it)) {
            return Some(FieldKind::Recipe);
        }
        let is_inside_other = self.open.iter().any(|open| open.kind == FieldKind::Other);
        let is_within = |name| self.open.iter().any(|open| open.kind == FieldKind::Named(name));
        let named = |names: &[(&str, &'static str)], text: &str| {
            let names =
                names.iter().filter(|(name, _)| text.split_whitespace().any(|it| it == *name));
            names.map(|(_, field)| *field).next()
        };
        if is_inside_other {
            return None;
        }
        if let Some(field) = named(PROPERTIES, &property) {
            // A step has a name and a text of its own.
            return (!is_within("recipeInstructions")).then_some(FieldKind::Named(field));
        }
        if !property.is_empty() && tag.attributes.contains_key(&b"itemscope"[..]) {
            return (!is_within("recipeInstructions")).then_some(FieldKind::Other);
        }
        let classes = named(CLASSES, &classes).filter(|_| self.is_h_recipe);
        classes.map(FieldKind::Named)
    }

    /// The recipe in the form of JSON-LD. `None` unless the page names ingredients and steps.
    pub(super) fn recipe(&self) -> Option<Value> {
        let mut fields = Map::new();
        for (name, text) in &self.found {
            let is_list = ["recipeIngredient", "recipeInstructions", "recipeCategory", "keywords"]
                .contains(name);
            let value = fields.entry(*name).or_insert_with(|| json!([]));
            if let Value::Array(items) = value
                && (is_list || items.is_empty())
            {
                items.push(Value::String(text.clone()));
            }
        }
        fields.insert("@type".to_owned(), json!("Recipe"));
        let has = |name: &str| fields.contains_key(name);
        let is_whole = has("recipeIngredient") && has("recipeInstructions");
        is_whole.then_some(Value::Object(fields))
    }

    /// Where the text of the recipe's card begins and ends.
    pub(super) fn card(&self) -> Option<(usize, usize)> {
        self.recipe
    }
}

/// Properties of microdata, and their names in JSON-LD.
const PROPERTIES: &[(&str, &str)] = &[
    ("name", "name"),
    ("recipeIngredient", "recipeIngredient"),
    ("ingredients", "recipeIngredient"),
    ("recipeInstructions", "recipeInstructions"),
    ("recipeYield", "recipeYield"),
    ("prepTime", "prepTime"),
    ("cookTime", "cookTime"),
    ("totalTime", "totalTime"),
    ("description", "description"),
    ("recipeCategory", "recipeCategory"),
    ("recipeCuisine", "recipeCuisine"),
    ("keywords", "keywords"),
];
/// Classes of h-recipe, and of hRecipe before it.
const CLASSES: &[(&str, &str)] = &[
    ("p-name", "name"),
    ("p-ingredient", "recipeIngredient"),
    ("e-instructions", "recipeInstructions"),
    ("p-yield", "recipeYield"),
    ("dt-duration", "totalTime"),
    ("p-summary", "description"),
    ("p-category", "recipeCategory"),
];
/// Classes of the element that a blog has its recipe in.
const CARDS: &[&str] = &[
    "wprm-recipe-container",
    "tasty-recipes",
    "mv-create-card",
    "easyrecipe",
    "recipe-card",
    "zlrecipe-container-border",
];
/// Elements that have no end.
const VOID: &[&[u8]] = &[b"meta", b"link", b"img", b"br", b"hr", b"input", b"source", b"wbr"];
/// The most parts that are open at once, and that are found.
const MAX_OPEN: usize = 16;
const MAX_FOUND: usize = 1_000;
