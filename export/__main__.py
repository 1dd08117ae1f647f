"""``python -m export``: Keras to TFLite, parity, cards."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training.cli.common import dispatch

COMMANDS = {
    "card": "export.cli.card:main",
    "bench": "export.cli.bench:main",
    "study": "export.cli.study:main",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; without one, export a model."""
    return dispatch(argv, COMMANDS, "export.cli.export:main")


if __name__ == "__main__":
    sys.exit(main())
