//! The web page. Its files are compiled in and served from memory.
//!
//! They are built from `page/` and committed gzipped, as every browser accepts them. For a client that does
//! not say so, a file is decompressed when it is first asked for, and kept: less than half a MiB for all
//! of them, and some milliseconds of the reactor's thread once in its life.

use std::sync::OnceLock;

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::http::names;
use crate::node::{Method, Request, Response};

/// One file, as `page/scripts/build.js` lists it.
struct Asset {
    /// The path: `/` is the page. Files below `/assets/` have a hash of their content in their names.
    path: &'static str,
    media: &'static str,
    /// The entity tag of the gzipped content, a hash of the content, in quotes. It is strong.
    tag: &'static str,
    /// The gzipped content.
    body: &'static [u8],
}

const ASSETS: &[Asset] = include!("../../page/dist/assets.rs");

/// The files as they are without gzip, each by its place in [`ASSETS`], once somebody has asked for it.
static PLAIN: [OnceLock<Vec<u8>>; ASSETS.len()] = [const { OnceLock::new() }; ASSETS.len()];

/// More than any file has, decompressed.
const MAX_PLAIN_BYTES: usize = 1 << 20;

/// Allows scripts, styles, images, connections, a service worker and a manifest of this origin only
/// (`connect-src 'self'` covers WebSockets: CSP 3, section 6.7.2.8), and forbids frames, form
/// submissions and scripts made from text. The one policy of Trusted Types makes the address of the
/// service worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types vestibule-worker";

/// Security headers of every file. The page needs no permissions on the user's device.
const HEADERS: &[(&str, &str)] = &[
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Whether there is a file, or a screen of the page, at this path.
pub(super) fn serves(path: &str) -> bool {
    find(path).is_some()
}

/// Answers a request outside the API.
pub(super) fn request(request: &Request<'_>) -> Response {
    match answer(request.path, request.if_none_match, request.accepts_gzip) {
        Some(response) if request.method == Method::Get => response,
        Some(_) if !is_mistyped(request.path) => Response::method_not_allowed("GET, HEAD"),
        _ => Response::not_found(),
    }
}

/// The file at this path, or 304 when the client has it. `None` when there is no such file.
fn answer(path: &str, if_none_match: Option<&str>, accepts_gzip: bool) -> Option<Response> {
    let (place, asset) = find(path)?;
    // Should it not be possible to decompress it, gzip is better than nothing.
    let plain = if accepts_gzip { None } else { plain(place) };
    // Each form has a strong tag of its own (RFC 9110, section 8.8.3.3).
    let tag = match plain {
        Some(_) => format!("\"{}-plain\"", asset.tag.trim_matches('"')),
        None => asset.tag.to_owned(),
    };
    let is_known = !is_mistyped(path) && if_none_match.is_some_and(|tags| names(tags, &tag));
    let status = if is_mistyped(path) { 404 } else { 200 };
    let mut response = match plain {
        _ if is_known => Response::new(304, asset.media, &b""[..]),
        Some(plain) => Response::new(status, asset.media, plain),
        None => Response::new(status, asset.media, asset.body).with("Content-Encoding", "gzip"),
    };
    if is_known {
        response.headers.clear();
    }
    // What is at `/assets/…` never changes. Browsers must revalidate what names those files.
    let is_hashed = asset.path.starts_with("/assets/");
    let cache = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    response = response.with("Cache-Control", cache).with("ETag", tag);
    response = response.with("Vary", "Accept-Encoding");
    Some(HEADERS.iter().fold(response, |response, &(name, value)| response.with(name, value)))
}

/// The file at this place of [`ASSETS`] without gzip. `None`: it cannot be decompressed.
fn plain(place: usize) -> Option<&'static [u8]> {
    let (kept, asset) = (PLAIN.get(place)?, ASSETS.get(place)?);
    if let Some(kept) = kept.get() {
        return Some(kept);
    }
    // `page/scripts/build.js` writes the shortest header, of ten bytes (RFC 1952, section 2.3), and what is
    // behind the compressed data is not looked at: it comes with this program.
    let deflated = asset.body.strip_prefix(&[0x1f, 0x8b, 8, 0])?.get(6..)?;
    let plain = decompress_to_vec_with_limit(deflated, MAX_PLAIN_BYTES).ok()?;
    Some(kept.get_or_init(|| plain))
}

/// Finds the file at a path. The page handles the paths of its screens itself, and those where
/// there is none: it says so.
fn find(path: &str) -> Option<(usize, &'static Asset)> {
    let path = if is_screen(path) || is_mistyped(path) { "/" } else { path };
    ASSETS.iter().enumerate().find(|(_, asset)| asset.path == path)
}

/// Whether the page has a screen at this path; `page/src/router.tsx` has the same ones.
fn is_screen(path: &str) -> bool {
    matches!(path, "/" | "/new" | "/account" | "/join")
        || path.strip_prefix("/recipes/").is_some_and(is_id)
}

/// Whether somebody may have typed this path, or followed a link to what was once there: not a file,
/// and nothing of the server's own.
fn is_mistyped(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let first = rest.split('/').next().unwrap_or_default();
    !is_screen(path)
        && !matches!(first, "" | "v1" | "assets" | "healthz" | "readyz" | "metrics")
        && !path.contains('.')
}

