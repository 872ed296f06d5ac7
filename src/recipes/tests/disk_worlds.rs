//! Worlds in which users store as much as they may, on a disk in memory that others fill and leave.
//!
//! Hoarders create recipes and talk until nothing more is taken; others chat a little, in rooms of their
//! own and in one of a hoarder's; accounts come, sign in, and go. The checkers:
//!
//! * Each user is charged for exactly what is in its rooms, and has no more than `recipes.bytes_per_user`
//!   and one item.
//! * Who has less is refused nothing while there is room on the disk and below `recipes.disk`.
//! * Reads, sign-ins, refreshes, sign-outs and deletions work at all times.
//! * What was acknowledged is there, and nothing else. What is deleted gives its room back.
//!
//! `VESTIBULE_SIM_SEED=7 cargo test --lib disk_worlds` runs one world.

mod truth;

use std::collections::BTreeMap;

use serde_json::json;

use self::truth::{DiskCounts, Truth};
use super::accounts::{claims, tokens};
use super::*;
use crate::id::Rng;
use crate::node::planted::Planted;
use crate::protocol::ErrorCode;
use crate::recipes::storage::memory_disk::MemoryDisk;

const USER_BYTES: usize = 64 << 10;
const DISK_BYTES: u64 = 24 << 20;
/// Enough for what all may store, and less than hoarders want.
const LIMITS: [u64; 2] = [12 << 20, 700 << 10];
const HOARDERS: usize = 8;
const CHATTERS: usize = 4;
const STEPS: u64 = 800;

/// An account that has signed up.
struct DiskAccount {
    email: String,
    user: String,
    claims: String,
    refresh: String,
}

struct DiskWorld {
    test: TestApp,
    disk: MemoryDisk,
    limit: u64,
    rng: Rng,
    truth: Truth,
    accounts: Vec<DiskAccount>,
    /// The hoarder's room in which chatters are members.
    shared: String,
    named: u64,
}

/// What became of something that makes the database grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    Stored,
    /// Its payer has as much as a user may.
    AtQuota,
    /// The disk is full.
    Refused,
}

