"""The parts of scripts/as-written."""
