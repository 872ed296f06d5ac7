"""The `sh` blocks that are not typed, and what runs them instead.

A block is known by its first command; "" stands for all blocks of a page. Each has files with a text that must be in
them: a change that takes the step away is told that a document relied on it.
"""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# They need a systemd, or an engine for containers.
DEPLOYED = [("test", "\nscripts/deployment >")]
# `./test --all` makes the projects by the commands of the README.
FRESH = [("test", "scripts/fresh-projects target/release/vestibule"), ("client/scripts/fresh.js", "commandsOf(name)")]
# All scenarios take 20 minutes. A test of the comparison holds its command line to these.
COMPARED = [
    ("test", "target/debug/compare --quick --rounds 1 "),
    ("benches/compare/src/compare/tests.rs", "fn commands_of_the_documents_are_accepted()"),
]

BLOCKS = {
    # Tests compare what these write with what is there.
    "ARCHITECTURE.md": {
        "VESTIBULE_WRITE_SCHEMA=1 cargo test --features schema --test schema": [
            ("test", "cargo test --workspace --all-targets --features sim,schema\n"),
            ("client/package.json", '"check": "node scripts/types.js --check'),
        ]
    },
    "docs/deployment.md": {"": DEPLOYED},
    "docs/cluster.md": {"sudo systemctl disable --now vestibule.socket vestibule.service": DEPLOYED},
    "docs/troubleshooting.md": {"cd /var/lib/vestibule && pid=$(pidof vestibule)": DEPLOYED},
    "docs/operations.md": {
        "cd deploy/prometheus": [
            ("scripts/prometheus", "promtool test rules alerts.test.yml && promtool check config prometheus.yml)\n")
        ]
    },
    # Five minutes.
    "docs/security.md": {
        "cargo build --release && cargo build --release -p tyrants": [
            ("test", "cargo build --workspace --bin tyrants "),
            ("test", "target/debug/tyrants --vestibule target/release/vestibule --quick"),
        ]
    },
    "client/README.md": {
        "npm create vite@latest my-app -- --template react-ts": FRESH,
        "npx create-next-app@latest my-app --yes --empty": FRESH,
        "npm ci && npm run check && npm test && npm run build && npm run size": [
            ("test", "  npm ci\n  npm run check\n  npm test\n  npm run build\n  npm run size\n"),
            ("test", "npm run live -- ../target/release/vestibule\n"),
            ("test", "npm run examples -- ../target/release/vestibule --all\n"),
        ],
    },
    "benches/compare/README.md": {
        "cargo build --release": [("test", "cargo build --workspace --bins "), *COMPARED],
        "target/release/compare --rounds 7 --peer uws=target/release/uws-peer \\": COMPARED,
        "chrt -f 5 target/release/compare --only surge --rounds 5 \\": COMPARED,
        "target/release/compare --peer 'tokio-2=target/release/tokio-peer --threads 2'": [
            ("test", "benches/compare/peers/own_server.py {port}"),
            *COMPARED,
        ],
        # It needs GitHub, which a test does not: by hand.
        "apt-get install g++ git libssl-dev rapidjson-dev": COMPARED,
    },
    "examples/cluster/README.md": {"cd examples/cluster": DEPLOYED},
}


def has(page, block):
    """Does something else run this block, or a shorter form of it?"""
    commands = [line for line in block.splitlines() if not line.startswith("#")]
    first = commands[0].split("  #")[0].rstrip() if commands else ""
    blocks = BLOCKS.get(page, {})
    return "" in blocks or (first in blocks and first != "")


def check_that_it_runs():
    for page, blocks in BLOCKS.items():
        text = (ROOT / page).read_text()
        for first, reasons in blocks.items():
            assert first in text, f"{page} has no {first} any more"
            for path, wanted in reasons:
                assert wanted in (ROOT / path).read_text(), f"{page}: {path} does not run {wanted} any more, for {first}"
