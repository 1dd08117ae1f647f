import json
import subprocess
import sys

import pytest

from training.__main__ import main
from training.backend import load_keras, load_model, load_tensorflow
from training.runs import speed

SMALL = ("--network", "sliced1", "--alpha", "0.25", "--epochs", "1", "--batch", "16")
TWO_PROCESSORS = """
import sys
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(processor, [half, half])
from training.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def _train(frames, tmp_path, *options):
    frames.save(tmp_path / "set")
    return [
        "train",
        "--data",
        str(tmp_path / "set"),
        "--out",
        str(tmp_path / "run"),
        *SMALL,
        *options,
    ]


def test_a_batch_is_shared_between_devices_and_what_is_saved_is_ordinary(tmp_path, lane_frames):
    command = _train(
        lane_frames(120), tmp_path, "--devices", "CPU:0,CPU:1", "--xla", "off", "--json"
    )
    done = subprocess.run(
        [sys.executable, "-c", TWO_PROCESSORS, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["machine"]["devices"] == ["CPU:0", "CPU:1"]
    judged = json.loads(done.stdout.splitlines()[-1])["run"]
    assert main(["evaluate", str(tmp_path / "run"), str(tmp_path / "set")]) == 0
    assert judged["frames"] > 0


def test_a_device_that_is_not_there_is_said(tmp_path, capsys, lane_frames):
    assert main(_train(lane_frames(60), tmp_path, "--devices", "GPU:7,GPU:8")) == 2
    assert "error: no device GPU:7; there are CPU:0" in capsys.readouterr().err


def test_mixed_precision_trains_and_saves_single_precision(tmp_path, lane_frames):
    command = _train(lane_frames(90), tmp_path, "--precision", "mixed_bfloat16", "--xla", "off")
    assert main(command) == 0
    assert load_keras().config.dtype_policy().name == "float32"
    model = load_model(tmp_path / "run")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["parameters"] == model.count_params()


def test_tensorboards_logs_hold_every_epochs_figures(tmp_path, lane_frames):
    command = _train(lane_frames(90), tmp_path, "--tensorboard", "--xla", "off", "--epochs", "2")
    assert main(command) == 0
    tf = load_tensorflow()
    found = {}
    for file in (tmp_path / "run" / "tensorboard").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert len(found) == 2 * len(history[0])
    for epoch, figures in enumerate(history):
        for name, value in figures.items():
            assert found[name, epoch] == pytest.approx(value, rel=1e-5)


def test_speed_measures_every_way_against_single_precision(capsys, monkeypatch):
    # Without XLA, which takes half a minute to compile.
    monkeypatch.setattr(speed, "WAYS", (("float32", False), ("mixed_bfloat16", False)))
    options = ["--network", "sliced1", "--alpha", "0.25", "--batch", "4", "--steps", "1"]
    assert main(["speed", *options, "--turns", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["precision"] for row in rows] == ["float32", "mixed_bfloat16"]
    assert rows[0]["of_float32"] == 1.0
    assert all(row["frames_per_s"] > 0 for row in rows)
