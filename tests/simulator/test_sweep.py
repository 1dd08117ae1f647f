import json
import math

import cv2
import numpy as np
import pytest

from simulator.__main__ import main
from simulator.camera.optics import sample_rig
from simulator.car.car import sample_car
from simulator.errors import SimulatorUsageError
from simulator.evaluation.benchmark import benchmark
from simulator.evaluation.evaluate import EvaluationConfig, evaluate
from simulator.evaluation.factors import FACTORS, find_factor
from simulator.evaluation.sweep import sweep
from simulator.jobs import map_in_order
from simulator.pictures.chart import draw_chart
from simulator.pictures.sheet import contact_sheet, read_reference
from simulator.teacher.dataset import DatasetConfig, make_dataset
from simulator.track.tracks import make_track
from simulator.world.reference import sample_reference_look, sample_reference_rig
from simulator.world.scene import Scene, SceneConfig
from simulator.world.world import WorldConfig


def double(number):
    return 2 * number


def test_a_factor_changes_what_it_says_and_nothing_else():
    world = WorldConfig(seed=3)
    assert find_factor("latency").apply(world, 80).timing.latency_ms == 80
    assert find_factor("frame-rate").apply(world, 10).timing.frame_rate_hz == 10
    tilted = find_factor("pitch").apply(world, 6).scene.rig
    assert tilted.pitch_rad - sample_rig(3).pitch_rad == pytest.approx(math.radians(6))
    assert tilted.height_m == sample_rig(3).height_m
    fast = find_factor("speed").apply(world, 2).car
    assert fast.top_speed_mps == pytest.approx(2 * sample_car(3).top_speed_mps)
    assert find_factor("light").apply(world, 0.5).scene.look.sensor.exposure == 0.5
    assert find_factor("delay").apply(world, 60).line_delay_ms == 60
    assert find_factor("loss").apply(world, 0.3).line_loss == 0.3
    with pytest.raises(SimulatorUsageError, match="latency"):
        find_factor("weather")


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_has_its_usual_value_within_reach(name):
    factor = FACTORS[name]
    assert min(factor.values) <= factor.usual <= max(factor.values)
    assert list(factor.values) == sorted(factor.values)


def test_a_latency_beyond_the_freshness_limit_keeps_the_car_standing():
    rows = sweep(EvaluationConfig(1, 5, names=("oval",)), None, "latency", (20, 170))
    assert [row["value"] for row in rows] == [20, 170]
    assert rows[0]["distance_m"] > 0.5
    assert rows[1]["distance_m"] == 0
    assert rows[1]["kept"] == 0


def test_a_line_that_loses_everything_moves_nothing():
    config = EvaluationConfig(1, 3, names=("oval",), factor="loss", value=1.0)
    assert evaluate(config, None)["distance_m"] == 0


def test_results_do_not_depend_on_the_number_of_processes():
    assert list(map_in_order(double, 5, 1)) == [0, 2, 4, 6, 8]
    assert list(map_in_order(double, 5, 2)) == [0, 2, 4, 6, 8]
    config = DatasetConfig(60, seed=1, frames_per_drive=20)
    alone, together = make_dataset(config), make_dataset(config, jobs=2)
    assert np.array_equal(alone.frames, together.frames)
    with pytest.raises(SimulatorUsageError, match="--jobs"):
        list(map_in_order(double, 5, 0))


def test_a_chart_puts_a_full_share_at_the_top_and_none_at_the_bottom():
    chart = draw_chart([0.0, 1.0], [1.0, 0.0], "a", "b")
    blue, red = (
        np.argwhere(np.abs(chart.astype(int) - colour).sum(axis=2) < 30)
        for colour in ((31, 111, 235), (215, 40, 50))
    )
    assert blue[blue[:, 1] < 80][:, 0].mean() == pytest.approx(44, abs=8)
    assert red.mean(axis=0) == pytest.approx((420 - 62, 720 - 24), abs=3)