/// Whether the text has the form of a recipe's id. The page itself finds out whether it exists.
fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_ref())
    }

    fn get(path: &str) -> Response {
        answer(path, None, true).unwrap()
    }

    #[test]
    fn page_is_served_at_the_root_and_its_screens() {
        let root = get("/");
        assert_eq!(root.status, 200);
        assert_eq!(header(&root, "Content-Type"), Some("text/html; charset=utf-8"));
        for screen in ["/new", "/account", "/join", "/recipes/a_b-C.9~"] {
            assert!(serves(screen) && get(screen) == root, "{screen}");
        }
        let long = format!("/recipes/{}", "a".repeat(129));
        for mistyped in ["/x", "/recipes", "/recipes/", "/recipes/a/b", "/new/", &long] {
            let page = get(mistyped);
            assert!(serves(mistyped) && page.status == 404 && page.body == root.body, "{mistyped}");
            assert_eq!(answer(mistyped, Some("*"), true).unwrap().status, 404, "{mistyped}");
        }
        for other in ["", "x", "//x", "/x.php", "/assets/", "/assets/x", "/v1/x", "/readyz"] {
            assert!(!serves(other) && answer(other, None, true).is_none(), "{other}");
        }
    }

    #[test]
    fn page_is_revalidated_and_its_files_are_cached() {
        let named = ["/", "/manifest.webmanifest", "/worker.js"];
        for path in named {
            assert_eq!(header(&get(path), "Cache-Control"), Some("no-cache"));
        }
        assert!(ASSETS.len() > named.len() + 2);
        for asset in ASSETS.iter().filter(|asset| !named.contains(&asset.path)) {
            let hash = asset.tag.trim_matches('"');
            assert!(asset.path.starts_with("/assets/") && asset.path.contains(hash));
            let cache = header(&get(asset.path), "Cache-Control").unwrap().to_owned();
            assert_eq!(cache, "public, max-age=31536000, immutable");
        }
    }

    #[test]
    fn every_file_is_small_and_labelled_gzip() {
        for asset in ASSETS {
            let response = get(asset.path);
            assert_eq!(header(&response, "Content-Encoding"), Some("gzip"));
            assert!(response.body.starts_with(&[0x1f, 0x8b, 8]), "{}", asset.path);
        }
        assert!(ASSETS.iter().map(|asset| asset.body.len()).sum::<usize>() < 128 << 10);
    }

    #[test]
    fn client_without_gzip_gets_plain_bytes() {
        let plain = |path: &str, tags: Option<&str>| answer(path, tags, false).unwrap();
        let mut sum = 0;
        for asset in ASSETS {
            let (response, zipped) = (plain(asset.path, None), get(asset.path));
            assert_eq!(header(&response, "Content-Encoding"), None);
            // The last four bytes of gzip are the length (RFC 1952, section 2.3.1).
            let length = u32::from_le_bytes(*asset.body.last_chunk().unwrap()) as usize;
            assert_eq!(response.body.len(), length, "{}", asset.path);
            let tag = header(&response, "ETag").unwrap();
            assert_ne!(tag, asset.tag);
            assert_eq!(plain(asset.path, Some(tag)).status, 304);
            assert_eq!(plain(asset.path, Some(asset.tag)).status, 200);
            assert_eq!(answer(asset.path, Some(tag), true).unwrap().status, 200);
            for response in [&response, &zipped, &plain(asset.path, Some(tag))] {
                assert_eq!(header(response, "Vary"), Some("Accept-Encoding"));
            }
            sum += length;
        }
        assert!(plain("/", None).body.starts_with(b"<!doctype html>"));
        assert!(sum < 512 << 10, "{sum}");
    }

    /// Which of the errors that a message may get the page tells apart, in the script that is served.
    #[test]
    fn page_has_texts_for_errors_of_messages() {
        let is_script = |asset: &&Asset| asset.media.starts_with("text/javascript");
        let scripts = ASSETS.iter().filter(is_script);
        let sent = |asset: &Asset| answer(asset.path, None, false).unwrap().body.into_owned();
        let all = scripts.flat_map(sent).collect::<Vec<u8>>();
        let all = String::from_utf8(all).unwrap();
        for code in ["rate_limited", "backend_unavailable", "backend_timeout", "not_delivered"] {
            assert!(all.contains(code), "{code}");
        }
    }

    #[test]
    fn matching_etag_is_answered_with_304() {
        for asset in ASSETS {
            let tag = asset.tag;
            for tags in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
                let response = answer(asset.path, Some(&tags), true).unwrap();
                assert_eq!((response.status, response.body.len()), (304, 0), "{tags}");
                assert_eq!(header(&response, "ETag"), Some(tag));
                assert!(header(&response, "Cache-Control").is_some());
                assert!(header(&response, "Content-Encoding").is_none());
            }
            for tags in ["", "\"x\"", tag.trim_matches('"')] {
                assert_eq!(answer(asset.path, Some(tags), true).unwrap().status, 200, "{tags}");
            }
        }
    }

    #[test]
    fn policy_allows_this_origin_only() {
        for tags in [None, Some("*")] {
            let response = answer("/", tags, true).unwrap();
            let policy = header(&response, "Content-Security-Policy").unwrap();
            for part in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
                "worker-src 'self'",
                "manifest-src 'self'",
                "trusted-types vestibule-worker",
            ] {
                assert!(policy.split("; ").any(|one| one == part), "{part}");
            }
            assert!(!policy.contains("unsafe"));
            for (name, _) in HEADERS {
                assert!(header(&response, name).is_some(), "{name}");
            }
        }
    }
}
