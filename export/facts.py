"""What a card says beyond the contract: how the model was made, from what, and how it did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.convert.operators import Anatomy
from export.parity.compare import Parity
from training.data.pool import Pool
from training.networks.macs import count_macs
from training.runs.folder import git_commit, versions

IMAGENET_LICENCE = "Apache-2.0"
"""Of MobileNet v1's ImageNet weights as TensorFlow and Keras publish them."""


def read_run(model: Path) -> dict[str, Any]:
    """The ``run.json`` beside a model, or an empty object where there is none."""
    folder = model if model.is_dir() else model.parent
    try:
        facts = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def training_facts(model: Path) -> dict[str, Any]:
    """How a network was trained, without the paths of the machine that did it."""
    run = read_run(model)
    configuration = run.get("configuration", {})
    network = dict(configuration.get("network", {}))
    weights = str(network.pop("weights", "unknown"))
    folder = model if model.is_dir() else model.parent
    try:
        result = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        result = {}
    return {
        "run": run.get("identity", "unknown"),
        "commit": run.get("commit", "unknown"),
        "versions": run.get("versions", {}),
        "network": network,
        "recipe": configuration.get("recipe", {}),
        "seed": configuration.get("seed"),
        "split": configuration.get("split", "unknown"),
        "frames": configuration.get("frames", []),
        "drives": named_drives(result.get("train_drives", [])),
        "initial_weights": _weights_facts(weights),
    }


def _weights_facts(weights: str) -> dict[str, str]:
    if weights == "random":
        return {"from": "random", "licence": "none needed"}
    if weights == "imagenet" or weights.endswith(".h5"):
        return {"from": "MobileNet v1 trained on ImageNet", "licence": IMAGENET_LICENCE}
    if weights == "unknown":
        return {"from": "unknown", "licence": "unknown"}
    inner = training_facts(Path(weights))["initial_weights"]
    before = "networks trained before, the first from "
    return {**inner, "from": before + inner["from"].removeprefix(before)}


def model_facts(model: Any, anatomy: Anatomy, form: str) -> dict[str, Any]:  # noqa: ANN401
    """What a file is made of."""
    return {
        "quantisation": form,
        "parameters": int(model.count_params()),
        "macs": count_macs(model),
        "operators": anatomy.counts(),
        "export": {"commit": git_commit(), "versions": versions()},
    }


def named_drives(names: Sequence[str]) -> list[str]:
    """Names of drives as a card has them: a run of numbers as its first and last.

    ``["day1", "random-7", "random-8", "random-9"]`` gives ``["day1", "random-7 to random-9"]``; the
    simulator's data sets have thousands of drives, and a car reads its card at every start.
    """
    runs: list[tuple[str, str]] = []
    for name in names:
        stem = name.rstrip("0123456789")
        number = name[len(stem) :]
        if number and runs and runs[-1][1] == f"{stem}{int(number) - 1}":
            runs[-1] = (runs[-1][0], name)
        else:
            runs.append((name, name))
    return [first if first == last else f"{first} to {last}" for first, last in runs]


def pool_facts(pool: Pool) -> dict[str, Any]:
    """Which drives a set of frames comes from, and how many there are of each class."""
    return {
        "drives": named_drives(pool.drives_present),
        "frames": len(pool),
        "per_class": [int(count) for count in pool.class_counts()],
    }


def parity_facts(parity: Parity, held_out: Pool) -> dict[str, Any]:
    """How a file did on drives that it was not trained on."""
    return {
        "held_out": {
            "drives": list(held_out.drives_present),
            **parity.as_json(),
            "keras_accuracy": round(parity.keras.accuracy, 6),
            "keras_balanced_accuracy": round(parity.keras.balanced_accuracy, 6),
        }
    }
