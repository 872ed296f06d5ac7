//! Lines of web pages around a recipe: buttons, links, ratings, advertisements.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::recipes::scan::word;

/// Whether a line is a part of the page, and not of the recipe.
pub(super) fn is_furniture(text: &str) -> bool {
    if text.len() > 120 {
        return false;
    }
    let plain = text.trim_matches(|c: char| !c.is_alphanumeric() && !"★☆".contains(c));
    let lower = plain.to_lowercase();
    LINES.contains(&*lower)
        || is_menu(&lower)
        || BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning))
        || is_rating(&lower)
        || is_multiples(&lower)
        || is_path(text)
}

/// "4.8 from 120 votes", "5 stars", "(37 reviews)", "★★★★☆".
fn is_rating(lower: &str) -> bool {
    if !lower.is_empty() && lower.chars().all(|c| "★☆ ".contains(c)) {
        return true;
    }
    let (last, _) = lower.rsplit_once(' ').map_or(("", 0), |(_, last)| (last, 0));
    let begins = lower.starts_with(|c: char| c.is_ascii_digit());
    let is_short = lower.split(' ').count() <= 8;
    begins && is_short && RATINGS.contains(&last.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// "1x 2x 3x", the buttons that scale.
fn is_multiples(lower: &str) -> bool {
    let mut parts = lower.split_whitespace();
    let is_multiple = |part: &str| {
        let digits = part.strip_suffix(['x', '×']).or(part.strip_prefix('½'));
        digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit() || c == '/'))
    };
    lower.contains(['x', '×']) && lower.split(' ').count() > 1 && parts.all(is_multiple)
}

/// "Home | Recipes | About", "Jump to Recipe   Print Recipe".
fn is_menu(lower: &str) -> bool {
    let parts = lower.split('|').flat_map(|part| part.split("  ")).map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let is_item = |part: &&&str| LINES.contains(**part) || MENU.contains(part);
    parts.len() > 1 && parts.iter().filter(is_item).count() * 2 > parts.len()
}

/// "Home > Recipes > Cakes"
fn is_path(text: &str) -> bool {
    let parts = [" > ", " » ", " › "].iter().map(|sign| text.matches(sign).count()).max();
    let (first, _) = word(text, 0);
    let is_home = ["home", "recipes", "start", "startseite", "accueil", "inicio"];
    parts.is_some_and(|count| count > 1 || (count > 0 && is_home.contains(&&*first.to_lowercase())))
}

/// What the menu of a page leads to.
const MENU: &[&str] = &[
    "recipes",
    "about",
    "about us",
    "contact",
    "shop",
    "blog",
    "videos",
    "start",
    "rezepte",
    "über uns",
    "kontakt",
    "accueil",
    "recettes",
    "inicio",
    "recetas",
    "receitas",
    "ricette",
    "recepten",
    "recept",
    "ホーム",
    "レシピ",
];

const RATINGS: [&str; 10] = [
    "votes",
    "vote",
    "ratings",
    "rating",
    "reviews",
    "review",
    "stars",
    "star",
    "comments",
    "bewertungen",
];
static LINES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| BTreeSet::from(NAMES));
const NAMES: [&str; 120] = [
    "jump to recipe",
    "jump to video",
    "jump to comments",
    "skip to content",
    "skip to main content",
    "print",
    "print recipe",
    "print this recipe",
    "pin",
    "pin it",
    "pin recipe",
    "pin this recipe",
    "save",
    "saved",
    "save recipe",
    "save this recipe",
    "share",
    "share this recipe",
    "share on facebook",
    "rate",
    "rate this recipe",
    "rate recipe",
    "add a review",
    "write a review",
    "leave a review",
    "leave a comment",
    "leave a reply",
    "read more",
    "show more",
    "see more",
    "view all",
    "recipe",
    "email",
    "e-mail",
    "facebook",
    "pinterest",
    "twitter",
    "instagram",
    "whatsapp",
    "youtube",
    "tiktok",
    "copy link",
    "menu",
    "search",
    "home",
    "log in",
    "login",
    "sign in",
    "sign up",
    "subscribe",
    "advertisement",
    "ad",
    "ads",
    "sponsored",
    "us customary",
    "metric",
    "us customary metric",
    "us customary - metric",
    "us customary – metric",
    "cook mode",
    "deselect all",
    "select all",
    "add to favorites",
    "add to favourites",
    "add to shopping list",
    "add to my recipes",
    "add to collection",
    "shop ingredients",
    "get ingredients",
    "powered by",
    "watch the video",
    "play video",
    "close",
    "privacy policy",
    "all rights reserved",
    "back to top",
    "related recipes",
    "you may also like",
    "you might also like",
    "more recipes",
    "drucken",
    "rezept drucken",
    "zum rezept springen",
    "direkt zum rezept",
    "speichern",
    "teilen",
    "merken",
    "anzeige",
    "imprimer",
    "imprimer la recette",
    "partager",
    "enregistrer",
    "aller à la recette",
    "imprimir",
    "imprimir receta",
    "compartir",
    "guardar",
    "ir a la receta",
    "stampa",
    "stampa ricetta",
    "condividi",
    "salva",
    "vai alla ricetta",
    "imprimir receita",
    "compartilhar",
    "salvar",
    "pular para a receita",
    "ir para a receita",
    "delen",
    "opslaan",
    "naar recept",
    "recept printen",
    "skriv ut",
    "dela",
    "spara",
    "hoppa till recept",
    "印刷",
    "シェア",
    "保存する",
    "レシピを保存",
];
const BEGINNINGS: &[&str] = &[
    "this post may contain affiliate",
    "this post contains affiliate",
    "cook mode prevent",
    "keep screen awake",
    "prevent your screen",
    "did you make this recipe",
    "tried this recipe",
    "tag me on",
    "tag @",
    "mention @",
    "follow us on",
    "follow me on",
    "sign up for",
    "subscribe to",
    "click here",
    "copyright",
    "we use cookies",
    "accept cookies",
    "accept all cookies",
    "as an amazon associate",
];