impl DiskWorld {
    fn new(seed: u64, fault: Option<Planted>, setup: &str) -> Self {
        let mut config = Config::default();
        SECRET.clone_into(&mut config.auth.secret);
        config.accounts.argon2_memory = Size::kib(64);
        config.accounts.argon2_iterations = 1;
        config.accounts.guesses_per_minute_per_ip = 0;
        config.accounts.hashes_per_minute_per_ip = 0;
        config.accounts.hashes_per_minute_per_account = 0;
        config.recipes.bytes_per_user = Size::bytes(USER_BYTES);
        config.recipes.per_user = 0;
        let (disk, limit) = (MemoryDisk::new(DISK_BYTES), LIMITS[seed as usize % LIMITS.len()]);
        let opened = disk.open(limit, (fault, setup));
        let app = RecipesApp::open_on(&config, opened, by_statement(), BATCH_TIME).unwrap();
        let mut world = Self {
            test: TestApp::of(app),
            disk,
            limit,
            rng: Rng::new(seed ^ 0xd15c),
            truth: Truth::default(),
            accounts: Vec::new(),
            shared: String::new(),
            named: 0,
        };
        for user in (0..HOARDERS).map(hoarder).chain((0..CHATTERS).map(chatter)) {
            world.create(&user, 1).unwrap();
        }
        world.shared = world.truth.room_of(&hoarder(0), 0).unwrap();
        for chatter in (0..CHATTERS).map(chatter) {
            let invited = json!({ "role": "editor" });
            let invited = world.test.share(&world.shared, &hoarder(0), &invited);
            let code = body(&invited)["code"].as_str().unwrap().to_owned();
            crate::logs::known(&code);
            assert_eq!(world.test.redeem(&code, &chatter).status, 200);
        }
        world
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// What did not hold.
    fn run(mut self) -> Result<DiskCounts, String> {
        for step in 0..STEPS {
            self.step().map_err(|what| format!("step {step}: {what}"))?;
            if step % 40 == 0 {
                self.truth.check(&self.test).map_err(|what| format!("step {step}: {what}"))?;
            }
        }
        self.leave().map_err(|what| format!("at the end: {what}"))?;
        Ok(self.truth.counts)
    }

    fn step(&mut self) -> Result<(), String> {
        let who = self.rng.next_u64() as usize;
        let (hoarder, chatter) = (hoarder(who % HOARDERS), chatter(who % CHATTERS));
        match self.rng.below(100) {
            0..10 => drop(self.create(&hoarder, 40)?),
            10..45 => self.hoard(&hoarder)?,
            45..60 => self.chat(&chatter, "hello")?,
            60..65 => {
                let room = self.shared.clone();
                self.say(&room, &chatter, "hello to all of you")?;
            }
            65..70 => self.chat(&chatter, "Add step Bake it")?,
            70..73 => self.chat(&chatter, "Undo")?,
            73..76 => self.undo_of(&hoarder)?,
            76..80 => self.sign_up()?,
            80..90 => self.use_account()?,
            90..92 => self.delete_account()?,
            92..94 => self.delete_room(&hoarder)?,
            94..96 => self.change_disk()?,
            _ => self.pass(),
        }
        self.test.events.borrow_mut().clear();
        Ok(())
    }

    /// A name that nothing else has.
    fn name(&mut self) -> String {
        self.named += 1;
        format!("n{}", self.named)
    }

    /// Whether there is no room, as far as can be seen from outside.
    fn may_be_full(&self) -> bool {
        let (is_own, used) = self.disk.state();
        !is_own || used + self.limit / 16 + (64 << 10) > self.limit
    }

    /// Counts what became of something of `payer`, and judges a refusal.
    fn judge(&mut self, payer: &str, growth: Growth) -> Result<Growth, String> {
        self.truth.counts.add(growth);
        match growth {
            Growth::Refused if !self.may_be_full() => {
                Err(format!("{payer} was refused, and there is room: {:?}", self.disk.state()))
            }
            Growth::Stored if self.disk.is_released() => {
                Err(format!("{payer} stores in the room that is kept for what must work"))
            }
            Growth::AtQuota if payer.starts_with("chatter") => {
                Err(format!("{payer} has little, and may store no more"))
            }
            growth => Ok(growth),
        }
    }

    fn create(&mut self, user: &str, steps: usize) -> Result<Growth, String> {
        let steps = vec!["Stir the soup, and taste whether it needs more salt."; steps];
        let sent = json!({ "title": "Soup", "ingredients": ["2 carrots"], "steps": steps });
        let answer = self.test.post("/v1/recipes", Some(user), &sent);
        let growth = match answer.status {
            201 => {
                let room = body(&answer)["id"].as_str().unwrap().to_owned();
                self.truth.rooms.insert(room, (user.to_owned(), Vec::new()));
                Growth::Stored
            }
            507 => Growth::AtQuota,
            503 => Growth::Refused,
            status => return Err(format!("a new recipe was answered {status}")),
        };
        self.judge(user, growth)
    }

    fn say(&mut self, room: &str, user: &str, text: &str) -> Result<Growth, String> {
        let id = self.name();
        if self.test.send(room, user, &id, text).is_some() {
            return Err("a message was answered at once".to_owned());
        }
        let growth = match self.test.answer() {
            Ok(said) if said.content.contains("store as much") => Growth::AtQuota,
            Ok(said) if said.content.contains("stores as much") => Growth::AtQuota,
            Ok(_) => Growth::Stored,
            Err(ErrorCode::BackendUnavailable) => Growth::Refused,
            Err(code) => return Err(format!("a message was answered {code:?}")),
        };
        let (owner, messages) = self.truth.rooms.get_mut(room).unwrap();
        if growth == Growth::Stored {
            messages.push(id);
        }
        let payer = owner.clone();
        self.judge(&payer, growth)
    }

    /// Talks as long as it may, and begins anew when it has enough.
    fn hoard(&mut self, user: &str) -> Result<(), String> {
        let text = "as much as there is ".repeat(24);
        let Some(room) = self.truth.room_of(user, self.rng.below(9)) else {
            return self.create(user, 1).map(drop);
        };
        for _ in 0..4 {
            if self.say(&room, user, &text)? != Growth::Stored {
                break;
            }
        }
        Ok(())
    }

    fn chat(&mut self, user: &str, text: &str) -> Result<(), String> {
        let Some(room) = self.truth.room_of(user, 0) else { return Ok(()) };
        self.say(&room, user, text).map(drop)
    }

    /// What takes a change back is let through at the quota, and must not be a way around it.
    fn undo_of(&mut self, user: &str) -> Result<(), String> {
        let Some(room) = self.truth.room_of(user, 0) else { return Ok(()) };
        let padded = format!("Undo{}", " ".repeat(2_000));
        self.say(&room, user, "Undo")?;
        for _ in 0..8 {
            self.say(&room, user, &padded)?;
        }
        Ok(())
    }

    fn sign_up(&mut self) -> Result<(), String> {
        let email = format!("{}@example.com", self.name());
        let answer = self.test.sign_up(&email);
        match answer.status {
            201 => {
                let (access, refresh) = tokens(&answer);
                let claims = claims(&access);
                let user = claims["sub"].as_str().unwrap().to_owned();
                self.create(&user, 2)?;
                self.accounts.push(DiskAccount {
                    email,
                    user,
                    claims: claims.to_string(),
                    refresh,
                });
                self.judge("a sign-up", Growth::Stored).map(drop)
            }
            503 => self.judge("a sign-up", Growth::Refused).map(drop),
            status => Err(format!("a sign-up was answered {status}")),
        }
    }

    /// Signs in and out, or stays signed in.
    fn use_account(&mut self) -> Result<(), String> {
        if self.accounts.is_empty() {
            return Ok(());
        }
        let number = self.rng.below(self.accounts.len() as u64) as usize;
        let account = &mut self.accounts[number];
        let kind = self.rng.below(2);
        let answer = match kind {
            0 => self.test.sign_in(&account.email, "correct horse"),
            _ => self.test.refresh(&account.refresh),
        };
        if answer.status == 200 {
            let (access, refresh) = tokens(&answer);
            account.claims = claims(&access).to_string();
            let old = std::mem::replace(&mut account.refresh, refresh);
            self.truth.counts.access += 1;
            if kind == 0 {
                let token = json!({ "refresh_token": old });
                let left = self.test.post("/v1/auth/logout", None, &token);
                return must_work("a sign-out", &left, 200);
            }
        }
        must_work("a sign-in or a refresh", &answer, 200)
    }

    fn delete_account(&mut self) -> Result<(), String> {
        let Some(account) = self.accounts.pop() else { return Ok(()) };
        self.test.claims = Some(account.claims);
        let password = json!({ "password": "correct horse" });
        let user = Some(&*account.user);
        let answer = self.test.request(Method::Delete, "/v1/auth/me", user, &password);
        self.test.claims = None;
        self.truth.rooms.retain(|_, (owner, _)| *owner != account.user);
        self.truth.counts.deletions += 1;
        must_work("the deletion of an account", &answer, 204)
    }

    fn delete_room(&mut self, user: &str) -> Result<(), String> {
        let room = self.truth.room_of(user, self.rng.below(9)).filter(|it| *it != self.shared);
        let Some(room) = room else { return Ok(()) };
        let path = format!("/v1/recipes/{room}");
        must_work("a read", &self.test.get(&path, user), 200)?;
        self.truth.counts.deletions += 1;
        let answer = self.test.delete(&path, user);
        self.truth.rooms.remove(&room);
        must_work("the deletion of a recipe", &answer, 204)
    }

    /// Others fill the disk, or leave it.
    fn change_disk(&mut self) -> Result<(), String> {
        if self.disk.state().0 {
            let left = [0, 200 << 10, 400 << 10][self.rng.below(3) as usize];
            let is_filled = self.disk.fill(left);
            self.truth.counts.fillings += u64::from(is_filled);
            let is_at_limit = self.disk.state().1 + self.limit / 16 > self.limit;
            self.truth.counts.fillings_at_limit += u64::from(is_filled && is_at_limit);
            must_work("a read", &self.test.get("/v1/recipes", "chatter0"), 200)?;
            if is_filled && left < 256 << 10 && !self.disk.is_released() {
                return Err("the room that is kept is not there on a full disk".to_owned());
            }
        } else {
            self.disk.empty();
            // A write may have failed just now.
            self.disk.pass(Duration::from_secs(2));
        }
        Ok(())
    }

    fn pass(&mut self) {
        let seconds = if self.rng.below(10) == 0 { 20 * 3_600 } else { 1 + self.rng.below(30) };
        self.test.pass(seconds);
        self.disk.pass(Duration::from_secs(seconds));
        let now = self.test.now;
        if self.test.app.next_deadline().is_some_and(|due| due <= now) {
            self.test.app.on_deadline(now);
        }
    }

    /// Hoarders delete all that they have: then there is room for everybody.
    fn leave(&mut self) -> Result<(), String> {
        self.disk.empty();
        for user in (0..HOARDERS).map(hoarder) {
            while let Some(room) = self.truth.room_of(&user, 0) {
                let deleted = self.test.delete(&format!("/v1/recipes/{room}"), &user);
                must_work("the deletion of a recipe", &deleted, 204)?;
                self.truth.rooms.remove(&room);
            }
        }
        self.disk.pass(Duration::from_secs(2));
        // The room is looked at before the next task.
        must_work("a read", &self.test.get("/v1/recipes", "chatter0"), 200)?;
        if self.may_be_full() {
            return Err(format!("nothing was given back: {:?}", self.disk.state()));
        }
        for user in (0..HOARDERS).map(hoarder).chain((0..CHATTERS).map(chatter)) {
            if self.create(&user, 40)? != Growth::Stored {
                return Err(format!("{user} got nothing back"));
            }
        }
        self.truth.check(&self.test)
    }
}

fn hoarder(number: usize) -> String {
    format!("hoarder{number}")
}

fn chatter(number: usize) -> String {
    format!("chatter{number}")
}

fn must_work(what: &str, answer: &Response, status: u16) -> Result<(), String> {
    if answer.status == status {
        return Ok(());
    }
    Err(format!("{what} was answered {}", answer.status))
}

fn run_disk(seed: u64, fault: Option<Planted>, setup: &str) -> Result<DiskCounts, String> {
    DiskWorld::new(seed, fault, setup).run().map_err(|what| format!("seed {seed}, {what}"))
}
