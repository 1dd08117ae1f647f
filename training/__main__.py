"""``python -m training``: data sets, networks and the transfer study."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training.cli import dispatch

COMMANDS = {
    "train": "training.cli_train:main_train",
    "evaluate": "training.cli_evaluate:main",
    "import": "training.cli_data:main_import",
    "inspect": "training.cli_data:main_inspect",
    "features": "training.cli_features:main_features",
    "advise": "training.cli_features:main_advise",
    "speed": "training.cli_speed:main",
    "visualise": "training.cli_visualise:main",
    "prune": "training.cli_prune:main",
    "quantise-aware": "training.cli_quantise:main",
    "bench": "training.cli_bench:main",
    "study": "training.cli_study:main_study",
    "report": "training.cli_study:main_report",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; without one, train both networks of the project."""
    return dispatch(argv, COMMANDS, "training.cli_train:main_both")


if __name__ == "__main__":
    sys.exit(main())
