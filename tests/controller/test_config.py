from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from controller.config import Config, load_config
from controller.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "systemd" / "paperlane.toml"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "car.toml"
        path.write_text(text)
        return path

    return write


def test_an_empty_file_is_all_defaults(written):
    assert load_config(written("")) == Config()


def test_the_shipped_file_says_the_defaults_and_where_drives_go():
    config = load_config(SHIPPED)
    assert config.camera == Config().camera
    assert config.link == Config().link
    assert not config.supervisor.arm_at_start
    assert config.recording.folder == "/var/lib/paperlane/drives"


def test_the_shipped_file_names_every_key():
    shipped = tomllib.loads(SHIPPED.read_text())
    sections = {field.name for field in dataclasses.fields(Config)}
    assert shipped.keys() == sections
    for name in sections:
        keys = {field.name for field in dataclasses.fields(getattr(Config(), name))}
        assert shipped[name].keys() == keys


def test_values_are_read(written):
    config = load_config(
        written(
            '[camera]\nsource = "opencv:0"\nframe_rate_hz = 60\n[supervisor]\narm_at_start=true'
        )
    )
    assert config.camera.source == "opencv:0"
    assert config.camera.frame_rate_hz == 60.0
    assert config.supervisor.arm_at_start is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[camera]\nframerate = 30\n", "unknown key 'camera.framerate'.*frame_rate_hz"),
        ("[motors]\nspeed = 1\n", "unknown key 'motors'.*camera, link"),
        ("camera = 3\n", r"'camera' is a section, write \[camera\]"),
        ("[model]\nthreads = '1'\n", "model.threads = '1' must be of type int"),
        ("[model]\nthreads = true\n", "model.threads = True must be of type int"),
        ("[model]\nthreads = 99\n", "threads is 99, must be 1 to 8"),
        ("[camera]\nframe_rate_hz = 0\n", "frame_rate_hz is 0.0, must be 1 to 120"),
        ("[camera]\nexposure_us = 50000\n", r"exposure_us is 50000, must be 0 .* 33333 at 30.0 Hz"),
        ("[camera\n", "not TOML"),
        (f"[model]\nthreads = {'9' * 5000}\n", "not TOML"),
        (f"[model]\nthreads = 0x{'f' * 5000}\n", "model.threads is a number of more than 64 bits"),
        (f"[camera]\nframe_rate_hz = 1{'0' * 400}\n", "camera.frame_rate_hz is a number of more"),
        (f"[camera]\nsource = [0x{'f' * 5000}]\n", "not TOML"),
    ],
)
def test_a_mistake_names_file_and_key_and_what_is_right(written, text, says):
    path = written(text)
    with pytest.raises(ConfigError, match=says) as error:
        load_config(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
