//! Cases as data: what people write, and what the assistant makes of it. Each file is a kind of
//! cases, a line is one of them, and its first field is its group.

use std::collections::BTreeMap;

use crate::recipes::{AssistantReply, Draft, Ingredient, Recipe, Step, answer};
use crate::time::UnixTime;

/// The fields of every case of a file.
pub(super) fn cases(file: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split("| ").map(str::trim).collect())
}

/// Counts right cases by group, and fails with those that are not.
#[derive(Default)]
pub(super) struct Score {
    groups: BTreeMap<String, (usize, usize)>,
    wrong: Vec<String>,
}

impl Score {
    pub(super) fn count(&mut self, case: &[&str], result: Result<(), String>) {
        let (right, all) = self.groups.entry(case[0].to_owned()).or_default();
        *all += 1;
        match result {
            Ok(()) => *right += 1,
            Err(said) => self.wrong.push(format!("{}: {said}", case.join(" | "))),
        }
    }

    #[track_caller]
    fn assert_full(&self) {
        self.assert_share(100);
    }

    /// Fails if fewer than so many in a hundred of all cases are right, and prints the score.
    #[track_caller]
    pub(super) fn assert_share(&self, percent: usize) {
        let scores = self.groups.iter().map(|(name, (right, all))| format!("{name} {right}/{all}"));
        let scores = scores.collect::<Vec<_>>().join(", ");
        let (right, all) =
            self.groups.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let is_enough = right * 100 >= all * percent;
        assert!(is_enough, "\n{right}/{all}: {scores}\n{}\n", self.wrong.join("\n"));
        println!("{right}/{all}: {scores}");
    }
}

fn recipe(yields: &str, lines: &[&str]) -> Recipe {
    let draft = Draft {
        title: "Pot".to_owned(),
        yields: yields.to_owned(),
        ingredients: lines.iter().map(|line| Ingredient::parse(line)).collect(),
        ..Draft::default()
    };
    Recipe::new("r1", draft, UnixTime::default()).unwrap()
}

/// The assistant's text, and the recipe after the message.
fn ask(recipe: &Recipe, content: &str) -> (String, Recipe) {
    match answer(recipe, content, UnixTime::default()) {
        AssistantReply::Say(said) => (said, recipe.clone()),
        AssistantReply::Change { recipe, content } => (content, *recipe),
        AssistantReply::Undo | AssistantReply::Redo => panic!("{content} is no change"),
    }
}

fn line(recipe: &Recipe) -> &str {
    &recipe.ingredients[0].text
}

#[test]
fn amounts_are_scaled_right_or_their_line_is_named() {
    let mut score = Score::default();
    for case in cases(include_str!("cases/amounts.txt")) {
        let text = case[1];
        let recipe = recipe("4 servings", &[text, "1 egg"]);
        let check = |request: &str, wanted: &str| {
            let (said, scaled) = ask(&recipe, request);
            let is_named = said.contains(&format!("“{text}”"));
            let wanted =
                if matches!(wanted, "?" | "=") { (text, wanted == "?") } else { (wanted, false) };
            let got = (line(&scaled), is_named);
            if got == wanted { Ok(()) } else { Err(format!("{request}: {got:?}")) }
        };
        score.count(&case, check("double it", case[2]).and(check("halve it", case[3])));
        // There and back.
        let mut changed = recipe.clone();
        for servings in [7, 3, 1, 4] {
            changed = ask(&changed, &format!("scale to {servings} servings")).1;
        }
        assert_eq!(changed.ingredients, recipe.ingredients);
    }
    score.assert_full();
}

#[test]
fn yields_are_scaled_by_what_they_count() {
    let mut score = Score::default();
    for case in cases(include_str!("cases/yields.txt")) {
        let recipe = recipe(case[1], &["100 g flour"]);
        let (said, scaled) = ask(&recipe, case[2]);
        let is_right = match case[3].strip_prefix("? ") {
            Some(word) => scaled == recipe && said.contains(word),
            None => scaled.yields == case[3] && line(&scaled) == "200 g flour",
        };
        let got = || format!("{said} {} {}", scaled.yields, line(&scaled));
        score.count(&case, if is_right { Ok(()) } else { Err(got()) });
    }
    score.assert_full();
}

