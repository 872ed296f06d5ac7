//! Many at once.

use serde_json::{Value, json};

use crate::peer::{Client, call};
use crate::server::House;

#[test]
fn storm_of_sign_ins_does_not_stop_the_chat() {
    const STORM: usize = 60;
    let house = House::new("[http]\nrequests = 1000\n");
    let server = house.open();
    let address = server.address;
    let token = house.token("alice");
    let recipe = json!({ "title": "Soup" });
    let (_, recipe) = call(address, "POST", "/v1/recipes", Some(&token), &recipe).unwrap();
    let room = recipe["id"].as_str().unwrap().to_owned();
    let (mut client, _) = Client::join(server.connect(), &room, &token);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let storm: Vec<_> = (0..STORM)
            .map(|n| {
                let email = format!("nobody{n}@example.com");
                let body = json!({ "email": email, "password": "correct horse" });
                scope
                    .spawn(move || call(address, "POST", "/v1/auth/signin", None, &body).unwrap().0)
            })
            .collect();
        // Meanwhile everybody who is in goes on.
        for n in 0..20 {
            assert_eq!(
                client.say(&format!("Rename to {n}"))["recipe_data"]["title"],
                n.to_string()
            );
        }
        storm.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [401, 503, 504].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401), "{statuses:?}");
}

#[test]
fn password_forger_is_stopped_by_its_allowance() {
    let house = House::new("");
    let server = {
        // The usual allowances.
        let text = house.config().replace("guesses_per_minute_per_account = 0\n", "");
        let text = text.replace("guesses_per_minute_per_ip = 0\n", "");
        house.configure(&text);
        house.open()
    };
    let statuses: Vec<u16> = (0..20)
        .map(|n| {
            let body = json!({ "email": "ann@example.com", "password": format!("guess {n:08}") });
            call(server.address, "POST", "/v1/auth/signin", None, &body).unwrap().0
        })
        .collect();
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    // 10 of an account at once, the last of which is kept for another address, and one more every 6
    // seconds.
    assert!((9..=11).contains(&looked_at), "{statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    let (status, _) = call(server.address, "GET", "/healthz", None, &Value::Null).unwrap();
    assert_eq!(status, 200);
}

#[test]
fn memory_that_hashes_took_is_given_back() {
    let house = House::new("");
    let text = house.config().replace("argon2_memory = '7MiB'", "argon2_memory = '19MiB'");
    house.configure(&text);
    let server = house.open();
    let before = server.resident_kib();
    for n in 0..6 {
        let body = json!({ "email": format!("ann{n}@example.com"), "password": "correct horse" });
        let (status, _) = call(server.address, "POST", "/v1/auth/signup", None, &body).unwrap();
        assert_eq!(status, 201);
    }
    let after = server.resident_kib();
    assert!(after < before + 8 * 1_024, "{before} KiB, and then {after} KiB");
}