def test_a_contact_sheet_shows_real_frames_in_their_colours(tmp_path):
    blue_as_opencv_stores_it = np.tile(np.array([200, 10, 20], np.uint8), 45 * 80)
    np.save(tmp_path / "real.npy", np.stack([blue_as_opencv_stores_it] * 3))
    frames = read_reference(tmp_path / "real.npy")
    assert frames.shape == (3, 45, 80, 3)
    assert frames[0, 0, 0].tolist() == [20, 10, 200]
    sheet = contact_sheet(0, tmp_path / "real.npy")
    assert sheet[100, 100].tolist() == [20, 10, 200]


def test_what_is_no_reference_file_is_said(tmp_path, capsys):
    np.save(tmp_path / "odd.npy", np.zeros((3, 5), np.uint8))
    path = str(tmp_path / "odd.npy")
    assert main(["sheet", "--reference", path, "--out", str(tmp_path / "x.png")]) == 2
    assert "10800" in capsys.readouterr().err


def test_the_sweep_command_draws_a_chart(tmp_path, capsys):
    arguments = ["sweep", "frame-rate", "--values", "10,20", "--tracks", "1", "--seconds", "2"]
    assert main([*arguments, "--model", "teacher", "--out", str(tmp_path)]) == 0
    assert "frame-rate 10" in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "frame-rate.png")).shape == (420, 720, 3)


def test_the_benchmark_gives_its_figures():
    figures = benchmark(None, firmware=False, seconds=2.0)
    assert figures["pictures_per_s"] > 100
    assert figures["simulated_s_per_s"] > 1


def test_a_sheet_takes_real_frames_from_a_tub_and_simulated_ones_from_any_track(tmp_path):
    tub = make_tub(tmp_path / "tub", (10, 250, 10))
    frames = read_reference(tub)
    assert frames.shape == (3, 45, 80, 3)
    assert frames[0, 20, 40].astype(int) == pytest.approx([10, 250, 10], abs=6)
    sheet = contact_sheet(0, tub, "mat")
    assert sheet[100, 100].astype(int) == pytest.approx([10, 250, 10], abs=6)
    (tmp_path / "none").mkdir()
    with pytest.raises(SimulatorUsageError, match="no tub"):
        read_reference(tmp_path / "none")


def test_the_references_room_has_its_colours():
    for seed in range(12):
        look = sample_reference_look(seed)
        red, green, blue = look.floor.colour
        assert red > green > blue
        scene = Scene(make_track("oval"), SceneConfig(seed, look, sample_reference_rig(seed)))
        frame = scene.picture(scene.track.pose_at(3.0)).astype(int)
        bluish = frame[..., 2] > frame[..., 0]
        floor, paper = frame[~bluish], frame[bluish]
        # Medians of the 40 frames: floor (86..150, 70..140, 42..135), paper red 153..254.
        assert (np.median(floor, axis=0) > (70, 60, 30)).all()
        assert (np.median(floor, axis=0) < (160, 150, 140)).all()
        assert np.median(paper[:, 0]) > 110


def make_tub(folder, colour):
    (folder / "images").mkdir(parents=True)
    fields = '["cam/image_array", "user/angle", "user/throttle", "user/mode"]'
    paths = '{"paths": ["catalog_0.catalog"], "current_index": 3, "deleted_indexes": []}'
    (folder / "manifest.json").write_text("\n".join([fields, "[]", "{}", "{}", paths]) + "\n")
    lines = []
    for index in range(3):
        picture = np.full((120, 160, 3), colour[::-1], np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index}_cam_image_array_.jpg"), picture)
        record = {
            "_index": index, "_timestamp_ms": 50 * index, "user/angle": 0.0, "user/throttle": 0.5,
            "user/mode": "user", "cam/image_array": f"{index}_cam_image_array_.jpg",
        }  # fmt: skip
        lines.append(json.dumps(record))
    (folder / "catalog_0.catalog").write_text("\n".join(lines) + "\n")
    return folder
