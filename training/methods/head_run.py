"""A run that trains a head on a frozen network's features; see `features`."""

from __future__ import annotations

import sys
from pathlib import Path

from training.backend import load_keras
from training.methods.features import FeatureCache, train_head
from training.networks.networks import NetworkSpec, build_network
from training.runs.derived import data_facts, result_of
from training.runs.folder import RunFolder
from training.runs.selection import Selection
from training.runs.trainer import Split


def run_head(
    spec: NetworkSpec, selection: Selection, split: Split, seed: int, cache: Path, out: Path
) -> RunFolder:
    """Train a head as a run of its own, or find it finished.

    Args:
        spec: The frozen network.
        selection: The data that the frames are from.
        split: The frames.
        seed: Of the new head.
        cache: Where features are kept.
        out: The run folder.
    """
    folder = RunFolder(out)
    folder.begin(
        {"network": spec, "recipe": {"name": "head"}, **data_facts(selection, split, seed)}
    )
    if folder.complete:
        print(f"{spec.name}: finished before, in {out}", file=sys.stderr)
        return folder
    print(f"{spec.describe()}; features kept in {cache}", file=sys.stderr)
    load_keras().utils.set_random_seed(seed)
    model = build_network(spec)
    head = train_head(model, split.train, split.validation, FeatureCache(cache))
    model.save(folder.model)
    folder.write("history.json", [{"strength": head.strength, "validation": head.validation}])
    folder.write("result.json", result_of(model, split))
    return folder
