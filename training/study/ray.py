"""A study's runs over Ray: the same runs, on many workers of one machine or of many."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from controller.errors import ControllerError, UsageError
from training.errors import TrainingError
from training.study.plan import StudyRun
from training.study.runner import Job, Progress, do_run

RETRIES = 3
"""How often Ray starts a run anew whose worker died; it goes on from its last epoch."""
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where runs go.

    Attributes:
        address: ``local`` for a Ray of this command's own, ``auto`` for one that runs on this
            machine, or the address of a cluster.
        workers: Runs at the same time, for ``local``; None for as many as the machine has cores.
        gpus: GPUs of a run: 0, 1, or a share.
    """

    address: str
    workers: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers: at least 1")
        if self.gpus < 0:
            raise UsageError(f"{self.gpus} GPUs for a run: at least 0")


def run_study_on_ray(job: Job, cluster: Cluster) -> dict[str, str]:
    """Do a study's runs as `training.study.runner.run_study` does, on Ray's workers.

    The study's folder and the recordings must be at the same paths wherever a worker may be. A
    run whose worker dies is started again and goes on from its last epoch.

    Returns:
        What became of runs that died for good, by folder.

    Raises:
        UsageError: If Ray is not installed or not to be found at the address.
        ControllerError: If the data, a network or a folder of the study is not what it should be.
    """
    ray = _connect(job, cluster)
    try:
        return _drive(ray, job, cluster)
    finally:
        ray.shutdown()


def _connect(job: Job, cluster: Cluster) -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # sends nothing anywhere
    try:
        import ray
    except ImportError as error:
        raise UsageError("Ray is not installed; install the extra: pip install '.[cluster]'") from (
            error
        )
    options: dict[str, Any] = {"logging_level": "ERROR"}
    if cluster.address == "local":
        workers = cluster.workers or os.cpu_count() or 1
        options |= {
            "address": "local",
            "num_cpus": workers * (job.threads or 1),
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",  # nobody else is to find it
        }
    else:
        options["address"] = cluster.address
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"no Ray at {cluster.address}: {reason}") from error
    return ray


def _drive(ray: Any, job: Job, cluster: Cluster) -> dict[str, str]:  # noqa: ANN401 - Ray's module
    """Hand out what is ready until nothing waits any more."""
    task = ray.remote(_task).options(
        num_cpus=job.threads or 1, num_gpus=cluster.gpus, max_retries=RETRIES
    )
    progress, where = Progress(job), Path.cwd()
    at_work: dict[Any, StudyRun] = {}
    while progress.waiting:
        for run in progress.ready():
            if run not in at_work.values():
                at_work[task.remote(job, run, where)] = run
        for reference in ray.wait(list(at_work), timeout=_PATIENCE_S)[0] if at_work else ():
            run = at_work.pop(reference)
            try:
                figures, seconds = ray.get(reference)
            except ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None) or error
                if isinstance(cause, ControllerError) and not isinstance(cause, TrainingError):
                    raise cause from error  # wrong input: every other run would meet it, too
                progress.fail(run, str(cause).strip().splitlines()[0])
            else:
                if figures is None:
                    time.sleep(_PATIENCE_S)  # somebody else is at work on it
                else:
                    progress.finish(run, figures, seconds)
    return progress.failed


def _task(job: Job, run: StudyRun, where: Path) -> tuple[dict[str, Any] | None, float | None]:
    """One run on a worker; its figures, and seconds where it had not been finished before."""
    os.chdir(where)  # paths are as the user typed them
    start, fresh = time.monotonic(), not job.folder(run).complete
    figures = do_run(job, run)
    return figures, time.monotonic() - start if fresh else None
