"""What a model answers to the same frames on one machine and another: for emulated_arm.sh.

The answers themselves are ``python -m controller.fingerprint``'s, in files called
``PROCESSOR.KERNELS.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np

from controller.drive.supervisor import choose
from controller.model.cards import card_path, read_card
from controller.model.pilot import TflitePilot, find_model
from controller.recording.sources import open_recording
from firmware_bridge.wire.commands import Command


def prepare(name: str, recordings: list[Path], most: int, to: Path) -> None:
    """Put into a folder ``model.tflite``, its card, and ``frames.npy``: what it sees of recordings.

    All frames of the first recording, and so many of each other one.
    Decoding and scaling happen on one machine only: what is compared is the model.
    """
    model = to / "model.tflite"
    shutil.copy(find_model(name), model)
    shutil.copy(card_path(find_model(name)), card_path(model))
    pilot = TflitePilot(model)
    frames = []
    for recording, limit in zip(recordings, [None, *[most] * (len(recordings) - 1)], strict=True):
        frames += [
            pilot.fit(frame.pixels).copy()
            for frame in itertools.islice(open_recording(recording), limit)
        ]
    np.save(to / "frames.npy", np.stack(frames))


def compare(paths: list[Path]) -> None:
    """Print a table, and who agrees to the last bit."""
    names, answers = [], []
    for path in paths:
        facts = json.loads(path.read_text())
        kernels = "XNNPACK" if facts["runtime"] == "ai-edge-litert" else "its own"
        kernels = kernels if facts["delegates"] else "its own"
        names.append(
            f"{facts['runtime']} {facts['version']}, {kernels} | {path.name.split('.')[0]}"
        )
        answers.append(np.array(facts["answers"], np.int64))
    first = answers[0]
    print(f"{len(first)} frames; differences from the first line, answers in steps of 1/256\n")
    print("| runtime, kernels | processor | answers that differ | largest | classes that differ |")
    print("|---|---|---|---|---|")
    alike: dict[bytes, list[int]] = {}
    for number, (name, answer) in enumerate(zip(names, answers, strict=True), 1):
        alike.setdefault(answer.tobytes(), []).append(number)
        apart = np.abs(answer - first)
        classes = int((answer.argmax(axis=1) != first.argmax(axis=1)).sum())
        print(f"| {number}. {name} | {np.count_nonzero(apart)} of {apart.size} "
              f"| {apart.max()} | {classes} |")  # fmt: skip
    groups = "; ".join(" = ".join(map(str, numbers)) for numbers in alike.values())
    print(f"\nthe same to the last bit: {groups}")


def commands(path: Path, frames: int, model: Path) -> None:
    """SHA-256 of the commands for the first frames, as ``python -m controller replay`` has it."""
    answers = np.array(json.loads(path.read_text())["answers"], np.float32)[:frames] / 256
    weight = read_card(model).forward_weight
    chosen = [choose(answer, weight) for answer in answers]
    digest = hashlib.sha256(bytes(Command.STOP if c is None else c for c in chosen))
    print(digest.hexdigest())


def requirements() -> None:
    """What the installed package requires on this machine, by its markers as pip reads them."""
    from pip._vendor.packaging.requirements import Requirement

    for text in metadata.requires("paperlane") or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            print(requirement.name)


def main() -> None:
    """One of the four, by name."""
    parser = argparse.ArgumentParser(description=__doc__)
    subcommands = parser.add_subparsers(dest="command", required=True)
    sub = subcommands.add_parser("prepare")
    sub.add_argument("to", type=Path)
    sub.add_argument("recordings", type=Path, nargs="+")
    sub.add_argument("--model", default="default")
    sub.add_argument("--most", type=int, default=500)
    sub = subcommands.add_parser("compare")
    sub.add_argument("files", type=Path, nargs="+")
    sub = subcommands.add_parser("commands")
    sub.add_argument("file", type=Path)
    sub.add_argument("frames", type=int)
    sub.add_argument("model", type=Path)
    subcommands.add_parser("requirements")
    arguments = parser.parse_args()
    if arguments.command == "compare":
        compare(arguments.files)
    elif arguments.command == "prepare":
        prepare(arguments.model, arguments.recordings, arguments.most, arguments.to)
    elif arguments.command == "commands":
        commands(arguments.file, arguments.frames, arguments.model)
    else:
        requirements()


if __name__ == "__main__":
    main()
