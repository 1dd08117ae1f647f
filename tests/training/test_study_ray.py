import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from controller.errors import UsageError
from training.study.ray import Cluster
from training.study.results import read_study


@pytest.fixture
def study(tmp_path, lane_frames):
    lane_frames(240, 1, drives=("one", "two")).save(tmp_path / "data")
    lane_frames(60, 2, drives=("held",)).save(tmp_path / "held")

    def command(out, *more):
        # In a process of its own: this one's TensorFlow has its threads since the first test.
        return subprocess.run(
            [
                *(sys.executable, "-m", "training", "study", "--data", str(tmp_path / "data")),
                *("--held-out", str(tmp_path / "held"), "--out", str(tmp_path / out)),
                *("--epochs", "4", "--alphas", "0.25", "--slices", "2,3", "--transfer", ""),
                *("--shuffled", "", "--threads", "1", *more),
            ],
            check=False,
            timeout=400,
        ).returncode

    return command


def _kill_a_worker(lock, killed):
    """Kill whoever holds a run's lock, once it has done an epoch."""
    folder = lock.parents[1] / "runs" / lock.stem
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (folder / "checkpoint.json").exists():
            pid = json.loads(lock.read_text())["pid"]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            return
        time.sleep(0.02)


def test_two_ray_workers_and_a_killed_one_give_the_table_of_no_ray(tmp_path, study):
    pytest.importorskip("ray", reason="ray is not installed: pip install '.[cluster]'")
    assert study("plain") == 0
    lock = tmp_path / "ray" / "locks" / "sliced3-random-a0.25-45x80-s0.lock"
    killed = []
    killer = threading.Thread(target=_kill_a_worker, args=(lock, killed))
    killer.start()
    assert study("ray", "--ray", "local", "--workers", "2") == 0
    killer.join()
    assert killed
    assert os.getpid() not in killed
    assert read_study(tmp_path / "ray").runs == read_study(tmp_path / "plain").runs


def test_a_cluster_that_cannot_be_is_refused():
    with pytest.raises(UsageError, match="0 workers"):
        Cluster("local", 0)
    with pytest.raises(UsageError, match="-1 GPUs"):
        Cluster("auto", gpus=-1)
