import json

import numpy as np
import pytest

from controller.errors import DataError
from training.data.registry import kind_of, open_dataset
from training.data.tub import list_records


def test_angle_becomes_class_with_left_negative(tmp_path, write_tub):
    angles = [0.0, 0.19, -0.19, 0.2, -0.2, 1.0, -1.0]
    tub = write_tub(tmp_path / "tub", [{"user/angle": a} for a in angles])
    frames = open_dataset(tub)
    assert frames.labels.tolist() == [0, 0, 0, 2, 1, 2, 1]
    np.testing.assert_allclose(frames.steering, angles, atol=1e-6)
    assert frames.times_ns.tolist() == [50_000_000 * i for i in range(7)]
    assert frames.drive_names == ("tub",)
    assert frames.shape == (45, 80)


def test_what_is_dropped_is_counted_by_its_reason(tmp_path, write_tub):
    entries = [
        {},  # 0 good
        {},  # 1 deleted by its author
        {"user/throttle": 0.0},  # 2 stands
        {"user/throttle": -0.5},  # 3 backs off
        '{"_index": 4, "_timest',  # 4 cut line
        "[1, 2]",  # 5 no object
        {"user/angle": None},  # 6
        {"user/mode": "local_angle"},  # 7
        {},  # 8 picture of zero bytes
        {},  # 9 picture missing
        {},  # 10 picture broken
        {"user/angle": float("nan")},  # 11
        {"cam/image_array": "../../etc/passwd"},  # 12
    ]
    tub = write_tub(tmp_path / "tub", entries, deleted=[1])
    images = tub / "images"
    (images / "8_cam_image_array_.jpg").write_bytes(b"")
    (images / "9_cam_image_array_.jpg").unlink()
    (images / "10_cam_image_array_.jpg").write_bytes(b"\xff\xd8 not a jpeg")
    frames = open_dataset(tub)
    assert len(frames) == 1
    assert frames.dropped == {
        "deleted by its author": 1,
        "car stands or backs off": 2,
        "broken JSON line": 2,
        "record without index, time, picture, angle or throttle": 3,
        "not steered by the driver": 1,
        "picture of zero bytes": 1,
        "picture missing": 1,
        "picture broken": 1,
    }


def test_records_come_in_the_order_of_time_whatever_the_catalogs_order(tmp_path, write_tub):
    tub = write_tub(
        tmp_path / "tub", [{"_timestamp_ms": 300}, {"_timestamp_ms": 100}, {"_timestamp_ms": 200}]
    )
    assert [r.time_ns for r in list_records(tub).records] == [0, 100_000_000, 200_000_000]


def test_a_catalog_that_is_not_there_is_counted(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{}])
    lines = (tub / "manifest.json").read_text().splitlines()
    facts = json.loads(lines[4])
    facts["paths"].append("catalog_1.catalog")
    (tub / "manifest.json").write_text("\n".join([*lines[:4], json.dumps(facts)]))
    assert list_records(tub).dropped == {"catalog missing": 1}


@pytest.mark.parametrize("text", ["", "not json", "[]\n[]\n{}\n{}\n[]", "[]\n[]\n{}\n{}\n{}"])
def test_a_broken_manifest_is_named(tmp_path, write_tub, text):
    tub = write_tub(tmp_path / "tub", [{}])
    (tub / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        open_dataset(tub)


def test_nothing_usable_is_an_error_that_says_what_was_dropped(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{"user/throttle": 0.0}])
    with pytest.raises(DataError, match="car stands"):
        open_dataset(tub)


def test_real_tub_honours_its_authors_deleted_indexes(shared_data):
    tub = shared_data / "tubs" / "mat_t2"
    assert kind_of(tub) == "tub"
    listing = list_records(tub)
    assert listing.dropped["deleted by its author"] == 2077
    assert len(listing.records) == 6000 - listing.dropped.total()
