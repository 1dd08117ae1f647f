from dataclasses import replace

import numpy as np
import pytest

from controller.recording.frameset import load_frameset
from simulator.errors import SimulatorUsageError
from simulator.room.appearance import sample_look, sample_pale_look
from simulator.teacher.dataset import EVALUATION_SEED, DatasetConfig, make_dataset, save_reference
from simulator.teacher.rollouts import RolloutConfig
from simulator.teacher.teacher import TeacherConfig


def test_a_data_set_is_whole_drives_with_all_three_answers(tmp_path):
    made = make_dataset(DatasetConfig(900, seed=3))
    made.save(tmp_path / "set")
    loaded = load_frameset(tmp_path / "set")
    assert len(loaded) == 900
    assert loaded.shape == (45, 80)
    assert len(loaded.drive_names) == 5
    assert np.bincount(loaded.drives).tolist() == [200, 200, 200, 200, 100]
    assert set(np.unique(loaded.labels)) == {0, 1, 2}
    assert 0.45 < (loaded.labels == 0).mean() < 0.85
    for drive in range(5):
        assert (np.diff(loaded.times_ns[loaded.drives == drive]) > 0).all()


def test_the_steering_follows_from_the_label():
    made = make_dataset(DatasetConfig(200, seed=4))
    assert set(made.steering[made.labels == 1]) == {-1.0}
    assert set(made.steering[made.labels == 2]) == {1.0}
    assert set(made.steering[made.labels == 0]) == {0.0}


def test_the_same_seed_gives_the_same_frames():
    first, again, other = (make_dataset(DatasetConfig(120, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.frames, other.frames)


def test_without_recovery_the_car_stays_near_the_middle():
    shares = []
    for recovery in (False, True):
        practice = RolloutConfig(recovery=recovery)
        late = TeacherConfig(late_share=1.0)
        config = DatasetConfig(400, seed=5, practice=practice, teacher=late)
        shares.append((make_dataset(config).labels > 0).mean())
    assert shares[0] < 0.2 < shares[1]


def test_one_room_and_one_camera_on_request():
    config = DatasetConfig(400, seed=6, vary_look=False, vary_camera=False)
    made = make_dataset(config)
    levels = [made.frames[made.drives == drive].mean() for drive in (0, 1)]
    assert levels[0] == pytest.approx(levels[1], abs=12)


def test_pale_floors_are_nearly_as_light_as_the_paper():
    for seed in range(50):
        look, usual = sample_pale_look(seed), sample_look(seed)
        assert 1.4 <= np.mean(look.floor.paper) / np.mean(look.floor.colour) <= 1.8
        assert replace(look, floor=usual.floor) == usual
    pale, plain = (
        make_dataset(DatasetConfig(40, seed=9, reference_share=0.0, pale_share=share))
        for share in (1.0, 0.0)
    )
    assert np.array_equal(pale.labels, plain.labels)
    assert not np.array_equal(pale.frames, plain.frames)


def test_data_sets_keep_out_of_the_evaluations_seeds():
    biggest = DatasetConfig(200_000, seed=999)
    assert biggest.seed * 1000 + biggest.drives <= EVALUATION_SEED


@pytest.mark.parametrize(("frames", "seed"), [(0, 0), (10, -1), (10, 1000), (10**6, 0)])
def test_impossible_data_sets_are_refused(frames, seed):
    with pytest.raises(SimulatorUsageError):
        DatasetConfig(frames, seed)


def test_the_reference_form_is_rows_in_bgr_split_by_drives(tmp_path):
    made = make_dataset(DatasetConfig(100, seed=7, frames_per_drive=10))
    assert save_reference(made, tmp_path) == {"train": 80, "valid": 10, "test": 10}
    data = np.load(tmp_path / "test_data.npy")
    assert data.shape == (10, 10800)
    assert data.dtype == np.uint8
    last = made.frames[made.drives == 9]
    assert np.array_equal(data.reshape(-1, 45, 80, 3)[..., ::-1], last)
    assert np.array_equal(np.load(tmp_path / "test_labels.npy"), made.labels[made.drives == 9])
    with pytest.raises(SimulatorUsageError, match="drives"):
        save_reference(made.take(slice(0, 20)), tmp_path)
