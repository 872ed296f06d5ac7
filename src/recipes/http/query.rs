//! The queries of requests: their parameters, each of which the path has to know.

use super::responses::{bad_field, invalid_page};
use super::routes::is_id;
use crate::node::Response;
use crate::recipes::export::ExportFormat;
use crate::recipes::storage::list::{ListOrder, ListQuery};

/// The largest page.
const MAX_PAGE: usize = 200;
/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;

/// The decoded parameters of a query, each at most once.
#[derive(Debug)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Parses a query as forms write it (the URL standard, section 5.1).
    ///
    /// # Errors
    /// 400 that names a parameter that is not in `known`, or comes twice, or is malformed.
    pub(crate) fn parse(query: &str, known: &[&'static str]) -> Result<Self, Response> {
        let mut parameters: Vec<(&'static str, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| bad_field("query", MALFORMED))?;
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                let name: String = name.chars().take(100).collect();
                return Err(bad_field(&name, "is not a parameter of this path"));
            };
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(bad_field(name, "must be there once"));
            }
            let value = decode(value).ok_or_else(|| bad_field(name, MALFORMED))?;
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The value of this parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The `limit` of a page.
    ///
    /// # Errors
    /// 400 when it is out of its range.
    pub(crate) fn limit(&self) -> Result<usize, Response> {
        let Some(text) = self.text("limit") else { return Ok(MAX_PAGE) };
        let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
        limit.ok_or_else(|| bad_field("limit", "must be a number of 1 to 200"))
    }

    /// The `before` of a page: the id of a recipe.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(crate) fn before(&self) -> Result<Option<String>, Response> {
        let before = self.text("before").map(str::to_owned);
        if before.as_deref().is_some_and(|id| !is_id(id)) {
            Err(invalid_page())
        } else {
            Ok(before)
        }
    }

    /// The `before` of a page of messages: a number, or the end.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(crate) fn before_message(&self) -> Result<i64, Response> {
        let Some(text) = self.text("before") else { return Ok(i64::MAX) };
        let number = text.parse().ok().filter(|number: &i64| *number > 0);
        number.ok_or_else(|| bad_field("before", "must be the `next` of another page"))
    }

    /// The `format` of an export.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(crate) fn format(&self) -> Result<ExportFormat, Response> {
        self.text("format")
            .map_or(Some(ExportFormat::Json), ExportFormat::parse)
            .ok_or_else(|| bad_field("format", "must be json, markdown or schema.org"))
    }

    /// The parameters of a list of recipes: `limit`, `before`, `q` and `sort`.
    ///
    /// # Errors
    /// 400 that names the first invalid one.
    pub(crate) fn of_list(&self) -> Result<ListQuery, Response> {
        let limit = self.limit()?;
        let before = self.before()?;
        let order = self
            .text("sort")
            .map_or(Some(ListOrder::NEWEST), ListOrder::parse)
            .ok_or_else(|| {
                bad_field("sort", "must be created, updated or title, or one of them behind a -")
            })?;
        let search = self.text("q").unwrap_or_default();
        if search.chars().count() > MAX_SEARCH_CHARS {
            return Err(bad_field("q", "must be a text of at most 200 characters"));
        }
        let words = search.split_whitespace().map(str::to_lowercase).collect();
        Ok(ListQuery { limit, before, order, words, has_members: false })
    }
}

const MALFORMED: &str = "must be percent-encoded UTF-8";

/// Decodes percent-encoding, and `+` for a space. `None`: it is malformed.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::storage::list::OrderBy;

    const LIST: &[&str] = &["limit", "before", "q", "sort"];

    fn list(query: &str) -> Result<ListQuery, Response> {
        Query::parse(query, LIST)?.of_list()
    }

    #[test]
    fn query_is_decoded_and_bounded() {
        let all = list("").unwrap();
        assert_eq!((all.limit, all.before, all.order), (200, None, ListOrder::NEWEST));
        let some = list("limit=7&before=abc&sort=-title&q=+Z%C3%BCrich%20pie&").unwrap();
        assert_eq!((some.limit, some.before.as_deref()), (7, Some("abc")));
        assert_eq!(some.order, ListOrder { by: OrderBy::Title, is_descending: true });
        assert_eq!(some.words, ["zürich", "pie"]);
    }

    #[test]
    fn invalid_parameter_is_named() {
        let long = format!("q={}", "a".repeat(201));
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("limit=-1", "limit"),
            ("limit", "limit"),
            ("before=", "before"),
            ("before=a/b", "before"),
            ("limit=1&limit=1", "limit"),
            ("sort=size", "sort"),
            ("sort=--title", "sort"),
            (long.as_str(), "q"),
            ("q=%", "q"),
            ("q=%C3", "q"),
            ("q=%zz", "q"),
            ("Limit=1", "Limit"),
            ("offset=1", "offset"),
            ("%6fffset", "offset"),
            ("%=1", "query"),
        ] {
            let refused = list(query).unwrap_err();
            let body = String::from_utf8(refused.body.into_owned()).unwrap();
            assert_eq!(refused.status, 400, "{query}");
            assert!(body.contains(&format!(r#""message":"`{name}` "#)), "{query}: {body}");
        }
    }
}
