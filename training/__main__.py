"""``python -m training``: data sets, networks and the transfer study."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training.cli.common import dispatch

COMMANDS = {
    "train": "training.cli.train:main_train",
    "evaluate": "training.cli.evaluate:main",
    "import": "training.cli.data:main_import",
    "inspect": "training.cli.data:main_inspect",
    "features": "training.cli.features:main_features",
    "advise": "training.cli.features:main_advise",
    "speed": "training.cli.speed:main",
    "visualise": "training.cli.visualise:main",
    "prune": "training.cli.prune:main",
    "quantise-aware": "training.cli.quantise:main",
    "bench": "training.cli.bench:main",
    "study": "training.cli.study:main_study",
    "report": "training.cli.study:main_report",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; without one, train both networks of the project."""
    return dispatch(argv, COMMANDS, "training.cli.train:main_both")


if __name__ == "__main__":
    sys.exit(main())
