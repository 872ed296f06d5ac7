//! An application that stores what rooms are told, on a disk that outlives its processes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::{ConnId, Rng};
use crate::node::app::{
    Admission, Answer, App, Incoming, Join, Reply, RoomMessage, RoomPublication, RoomTail, Update,
};
use crate::node::{AppEvent, Completion, Outcome, StartFlag, Ticket};
use crate::protocol::{ErrorCode, Position};

/// Messages that are kept of a room.
const KEPT: usize = 64;

/// A fault that is planted in the application, in tests of the checkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// A message that was answered is published again when it is sent again.
    PublishesRepeats,
    /// A message is delivered, and stored with the next commit.
    DeliversUnstored,
}

/// Who has said a message, and its id.
pub(super) type SaidBy = (String, String);

/// What was published in a room: all of it, of which clients get the last ones.
#[derive(Debug, Default)]
struct StoredRoom {
    base: Option<Position>,
    messages: Vec<(Position, RoomMessage, SaidBy)>,
}

/// What an application was asked, and has not done.
#[derive(Debug)]
enum StoreTask {
    Join { room: String, position: Option<Position> },
    Message { room: String, said_by: SaidBy, message: RoomMessage },
}

/// A task, and whose question it is.
#[derive(Debug)]
struct StoreQuestion {
    ticket: Ticket,
    start: StartFlag,
    connection: ConnId,
    task: StoreTask,
}

/// The disk, and the process that writes to it.
#[derive(Debug)]
pub(super) struct StoreModel {
    rooms: BTreeMap<String, StoredRoom>,
    answered: BTreeSet<SaidBy>,
    rng: Rng,
    pub(super) fault: Option<StoreFault>,
    // Of the process.
    queue: VecDeque<StoreQuestion>,
    /// What is on its way to the node, in its order.
    pub(super) mail: VecDeque<Completion>,
    /// With a planted fault: what was delivered, and is not stored.
    unstored: Vec<(String, Position, RoomMessage, SaidBy)>,
    /// Connections whose positions were known.
    pub(super) known: BTreeSet<ConnId>,
    pub(super) repeated: u64,
}

impl StoreModel {
    /// The process is gone, with what it had not stored and what was on its way.
    pub(super) fn die(&mut self) {
        self.queue.clear();
        self.mail.clear();
        self.unstored.clear();
        self.known.clear();
    }

    /// Where in the room the message of this position is; `None`: it is not stored.
    pub(super) fn place_of(&self, room: &str, position: &str) -> Option<usize> {
        let (room, position) = (self.rooms.get(room)?, Position::parse(position)?);
        let place = room.messages.iter().position(|(it, ..)| *it == position);
        place.map(|place| place + 1).or((room.base == Some(position)).then_some(0))
    }

    /// Who has said what is between these places of the room.
    pub(super) fn said_between(&self, room: &str, from: usize, to: usize) -> Vec<SaidBy> {
        let messages = self.rooms.get(room).map(|it| it.messages.as_slice()).unwrap_or_default();
        let said = messages.get(from..to.min(messages.len())).unwrap_or_default();
        said.iter().map(|(.., said_by)| said_by.clone()).collect()
    }

    /// # Errors
    /// A room has a message twice.
    pub(super) fn judge(&self) -> Result<(), String> {
        for room in self.rooms.values() {
            let mut once = BTreeSet::new();
            if let Some((.., said)) = room.messages.iter().find(|(.., said)| !once.insert(said)) {
                return Err(format!("{} is stored twice", said.1));
            }
        }
        Ok(())
    }

