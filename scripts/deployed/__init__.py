"""What docs/deployment.md says, typed in a system of its own under systemd: see scripts/deployment."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
