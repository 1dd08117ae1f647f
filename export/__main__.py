"""``python -m export``: Keras to TFLite, parity, cards."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training.cli import dispatch

COMMANDS = {
    "card": "export.cli_card:main",
    "bench": "export.cli_bench:main",
    "study": "export.cli_study:main",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; without one, export a model."""
    return dispatch(argv, COMMANDS, "export.cli_export:main")


if __name__ == "__main__":
    sys.exit(main())
