//! What `--help` says behind the options: examples, the environment and exit codes.

macro_rules! help {
    ($(#[$doc:meta])* $name:ident: $examples:literal) => {
        $(#[$doc])*
        pub(super) const $name: &str = concat!(
            "Examples:\n",
            $examples,
            "\n\nEvery setting is also an environment variable, VESTIBULE_SECTION__KEY, such as \
             VESTIBULE_LIMITS__MEMORY=64MiB.\nExit codes: 0 success, 1 failure, 2 usage error."
        );
    };
}

help!(AFTER_HELP: "  vestibule                                  run the bundled recipe chat
  vestibule --backend http://127.0.0.1:8000  run in front of your application
  vestibule check --config vestibule.toml    validate a configuration file
  vestibule token --sub alice                print a token for alice
  vestibule connect soup --sub alice         chat in a room of your application");
help!(SERVE_HELP: "  vestibule serve --config /etc/vestibule.toml
  vestibule serve --listen :8080,unix:/run/vestibule/http.sock
  vestibule serve --backend http://127.0.0.1:8000");
help!(TOKEN_HELP: "  vestibule token --sub alice
  vestibule token --sub alice --ttl 1h --claim role=cook
  vestibule token --check < token.txt");
help!(CHECK_HELP: "  vestibule check --config vestibule.toml
  vestibule check --backend http://127.0.0.1:8000 --offline
  vestibule check --memory");
help!(CONNECT_HELP: "  vestibule connect soup --sub alice
  echo Hello | vestibule connect soup --sub alice
  vestibule connect soup --token-file token.txt --url ws://127.0.0.1:8080

Each line of standard input is a message. The output has `>` before an answer, `!` before an error,
`*` before news of the room, and a name before what others say.

These rooms and users are those of README.md's quick start with a backend. In the bundled recipe chat, ROOM
is the id of a recipe, as in the address of its page, and USER that of an account that may read it.");
help!(EXPLAIN_HELP: "  vestibule explain
  vestibule explain 0000002a-000007
  vestibule explain --user alice --last 5");
help!(INVITE_HELP: "  vestibule invite
  vestibule invite --email alice@example.org --valid 2d");
help!(RESET_PASSWORD_HELP: "  vestibule reset-password alice@example.org");
help!(#[cfg(feature = "recipes")] BACKUP_HELP: "  vestibule backup /var/backups/recipes.db");
help!(#[cfg(feature = "recipes")] RESTORE_HELP: "  vestibule restore /var/backups/recipes.db");
help!(LOAD_HELP: "  vestibule load chat --connections 1000
  vestibule load fanout --connections 1000 --json
  vestibule load storm --pid $(pidof vestibule)");
help!(COMPLETIONS_HELP: "  vestibule completions bash > /etc/bash_completion.d/vestibule
  vestibule completions fish > ~/.config/fish/completions/vestibule.fish");
help!(HEALTH_HELP: "  vestibule health
  vestibule health --live --admin 127.0.0.1:9090");
help!(STATUS_HELP: "  vestibule status
  vestibule status --json");
help!(ROOMS_HELP: "  vestibule rooms
  vestibule rooms --local");
help!(USERS_HELP: "  vestibule users
  vestibule users --local");
help!(ROOM_HELP: "  vestibule room soup");
help!(PUBLISH_HELP: "  vestibule publish soup 'Dinner is ready'
  vestibule publish --user alice --room soup 'Dinner is ready'
  vestibule publish --idempotency-key order-17 --user alice 'Your order is on its way'");
help!(DISCONNECT_HELP: "  vestibule disconnect alice
  vestibule disconnect --connection 0000002a-000007
  vestibule disconnect --room soup");
help!(REQUIRE_AUTH_HELP: "  vestibule require-auth alice");
help!(LOCK_HELP: "  vestibule lock alice");
help!(UNLOCK_HELP: "  vestibule unlock alice");
help!(DRAIN_HELP: "  vestibule drain
  vestibule drain --over 30s");

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, command};

    /// What a line of examples types behind `vestibule`, without its shell's part and its explanation.
    fn arguments(line: &str) -> Option<Vec<String>> {
        let (_, typed) = line.split_once("vestibule")?;
        let typed = typed.split("  ").next()?.replace("$(pidof vestibule)", "1");
        let typed = typed.split(['<', '>', '|']).next()?;
        let quoted = typed.split('\'').enumerate();
        let words = quoted.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        Some(words.map(str::to_owned).collect())
    }

    /// The examples in the help of this command and of those below it.
    fn examples(command: &clap::Command) -> Vec<Vec<String>> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter(|line| line.starts_with("  "));
        let inner = command.get_subcommands().flat_map(examples);
        lines.filter_map(arguments).chain(inner).collect()
    }

    #[test]
    fn examples_of_every_help_are_understood() {
        let examples = examples(&command());
        assert!(examples.len() > 30, "{examples:?}");
        for words in examples {
            let whole = ["vestibule".to_owned()].into_iter().chain(words.iter().cloned());
            let parsed = Cli::try_parse_from(whole);
            assert!(parsed.is_ok(), "vestibule {}: {}", words.join(" "), parsed.unwrap_err());
        }
    }

    #[test]
    fn arguments_are_those_of_the_program() {
        let of = |line| arguments(line).unwrap();
        assert_eq!(of("  echo a | vestibule connect b --sub c"), ["connect", "b", "--sub", "c"]);
        assert_eq!(of("  vestibule publish a 'b c' > d"), ["publish", "a", "b c"]);
        assert_eq!(of("  vestibule token  print it"), ["token"]);
        assert_eq!(arguments("  no example"), None);
    }
}
