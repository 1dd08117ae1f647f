import dataclasses
import hashlib
import json

import cv2
import numpy as np
import pytest

from controller.model.pilot import find_model
from controller.recording.reader import read_drive
from firmware_bridge.wire.commands import Command
from simulator.__main__ import main
from simulator.evaluation.closed_loop import drive_world
from simulator.evaluation.evaluate import EvaluationConfig, evaluate
from simulator.pictures.picture import COLOURS, draw_drive
from simulator.pictures.video import Film
from simulator.teacher.teacher import Teacher, TeacherPilot
from simulator.world.world import World, WorldConfig


def test_an_evaluation_gives_the_same_figures_to_the_last_digit():
    config = EvaluationConfig(tracks=2, seconds=5)
    first, again = (json.dumps(evaluate(config, None)) for _ in range(2))
    assert first == again


def test_an_evaluation_has_the_agreed_keys():
    figures = evaluate(EvaluationConfig(tracks=1, seconds=10, names=("oval",)), None)
    assert figures["tracks"] == figures["kept"] == 1
    assert figures["kept_share"] == 1.0
    assert 0 < figures["lateral_offset_p95_m"] < 0.15
    assert 20 < figures["worst_frame_age_ms"] < 30
    assert figures["per_track"][0]["name"] == "oval"
    assert figures["first_departure_mean_s"] is None
    assert figures["model"] == {"name": "teacher"}


def test_an_evaluation_says_which_model_it_was_of(capsys):
    arguments = ["evaluate", "--tracks", "1", "--seconds", "1", "--names", "oval"]
    assert main([*arguments, "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert model["sha256"] == hashlib.sha256(find_model("default").read_bytes()).hexdigest()
    assert model["forward_weight"] > 0
    assert main(arguments) == 0
    assert "None" not in capsys.readouterr().out


def test_the_picture_shows_the_line_where_the_car_was():
    with World(WorldConfig("oval", 1)) as world:
        pilot = TeacherPilot(world, Teacher(world.track))
        run = drive_world(world, pilot, lambda _keeper: world.clock.now_ns() < 3e9)
        picture = draw_drive(world.scene.ground, world.track, run.keeper.trace, "a drive")
    assert picture.shape[1:] == (1000, 3)
    green = (np.abs(picture[:-46].astype(int) - COLOURS[0]).sum(axis=2) < 12).sum()
    blue = (np.abs(picture[:-46].astype(int) - COLOURS[1]).sum(axis=2) < 12).sum()
    assert green > 100
    assert blue > 10


def test_the_drive_command_leaves_a_recording_a_picture_and_a_video(tmp_path, capsys):
    arguments = ["drive", "--model", "teacher", "--out", str(tmp_path), "--json"]
    assert main(arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["completed"]
    assert figures["departures"] == 0
    assert 30 < figures["lap_times_s"][0] < 60
    drive = list(read_drive(tmp_path / "drive.mcap"))
    assert len(drive) == figures["frames"]
    assert cv2.imread(str(tmp_path / "drive.png")).shape[1] == 1000
    video = cv2.VideoCapture(str(tmp_path / "drive.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == figures["frames"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["drive", "--model", "nowhere"], "nowhere"),
        (["drive", "--model", "teacher", "--laps", "0"], "--laps"),
        (["drive", "--model", "teacher", "--seed", "-1"], "seed"),
        (["evaluate", "--model", "teacher", "--tracks", "0"], "tracks"),
        (["dataset", "--frames", "0", "--out", "OUT"], "must be 1 to"),
    ],
)
def test_wrong_use_is_one_clear_line_and_code_2(arguments, words, tmp_path, capsys):
    arguments = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.strip().count("\n") == 0


@pytest.mark.parametrize("command", ["drive", "evaluate", "dataset"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"python -m simulator {command}" in capsys.readouterr().out


def test_a_data_set_is_never_written_over_another(tmp_path, capsys):
    (tmp_path / "something").touch()
    assert main(["dataset", "--frames", "10", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_the_film_shows_what_was_sent_and_how_sure_the_model_was(tmp_path):
    with World(WorldConfig("oval", 1)) as world:
        film = Film(world, tmp_path / "drive.mp4")
        drawn = []
        pilot = TeacherPilot(world, Teacher(world.track))

        def draw(cycle):
            if cycle.frame is not None:
                drawn.append((cycle, film.draw(cycle)))

        drive_world(world, pilot, lambda _keeper: world.clock.now_ns() < 3e9, [draw])
    for command in (Command.FORWARD, Command.LEFT):
        cycle, picture = next(pair for pair in drawn if pair[0].decision.command is command)
        assert picture.shape == (540, 960, 3)
        assert picture[20, 660].tolist() == list(COLOURS[command])
        # The teacher is always sure: the bar of its answer is full, those of the others empty.
        answer = int(np.argmax(cycle.probabilities))
        for row in range(3):
            bar = picture[360 + 42 + 42 * row + 13, 370:560].tolist()
            assert bar.count(list(COLOURS[Command(row)])) in ((190,) if row == answer else (0, 1))
        zoomed = picture[394 : 394 + 135, 16 : 16 + 240]
        assert np.array_equal(zoomed[1::3, 1::3], cycle.pixels)
    large = dataclasses.replace(cycle, pixels=np.full((224, 224, 3), 77, np.uint8))
    assert film.draw(large)[360 + 34 + 70, 16 + 70].tolist() == [77, 77, 77]
