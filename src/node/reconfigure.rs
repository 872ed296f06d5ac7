//! A configuration that changes while connections are open.

use crate::auth::Verifier;
use crate::config::Config;
use crate::node::policy::Policy;
use crate::node::{Node, operator};
use crate::time::Now;

impl Node {
    /// From here on the node goes by `config`, and checks tokens with `verifier`. No connection is
    /// dropped: who is in stays in, deadlines that run stay as they are, and a bound that has become
    /// narrower is for who comes next. O(connections).
    pub fn reconfigure(&mut self, now: Now, config: &Config, verifier: Verifier) {
        let limits = &config.limits;
        self.verifier = verifier;
        self.replays.set_capacity(limits.replay_entries);
        operator::bound(&mut self.revocations, config);
        self.limiter.set_allowance(limits.auth_per_minute_per_ip, limits.addresses);
        self.answers.set_max_weight(limits.answer_bytes.get());
        self.ends.set_capacity(limits.recent_ends);
        let old = std::mem::replace(&mut self.policy, Policy::new(config));
        // Listeners begin and cease to speak TLS with the next start only.
        self.policy.speaks_tls = old.speaks_tls;
        self.checks.set_limit(self.policy.checks_at_once);
        self.app.on_reload(config);
        let indices: Vec<usize> = self.connections.iter().map(|(index, _)| index).collect();
        for index in indices {
            self.arm(index);
            // Who was not read from may have room now, and nothing else would say so.
            if self.connections.get(index).is_some_and(|connection| connection.is_full(&old)) {
                self.resume(now, index, true);
            }
        }
        self.submit_checks(now);
        self.relieve(now);
    }
}
