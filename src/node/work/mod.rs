//! Work: what the application is asked, under which ticket, until when, and how much of it at once.

pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod keys;
pub(crate) mod orders;
pub(crate) mod port;
pub(crate) mod publication;
pub(crate) mod questions;
pub(crate) mod ticket;
mod unstored;
pub(crate) mod user_orders;

use std::collections::VecDeque;

use self::idempotency::IdempotencyKeys;
use self::orders::Orders;
use self::port::{Action, Command, Work};
use self::questions::{NewQuestion, Questions, cost};
use self::ticket::Ticket;
use crate::id::{ConnId, Seed};
use crate::node::app::App;
use crate::node::context::Cx;
use crate::node::policy::Policy;
use crate::time::{Instant, Now};

/// The application, and what it is asked.
pub(crate) struct Workload {
    pub(crate) app: Box<dyn App>,
    pub(crate) questions: Questions,
    /// Connections whose messages wait until the application is asked less.
    pub(crate) backlog: VecDeque<ConnId>,
    pub(crate) orders: Orders,
    /// What came of publications that may be asked for again.
    pub(crate) idempotency: IdempotencyKeys,
}

impl Workload {
    pub(crate) fn new(seed: &Seed, app: Box<dyn App>) -> Self {
        let (questions, orders) = (Questions::default(), Orders::default());
        let idempotency = IdempotencyKeys::new(seed);
        Self { app, questions, backlog: VecDeque::new(), orders, idempotency }
    }

    /// When the application has something to do.
    pub(crate) fn next_deadline(&self, now: Now) -> Option<Instant> {
        self.app.next_deadline().map(|at| now.monotonic + at.since(now.unix))
    }

    /// Has the application do what is due.
    pub(crate) fn serve_deadline(&mut self, now: Now) {
        if self.app.next_deadline().is_some_and(|at| at <= now.unix) {
            self.app.on_deadline(now.unix);
        }
    }

    /// Opens the question of the ticket that was issued last, and submits its `work`. `None`: the
    /// application holds it.
    pub(crate) fn open(
        &mut self,
        cx: &mut Cx,
        ticket: Ticket,
        question: NewQuestion,
        work: Option<Work>,
    ) {
        let payer = question.payer.clone();
        let start = self.questions.open(cx.now.monotonic, ticket, question, work.is_some());
        if let Some(work) = work {
            cx.actions.push_back(Action::Submit(Command { ticket, work, payer, start }));
        }
    }

    /// Nobody waits for the answer to this question: its work is not begun, if it has not. True: it
    /// had not, and the question is closed.
    pub(crate) fn withdraw(&mut self, cx: &mut Cx, ticket: Ticket) -> bool {
        let is_withdrawn = self.questions.withdraw(ticket).is_some();
        cx.metrics.withdrawn_questions += u64::from(is_withdrawn);
        is_withdrawn
    }

    /// What a question of a pending connection with so many bytes of text costs of the budget for
    /// work; `None`: there is no room for it in the half that pending connections may use.
    pub(crate) fn cost_of_pending(&self, cx: &mut Cx, text_bytes: usize) -> Option<u32> {
        if self.exceeds(cx.policy.work_total / 2, text_bytes) {
            cx.metrics.refused_questions += 1;
            return None;
        }
        Some(cost(text_bytes))
    }

    /// Does a message with so many bytes have to wait until less is asked? One may always be asked
    /// where nothing is.
    pub(crate) fn over_work_budget(&self, policy: &Policy, text_bytes: usize) -> bool {
        self.exceeds(policy.work_total, text_bytes)
    }

    fn exceeds(&self, budget: usize, text_bytes: usize) -> bool {
        let asked = self.questions.weight();
        asked > 0 && asked.saturating_add(cost(text_bytes) as usize) > budget
    }
}

impl std::fmt::Debug for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workload")
            .field("questions", &self.questions)
            .field("backlog", &self.backlog.len())
            .finish_non_exhaustive()
    }
}
