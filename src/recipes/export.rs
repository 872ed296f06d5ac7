//! Recipes as files: JSON, Markdown and schema.org's JSON-LD.

use serde::Serialize;
use serde_json::json;

use super::recipe::Recipe;
use super::schema_org;
use crate::node::Response;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExportFormat {
    Json,
    Markdown,
    SchemaOrg,
}

impl ExportFormat {
    /// Parses the name of a format.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Json, Self::Markdown, Self::SchemaOrg].into_iter().find(|one| one.name() == name)
    }

    /// Its name in a query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::SchemaOrg => "schema.org",
        }
    }

    fn response(self, content: Vec<u8>) -> Response {
        let (media, file) = match self {
            Self::Json => ("application/json", "attachment; filename=\"recipes.json\""),
            Self::Markdown => {
                ("text/markdown; charset=utf-8", "attachment; filename=\"recipes.md\"")
            }
            Self::SchemaOrg => ("application/ld+json", "attachment; filename=\"recipes.jsonld\""),
        };
        Response::new(200, media, content).with("Content-Disposition", file)
    }
}

/// One recipe.
pub(super) fn one(recipe: &Recipe, format: ExportFormat) -> Response {
    let content = match format {
        ExportFormat::Json => json_of(recipe),
        ExportFormat::Markdown => markdown(recipe),
        ExportFormat::SchemaOrg => {
            let mut object = schema_org::write(recipe);
            object.insert("@context".to_owned(), schema_org::CONTEXT.into());
            json_of(&object)
        }
    };
    format.response(content.into_bytes())
}

/// A page of recipes, with the `before` of the next one.
pub(super) fn all(recipes: &[Recipe], next: Option<&str>, format: ExportFormat) -> Response {
    let content = match format {
        ExportFormat::Json => json_of(&ExportPage { recipes, next }),
        ExportFormat::Markdown => {
            recipes.iter().map(markdown).collect::<Vec<_>>().join("\n---\n\n")
        }
        ExportFormat::SchemaOrg => {
            let graph: Vec<_> = recipes.iter().map(schema_org::write).collect();
            json!({ "@context": schema_org::CONTEXT, "@graph": graph }).to_string()
        }
    };
    format.response(content.into_bytes())
}

#[derive(Serialize)]
struct ExportPage<'a> {
    recipes: &'a [Recipe],
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Texts, numbers and lists of them: these do not refuse to be serialised.
fn json_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A recipe as CommonMark.
fn markdown(recipe: &Recipe) -> String {
    let mut text = format!("# {}\n", escaped(&recipe.title));
    let mut part = |lines: &[String]| {
        if !lines.is_empty() {
            text.push('\n');
            lines.iter().for_each(|line| text.extend([line, "\n"]));
        }
    };
    let minutes = |minutes: Option<u32>| minutes.map_or_else(String::new, |it| format!("{it} min"));
    let facts = [
        ("Yield", escaped(&recipe.yields)),
        ("Preparation time", minutes(recipe.prep_time_minutes)),
        ("Cooking time", minutes(recipe.cook_time_minutes)),
        ("Total time", minutes(recipe.total_time_minutes)),
        ("Tags", escaped(&recipe.tags.join(", "))),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    part(&facts.map(|(name, value)| format!("- {name}: {value}")).collect::<Vec<_>>());
    let lines = recipe.description.lines().map(escaped);
    part(&lines.collect::<Vec<_>>());
    if !recipe.ingredients.is_empty() {
        part(&["## Ingredients".to_owned()]);
        let lines = recipe.ingredients.iter().map(|it| format!("- {}", escaped(&it.text)));
        part(&lines.collect::<Vec<_>>());
    }
    if !recipe.steps.is_empty() {
        part(&["## Steps".to_owned()]);
        let lines = recipe.steps.iter().map(|it| format!("{}. {}", it.order, escaped(&it.text)));
        part(&lines.collect::<Vec<_>>());
    }
    text
}

/// The text on one line, without a meaning in Markdown (CommonMark, section 2.4).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' => {
                escaped.extend(['\\', c]);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    // What would make a list of a line, or a rule.
    if escaped.starts_with(['-', '+', '=']) {
        escaped.insert(0, '\\');
    }
    escaped
}
