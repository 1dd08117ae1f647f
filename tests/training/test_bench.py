import json

import numpy as np
import pytest

from controller.recording.frameset import load_frameset
from training.__main__ import main
from training.runs.benchmark import FLOPS_PER_MAC, Speed, make_frames, matmul_flops


def test_made_up_frames_are_a_frame_set(tmp_path):
    frames = make_frames(30, (45, 80), tmp_path / "noise")
    assert isinstance(frames.frames, np.memmap)
    assert frames.frames.std() > 50
    assert np.bincount(load_frameset(tmp_path / "noise").labels).tolist() == [10, 10, 10]


def test_shares_are_of_what_they_say():
    speed = Speed(95.0, 100.0, 900.0, 30.0, 120.0, 0.95)
    assert speed.share_of_peak == pytest.approx(0.25)


def test_the_benchmark_prints_all_its_figures(tmp_path, capsys, lane_frames):
    lane_frames(60).save(tmp_path / "set")
    options = ("--network", "sliced1", "--alpha", "0.25", "--batch", "16", "--steps", "2")
    command = ["bench", str(tmp_path / "set"), *options, "--turns", "1", "--memory", "40"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["share"] == pytest.approx(
        facts["pipeline_frames_per_s"] / facts["constant_frames_per_s"], rel=1e-3
    )
    # By hand: 23x40 places of stem, depthwise and pointwise, and the head.
    macs = 23 * 40 * (27 * 8 + 9 * 8 + 8 * 16) + 16 * 3
    gflops = FLOPS_PER_MAC * macs * facts["constant_frames_per_s"] / 1e9
    assert facts["step_gflops"] == pytest.approx(gflops, abs=0.1)
    assert facts["frames_in_data"] == 60
    assert 100 < facts["peak_rss_mib_by_frames"]["40"] < 4000


def test_wrong_numbers_are_refused(capsys):
    assert main(["bench", "--steps", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err


def test_a_machine_multiplies():
    assert matmul_flops(1) > 1e8
