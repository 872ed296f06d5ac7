//! Tables of Markdown: each row becomes a line, with the amount before the name.

use crate::recipes::languages::is_word;
use crate::recipes::quantity::Number;

/// The cells of a row: `| 200 g | oats |`. `None` when the line is no row.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim();
    if !inner.contains('|') {
        return None;
    }
    let inner = inner.strip_prefix('|').unwrap_or(inner);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    Some(inner.split('|').map(str::trim).collect())
}

/// Whether a line separates the head of a table from its rows: `| --- | :-: |`.
pub(super) fn is_separator(line: &str) -> bool {
    let is_rule = |cell: &&str| {
        let dashes = cell.trim_start_matches(':').trim_end_matches(':');
        !dashes.is_empty() && dashes.chars().all(|c| c == '-')
    };
    line.contains('|') && cells(line).is_some_and(|cells| cells.iter().all(is_rule))
}

/// The columns of a table of ingredients.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The columns with amounts, in their order.
    amounts: Vec<usize>,
}

impl Columns {
    /// What the head of a table says.
    pub(super) fn of(head: &[&str]) -> Self {
        let is_amount = |cell: &str| AMOUNTS.iter().any(|name| is_word(cell, name));
        let columns = (0..).zip(head).filter(|(_, cell)| is_amount(cell.trim_matches(['*', '_'])));
        Self { amounts: columns.map(|(index, _)| index).collect() }
    }

    /// A row as the line of a list.
    pub(super) fn line(&self, cells: &[&str]) -> String {
        let begins = |cell: &&str| Number::parse(cell).is_some();
        let is_behind = !cells.first().is_some_and(begins) && cells.get(1).is_some_and(begins);
        let amounts = match &*self.amounts {
            [] if is_behind => vec![1],
            amounts => amounts.to_vec(),
        };
        let (first, others): (Vec<_>, Vec<_>) =
            (0..).zip(cells).partition(|(index, _)| amounts.contains(index));
        let cells = first.into_iter().chain(others).map(|(_, cell)| *cell);
        let cells = cells.filter(|cell| !cell.is_empty() && !["-", "–", "—"].contains(cell));
        cells.collect::<Vec<_>>().join(" ")
    }
}

/// What columns with amounts and units are called.
const AMOUNTS: &[&str] = &[
    "amount",
    "amounts",
    "quantity",
    "qty",
    "qty.",
    "unit",
    "units",
    "measure",
    "weight",
    "grams",
    "menge",
    "einheit",
    "quantité",
    "quantités",
    "unité",
    "cantidad",
    "unidad",
    "quantità",
    "unità",
    "dose",
    "dosi",
    "quantidade",
    "unidade",
    "hoeveelheid",
    "eenheid",
    "mängd",
    "enhet",
    "分量",
    "数量",
];
