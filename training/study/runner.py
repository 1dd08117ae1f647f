"""Doing a study's runs: each once, whoever does it, and on from where a kill left it.

A study's folder::

    study.json      the grid and everything else, as last started
    frames/         recordings as frame sets, one for each size; made once
    locks/          one file for each run or import: whoever holds its lock is at work on it
    runs/           one run folder for each run

A lock is the kernel's (``flock``): it falls with the process that holds it, however that ends. So
several processes, here or on machines that share the folder, do the runs of one study together.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from controller.recording.frameset import is_frameset
from training.backend import load_keras, load_tensorflow
from training.data.registry import import_dataset, kind_of
from training.errors import SpecError, TrainingError
from training.pipeline.recipes import recipe_of
from training.runs.folder import RunFolder, write_json
from training.runs.selection import Selection, make_split
from training.runs.trainer import Split, TrainConfig, train
from training.study.plan import Plan, StudyRun, network_spec, plan_runs


@dataclass(frozen=True, slots=True)
class Job:
    """What all runs of a study share; small, so that it travels to workers.

    Attributes:
        plan: The grid.
        data: Recordings to train on, as the user named them.
        held_out: Recordings to judge on, as the user named them.
        out: The study's folder.
        every: One of so many training frames is used: neighbours are near-copies.
        judge_every: The same for validation and held-out frames.
        recipe: Name of the recipe.
        epochs: Passes over the training frames; None for the recipe's own.
        threads: Threads of a run; None leaves them to TensorFlow. With one, a run gives the same
            figures on any machine of a kind.
        smooth_ms: Label training frames by their steering averaged over so long.
        turn_at: Steering that counts as a turn in training frames.
    """

    plan: Plan
    data: tuple[str, ...]
    held_out: tuple[str, ...]
    out: Path
    every: int = 1
    judge_every: int = 1
    recipe: str = "default"
    epochs: int | None = None
    threads: int | None = None
    smooth_ms: float | None = None
    turn_at: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1 or self.judge_every < 1:
            raise SpecError(f"every {self.every}, judge every {self.judge_every}: at least 1 each")
        if self.threads is not None and self.threads < 1:
            raise SpecError(f"{self.threads} threads: at least 1")
        recipe_of(self.recipe, pretrained=False, epochs=self.epochs)

    def folder(self, run: StudyRun) -> RunFolder:
        """Where a run is."""
        return RunFolder(self.out / "runs" / run.folder)


@contextlib.contextmanager
def claim(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file, and say whether it could be had.

    Args:
        path: The file; it holds who has the lock, for people, and stays when the lock is gone.
        wait: Wait until whoever holds the lock is done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": os.uname().nodename}) + "\n")
        file.flush()
        yield True


def imported(path: Path, shape: tuple[int, int], study: Path) -> Path:
    """A recording as a frame set of one size, imported by whoever needs it first.

    Args:
        path: The recording, or a frame set of that size already.
        shape: Height and width of the frames, in pixels.
        study: The study's folder.

    Raises:
        DataError: If it is no data set, or has no usable frame.
    """
    if kind_of(path) == "frameset":
        return path
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"{path.resolve().name}-{shape[0]}x{shape[1]}-{mark}"
    target = study / "frames" / name
    with claim(study / "locks" / f"{name}.lock", wait=True):
        if not is_frameset(target):
            shutil.rmtree(target, ignore_errors=True)  # half an import
            import_dataset(path, shape, target)
    return target


@lru_cache(maxsize=2)
def open_split(job: Job, shape: tuple[int, int], name: str) -> Split:
    """The data of a run, split as named and then thinned.

    Raises:
        DataError: If a recording cannot be opened.
        SpecError: If it is too small to be split.
    """
    split = make_split(
        Selection(
            [imported(Path(path), shape, job.out) for path in job.data],
            [imported(Path(path), shape, job.out) for path in job.held_out],
            shape,
            split=name,
            smooth_ms=job.smooth_ms,
            turn_at=job.turn_at,
        )
    )
    return Split(
        split.train.every(job.every),
        split.validation.every(job.judge_every),
        split.held_out.every(job.judge_every),
        f"{split.how}; 1 frame of {job.every} to train on, 1 of {job.judge_every} to judge on",
    )


def do_run(job: Job, run: StudyRun) -> dict[str, Any] | None:
    """Do one run, go on with it, or find it done.

    Returns:
        Its held-out figures; None where another process is at work on it.

    Raises:
        RunError: If its folder holds another run.
        TrainingError: If it died of its own.
    """
    with claim(job.out / "locks" / f"{run.folder}.lock") as mine:
        if not mine:
            return None
        folder = job.folder(run)
        if not folder.complete:
            limit_threads(job.threads)
        split = open_split(job, run.shape, run.split)
        spec = network_spec(run, job.plan, job.out / "runs")
        # Only where nothing but the head is new: blocks that start at random learn as in baseB,
        # or a condition would differ from it by the learning rate, too.
        gently = spec.weights != "random" and spec.copied >= spec.blocks
        config = TrainConfig(
            spec,
            recipe_of(job.recipe, pretrained=gently, epochs=job.epochs),
            job.data,
            job.held_out,
            split.how,
            (len(split.train), len(split.validation), len(split.held_out)),
            run.seed,
        )
        done = train(config, split, folder.path)
        if done.model is not None:
            load_keras().utils.clear_session()  # else every network of the study stays in memory
        return done.held_out.as_json()


def limit_threads(threads: int | None) -> None:
    """Have TensorFlow use so many threads for an operation, and run one operation at a time.

    Raises:
        SpecError: If TensorFlow runs already with another number.
    """
    if threads is None:
        return
    config = load_tensorflow().config.threading
    if config.get_intra_op_parallelism_threads() == threads:
        return
    try:
        config.set_intra_op_parallelism_threads(threads)
        config.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise SpecError(f"{threads} threads: TensorFlow runs already with others") from error


@dataclass(slots=True)
class Progress:
    """Which runs are left, and one line for each that is done.

    Attributes:
        job: The study.
        waiting: Runs that are not done yet, in the order of the plan.
        failed: What became of runs that died, by folder.
    """

    job: Job
    waiting: list[StudyRun] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    _seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = plan_runs(self.job.plan)
        self.job.out.mkdir(parents=True, exist_ok=True)
        write_json(self.job.out / "study.json", {**asdict(self.job), "out": str(self.job.out)})

    def ready(self) -> list[StudyRun]:
        """Runs that can be done now; those that wait for one that died are given up."""
        ready = []
        for run in list(self.waiting):
            if run.needs is None or self.job.folder(run.needs).complete:
                ready.append(run)
            elif run.needs.folder in self.failed:
                self.fail(run, f"needs {run.needs.folder}")
        return ready

    def finish(self, run: StudyRun, figures: dict[str, Any], seconds: float | None) -> None:
        """Note a run as done, and say so.

        Args:
            run: The run.
            figures: Its held-out figures.
            seconds: How long it took; None for one that was done already.
        """
        self.waiting.remove(run)
        if seconds is not None:
            self._seconds.append(seconds)
        total = len(plan_runs(self.job.plan))
        left = ""
        if self._seconds and self.waiting:
            minutes = len(self.waiting) * float(np.mean(self._seconds)) / 60
            left = f"; {len(self.waiting)} left, about {minutes:.0f} min for one worker"
        took = "done before" if seconds is None else f"{seconds:.0f} s"
        print(
            f"[{total - len(self.waiting)}/{total}] {run.folder}: balanced accuracy "
            f"{figures['balanced_accuracy']:.3f} held out, {took}{left}",
            flush=True,
        )

    def fail(self, run: StudyRun, why: str) -> None:
        """Give a run up; the others go on."""
        self.waiting.remove(run)
        self.failed[run.folder] = why
        print(f"{run.folder}: failed: {why}", flush=True)


def run_study(job: Job) -> dict[str, str]:
    """Do the runs that nobody has done or is doing, until all are done.

    Returns:
        What became of runs that died, by folder; the same command tries them anew.

    Raises:
        ControllerError: If the data, a network or a folder of the study is not what it should be.
    """
    progress = Progress(job)
    while progress.waiting:
        before = len(progress.waiting)
        for run in progress.ready():
            start, fresh = time.monotonic(), not job.folder(run).complete
            try:
                figures = do_run(job, run)
            except TrainingError as error:
                progress.fail(run, str(error))
                continue
            if figures is not None:
                progress.finish(run, figures, time.monotonic() - start if fresh else None)
                break  # what waited for this one comes first
        if len(progress.waiting) == before:
            time.sleep(1.0)  # others are at work on what is left
    return progress.failed
