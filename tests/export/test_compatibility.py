"""One file, two runtimes: LiteRT and its predecessor answer the same frames."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from controller.fingerprint import fingerprint, main, raw_answers
from controller.model.interpreter import make_interpreter
from controller.model.pilot import shipped_models

REPOSITORY = Path(__file__).resolve().parents[2]
OLD_PYTHON = REPOSITORY / ".venv" / "tflite" / "bin" / "python"
MOST_MEAN_STEPS = 5.0
"""How far the fast kernels may be off on average, in 1/256: these frames are none of a lane."""


@pytest.fixture
def old_runtime():
    """Runs the fingerprint under tflite-runtime 2.14."""
    if not OLD_PYTHON.exists():
        pytest.skip("no .venv/tflite: `make .venv/.tflite` makes it where there is Python 3.11")

    def run(model, frames):
        done = subprocess.run(
            [OLD_PYTHON, "-m", "controller.fingerprint", str(model), str(frames)],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def frames_file(lane_frames, tmp_path):
    """Easy frames, noise, black, grey and white."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (40, 45, 80, 3)).astype(np.uint8)
    flat = np.stack([np.full((45, 80, 3), value, np.uint8) for value in (0, 127, 255)])
    path = tmp_path / "frames.npy"
    np.save(path, np.concatenate([lane_frames(57).frames, noise, flat]))
    return path


@pytest.mark.parametrize("model", shipped_models(), ids=lambda path: path.stem)
def test_both_runtimes_run_the_file_and_answer_alike(model, old_runtime, frames_file):
    frames = np.load(frames_file)
    old = old_runtime(model, frames_file)
    assert (old["runtime"], old["version"]) == ("tflite-runtime", "2.14.0")
    own_kernels = fingerprint(model, frames, delegates=False)
    assert own_kernels["runtime"] == "ai-edge-litert"
    # With the runtimes' own kernels: every byte alike, nine minor versions apart.
    assert old["answers_sha256"] == own_kernels["answers_sha256"]
    assert old["frames_sha256"] == own_kernels["frames_sha256"]
    # LiteRT's fast kernels round each layer otherwise, so what the car runs differs by steps.
    steps = np.abs(raw_answers(model, frames).astype(int) - np.array(old["answers"]))
    assert steps.mean() < MOST_MEAN_STEPS


def test_threads_do_not_change_an_answer(frames_file):
    frames, model = np.load(frames_file), shipped_models()[0]
    one, two = (fingerprint(model, frames, threads) for threads in (1, 2))
    assert one == two


def test_the_answers_are_those_of_the_interpreter(frames_file):
    frames, model = np.load(frames_file), shipped_models()[0]
    interpreter = make_interpreter(model)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frames[7][None])
    interpreter.invoke()
    given = interpreter.get_output_details()[0]
    answer = interpreter.get_tensor(given["index"])[0]
    np.testing.assert_array_equal(raw_answers(model, frames[:9])[7], answer)
    assert answer.dtype == np.uint8


def test_wrong_input_is_one_line_and_code_2(tmp_path, frames_file, capsys):
    model = str(shipped_models()[0])
    np.save(tmp_path / "wide.npy", np.zeros((2, 45, 160, 3), np.uint8))
    (tmp_path / "text.npy").write_text("hello")
    for frames, says in (
        ("wide.npy", "takes uint8 (N, 45, 80, 3)"),
        ("text.npy", "cannot be read as .npy"),
        ("none.npy", "cannot be read as .npy"),
    ):
        assert main([model, str(tmp_path / frames)]) == 2
        printed = capsys.readouterr().err
        assert says in printed
        assert printed.count("\n") == 1
    assert main([str(tmp_path / "text.npy"), str(frames_file)]) == 2
    assert "not a model that" in capsys.readouterr().err
