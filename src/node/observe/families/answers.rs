//! What became of the questions that the application was asked.

use crate::node::observe::family::{Family, total};
use crate::node::observe::view::View;

impl<'a> View<'a> {
    pub(crate) fn answer_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        vec![
            total(
                "vestibule_repeated_messages_total",
                "Chat messages that came twice and were answered from memory.",
                metrics.repeated_messages,
            ),
            total(
                "vestibule_reused_ids_total",
                "Chat messages under an id that was used for another message: refused.",
                metrics.reused_ids,
            ),
            total(
                "vestibule_undelivered_messages_total",
                "Chat messages that the backend has kept from the others.",
                metrics.undelivered_messages,
            ),
            total(
                "vestibule_changed_messages_total",
                "Chat messages whose content the backend has changed before the others got them.",
                metrics.changed_messages,
            ),
            total(
                "vestibule_repeated_publishes_total",
                "Publish calls that were answered from memory, by their idempotency key.",
                metrics.repeated_publishes,
            ),
            total(
                "vestibule_withdrawn_questions_total",
                "Questions whose work was not begun, as nobody waited for it any more.",
                metrics.withdrawn_questions,
            ),
            total(
                "vestibule_answers_after_timeout_total",
                "Answers to messages after their `backend_timeout`, kept for who sends them again.",
                metrics.answers_after_timeout,
            ),
            total(
                "vestibule_never_answered_total",
                "Messages, and publications with a key, that the application began with and did not answer in 10 minutes.",
                metrics.never_answered,
            ),
            total(
                "vestibule_late_answers_total",
                "Answers of the application whose question was over.",
                metrics.late_completions,
            ),
        ]
    }
}