#[test]
fn yield_there_and_back_is_the_same() {
    for yields in ["4 servings", "24 cookies", "makes 2½ cups", "2 dozen", "1 litre"] {
        let recipe = recipe(yields, &["100 g flour"]);
        let mut changed = recipe.clone();
        for factor in ["3", "7", "0.5", "2", "1/21"] {
            changed = ask(&changed, &format!("scale by {factor}")).1;
        }
        assert_eq!(Recipe { updated_at: recipe.updated_at.clone(), ..changed }, recipe);
    }
}

#[test]
fn decimal_comma_stays_one_however_often_it_is_scaled() {
    let recipe = recipe("4 servings", &["1,5 kg quark", "2,5 dl milk"]);
    let (_, seven) = ask(&recipe, "scale to 7 servings");
    assert_eq!(line(&seven), "2,625 kg quark");
    assert_eq!(seven.ingredients[0].quantity, serde_json::Number::from_f64(2.625));
    let mut changed = recipe.clone();
    for servings in [7, 3, 1, 8] {
        changed = ask(&changed, &format!("scale to {servings} servings")).1;
    }
    assert_eq!(changed.ingredients[1].text, "5 dl milk");
    // The text alone is read as the same number.
    assert_eq!(Ingredient::parse(line(&seven)).quantity, seven.ingredients[0].quantity);
}

#[test]
fn base_survives_the_database() {
    let recipe = recipe("4 servings", &["100 g flour", "1 egg"]);
    let (_, third) = ask(&recipe, "scale by 1/3");
    assert_eq!(line(&third), "33 g flour");
    let stored = serde_json::to_string(&third).unwrap();
    let read: Recipe = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, third);
    assert_eq!(line(&ask(&read, "scale by 3").1), "100 g flour");
    // A recipe that was stored before there were bases is scaled from its text.
    let mut old: serde_json::Value = serde_json::from_str(&stored).unwrap();
    old.as_object_mut().unwrap().remove("yield_base");
    old["ingredients"][0].as_object_mut().unwrap().remove("base");
    let old: Recipe = serde_json::from_value(old).unwrap();
    assert_eq!(line(&ask(&old, "scale by 3").1), "99 g flour");
}

#[test]
fn sentences_bring_about_what_they_say() {
    let mut recipe = recipe(
        "4 servings",
        &["500 g beef", "2 carrots", "2 onions, chopped", "30 g butter", "1 tsp salt"],
    );
    recipe.steps = (1..)
        .zip(["Brown", "Simmer", "Serve"])
        .map(|(order, text)| Step { order, text: text.to_owned() })
        .collect();
    let mut score = Score::default();
    for case in cases(include_str!("cases/chat.txt")) {
        let (said, new) = ask(&recipe, case[1]);
        let wrong = case[2].split("; ").find(|wanted| match wanted.strip_prefix('?') {
            Some(word) => new != recipe || !said.contains(word.trim()) || said.len() > 300,
            None => !has(&new, wanted),
        });
        let result = wrong.map_or(Ok(()), |wrong| Err(format!("not `{wrong}`: {said}")));
        score.count(&case, result);
    }
    score.assert_full();
}

/// Whether a recipe has a line, or a field with a value.
fn has(recipe: &Recipe, wanted: &str) -> bool {
    let is_listed = |line: &str| recipe.ingredients.iter().any(|one| one.text == line);
    if let Some(gone) = wanted.strip_prefix("- ") {
        return !is_listed(gone);
    }
    let steps = recipe.steps.iter().map(|step| &*step.text).collect::<Vec<_>>().join(" / ");
    let field = wanted.split_once(' ').is_some_and(|(field, value)| match field {
        "yield" => recipe.yields == value,
        "title" => recipe.title == value,
        "prep" => recipe.prep_time_minutes == value.parse().ok(),
        "cook" => recipe.cook_time_minutes == value.parse().ok(),
        "tags" => recipe.tags.join(",") == value,
        "description" => recipe.description == value,
        "steps" => steps == value,
        _ => false,
    });
    field || is_listed(wanted)
}