    pub(super) fn length(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, |room| room.messages.len())
    }

    /// Does what was asked first, up to `most` tasks in one transaction, and answers them. On a full disk
    /// no message is stored.
    pub(super) fn commit(&mut self, most: u64, is_full: bool) {
        let late = std::mem::take(&mut self.unstored);
        for (room, position, message, said_by) in late {
            self.rooms.entry(room).or_default().messages.push((position, message, said_by));
        }
        for _ in 0..most {
            let Some(question) = self.next() else { return };
            let StoreQuestion { ticket, start, connection, task } = question;
            if !start.begin() {
                self.mail.push_back(Completion { ticket, outcome: Outcome::NotBegun });
                continue;
            }
            let outcome = match task {
                StoreTask::Join { room, position } => {
                    let (tail, is_known) = self.tail(&room, position);
                    if is_known {
                        self.known.insert(connection);
                    }
                    let tail = Some(Box::new(tail));
                    let update = Update { content: "Connected.".into(), tail, ..Update::default() };
                    Outcome::Join(Admission::Admit(update.into()))
                }
                StoreTask::Message { .. } if is_full => {
                    Outcome::Message(Err(ErrorCode::BackendUnavailable))
                }
                StoreTask::Message { room, said_by, message } => {
                    let (ticket, answer) = (ticket, Update::text(format!("noted {}", said_by.1)));
                    let is_new = self.answered.insert(said_by.clone());
                    self.repeated += u64::from(!is_new);
                    if is_new || self.fault == Some(StoreFault::PublishesRepeats) {
                        let event = self.publish((room, said_by, message), connection);
                        self.mail.push_back(Completion { ticket, outcome: Outcome::Event(event) });
                    }
                    Outcome::Message(Ok(answer))
                }
            };
            self.mail.push_back(Completion { ticket, outcome });
        }
    }

    /// The task that is next: users take turns, and each one's tasks stay in their order.
    fn next(&mut self) -> Option<StoreQuestion> {
        let at = self.rng.below(self.queue.len().max(1) as u64) as usize;
        let connection = self.queue.get(at)?.connection;
        let first = self.queue.iter().position(|it| it.connection == connection)?;
        self.queue.remove(first)
    }

    fn room(&mut self, room: &str) -> (Position, &mut StoredRoom) {
        let tag = self.rng.next_u64();
        let room = self.rooms.entry(room.to_owned()).or_default();
        let base = *room.base.get_or_insert(Position::new(0, tag));
        (room.messages.last().map_or(base, |(position, ..)| *position), room)
    }

    fn publish(
        &mut self,
        (room, said_by, message): (String, SaidBy, RoomMessage),
        sender: ConnId,
    ) -> AppEvent {
        let (tag, delays) = (self.rng.next_u64(), self.fault == Some(StoreFault::DeliversUnstored));
        let before = self.unstored.iter().rev().find(|(it, ..)| *it == room).map(|it| it.1);
        let (head, stored) = self.room(&room);
        let follows = before.unwrap_or(head);
        let position = follows.next(tag);
        if delays {
            self.unstored.push((room.clone(), position, message.clone(), said_by));
        } else {
            stored.messages.push((position, message.clone(), said_by));
        }
        let except = Some(sender);
        AppEvent::Published(RoomPublication { room, follows, position, message, except })
    }

    fn tail(&mut self, room: &str, position: Option<Position>) -> (RoomTail, bool) {
        let (head, stored) = self.room(room);
        let place = position.and_then(|position| {
            let place = stored.messages.iter().position(|(it, ..)| *it == position);
            place.map(|place| place + 1).or((stored.base == Some(position)).then_some(0))
        });
        let place = place.filter(|place| stored.messages.len() - place <= KEPT);
        let Some((base, place)) = position.zip(place) else { return (RoomTail::at(head), false) };
        let behind = stored.messages.iter().skip(place);
        let messages = behind.map(|(position, message, _)| (*position, message.clone())).collect();
        (RoomTail { base, messages }, true)
    }
}

/// The disk, shared by the processes and the world.
#[derive(Clone, Debug)]
pub(super) struct SharedStore(Arc<Mutex<StoreModel>>);

impl SharedStore {
    pub(super) fn new(seed: u64, fault: Option<StoreFault>) -> Self {
        Self(Arc::new(Mutex::new(StoreModel {
            rooms: BTreeMap::new(),
            answered: BTreeSet::new(),
            rng: Rng::new(seed),
            fault,
            queue: VecDeque::new(),
            mail: VecDeque::new(),
            unstored: Vec::new(),
            known: BTreeSet::new(),
            repeated: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, StoreModel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, ticket: Ticket, start: &StartFlag, connection: ConnId, task: StoreTask) {
        let start = start.clone();
        self.lock().queue.push_back(StoreQuestion { ticket, start, connection, task });
    }
}

/// The application of a process on this disk.
#[derive(Debug)]
pub(super) struct StoringApp(pub(super) SharedStore);

impl App for StoringApp {
    fn stores_publications(&self) -> bool {
        true
    }

    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let task = StoreTask::Join { room: join.room.to_owned(), position: join.position };
        self.0.ask(join.ticket, join.start, join.connection, task);
        Reply::Held
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let Incoming { now, room, user, id, content, data, .. } = *message;
        let said_by = (user.to_owned(), id.to_owned());
        let said = RoomMessage::chat(now, user, (id, content), data);
        let task = StoreTask::Message { room: room.to_owned(), said_by, message: said };
        self.0.ask(message.ticket, message.start, message.connection, task);
        Reply::Held
    }
}
