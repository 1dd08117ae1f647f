"""A model that ended the process by SIGABRT, and the service that started again for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.errors import ModelError
from controller.model.cards import card_path
from controller.model.pilot import TflitePilot, find_model
from tests.controller.aborting_model import write_aborting_model

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def aborting(tmp_path_factory):
    return write_aborting_model(tmp_path_factory.mktemp("model") / "model.tflite")


def _controller(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "controller", *map(str, words)],
        cwd=REPOSITORY,
        env={**os.environ, "STATE_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.redteam
def test_it_is_refused_in_one_line_before_the_drive_starts(aborting, tmp_path):
    words = ("drive", "--camera", "pattern", "--link", "loop://", "--model", aborting)
    for _ in range(2):  # and is not remembered as good
        done = _controller(tmp_path, *words, "--seconds", "1")
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert "ends the process that runs it" in done.stderr


@pytest.mark.redteam
def test_check_survives_it_and_says_so(aborting, tmp_path):
    config = tmp_path / "car.toml"
    config.write_text(
        f'[camera]\nsource = "pattern"\n[model]\nname = "{aborting}"\n'
        '[link]\ndevice = "/dev/none"\n'
    )
    done = _controller(tmp_path, "check", "--config", config)
    assert done.returncode == 1, done.stderr
    assert "ends the process that runs it" in done.stdout


@pytest.fixture
def trial(monkeypatch):
    """The module; counts the trials."""
    from controller.model import trial

    tried = []
    real = trial._try
    monkeypatch.setattr(trial, "_try", lambda *words: (tried.append(words), real(*words)))
    trial.tried = tried
    return trial


@pytest.fixture
def unknown(tmp_path):
    """A model of nobody's: the shipped one with a byte more behind its end."""
    from controller.model.cards import write_card

    copy = tmp_path / "model.tflite"
    copy.write_bytes(find_model("small").read_bytes() + b"\0")
    write_card(copy, "unknown", (45, 80), {})
    return copy


def test_an_unknown_model_is_tried_once(trial, unknown, tmp_path):
    passed = tmp_path / "state" / "passed"
    for _ in range(3):
        assert isinstance(trial.load_pilot(unknown, 1, passed), TflitePilot)
    assert len(trial.tried) == 1
    trial.load_pilot(unknown, 2, passed)  # another number of threads is another way through it
    assert len(trial.tried) == 2


def test_another_runtime_tries_it_again(trial, unknown, tmp_path, monkeypatch):
    passed = tmp_path / "passed"
    trial.load_pilot(unknown, 1, passed)
    monkeypatch.setattr(trial, "runtime_key", lambda: "another")
    trial.load_pilot(unknown, 1, passed)
    assert len(trial.tried) == 2


def test_shipped_models_are_known_wherever_they_lie(trial, tmp_path):
    copy = tmp_path / "mine.tflite"
    shutil.copy(find_model("default"), copy)
    shutil.copy(card_path(find_model("default")), card_path(copy))
    trial.load_pilot(copy, 1, tmp_path / "passed")
    assert not trial.tried


def test_where_nothing_can_be_remembered_it_is_tried_each_time(trial, unknown, tmp_path):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        trial.load_pilot(unknown, 1, tmp_path / "file" / "passed")
    assert len(trial.tried) == 2


def test_a_model_that_hangs_is_refused(trial, unknown, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "TRIAL_S", 0.001)
    with pytest.raises(ModelError, match="does not answer within"):
        trial.load_pilot(unknown, 1, tmp_path / "passed")


def test_what_the_trial_says_of_a_broken_model_is_passed_on(trial, unknown, tmp_path):
    from controller.model.cards import write_card

    unknown.write_bytes(b"x" * 1000)
    write_card(unknown, "unknown", (45, 80), {})
    with pytest.raises(ModelError, match="not a model that"):
        trial.load_pilot(unknown, 1, tmp_path / "passed")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/paperlane"}, "/var/lib/paperlane/passed-models"),
        ({"STATE_DIRECTORY": "/a:/b"}, "/a/passed-models"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/paperlane/passed-models"),
    ],
)
def test_where_it_is_remembered(environment, expected):
    from controller.model.trial import passed_file

    assert passed_file(environment) == Path(expected)
