import json

import cv2
import numpy as np

from training.data.registry import kind_of, open_dataset


def _write(folder, number, picture=True, **changes):
    folder.mkdir(exist_ok=True)
    name = f"{number}_cam-image_array_.jpg"
    record = {
        "cam/image_array": name,
        "user/angle": 0.0,
        "user/throttle": 0.4,
        "user/mode": "user",
        **changes,
    }
    text = json.dumps({key: value for key, value in record.items() if value is not None})
    (folder / f"record_{number}.json").write_text(text)
    if picture:
        cv2.imwrite(str(folder / name), np.full((120, 160, 3), 90, np.uint8))


def test_records_come_in_the_order_of_their_numbers_with_classes(tmp_path):
    for number, angle in ((0, 0.0), (2, -0.7), (10, 0.9)):
        _write(tmp_path / "tub", number, **{"user/angle": angle})
    (tmp_path / "tub" / "meta.json").write_text('{"inputs": [], "types": []}')
    assert kind_of(tmp_path / "tub") == "tub v1"
    frames = open_dataset(tmp_path / "tub")
    assert frames.labels.tolist() == [0, 1, 2]
    assert frames.times_ns.tolist() == [0, 100_000_000, 500_000_000]
    np.testing.assert_allclose(frames.steering, [0, -0.7, 0.9], atol=1e-6)
    assert frames.shape == (45, 80)


def test_times_are_the_records_own_where_they_have_some(tmp_path):
    _write(tmp_path / "tub", 5, milliseconds=1000)
    _write(tmp_path / "tub", 6, milliseconds=1037)
    assert open_dataset(tmp_path / "tub").times_ns.tolist() == [0, 37_000_000]


def test_what_is_dropped_is_counted(tmp_path):
    tub = tmp_path / "tub"
    _write(tub, 0)
    _write(tub, 1, **{"user/throttle": 0.0})
    _write(tub, 2, **{"user/mode": "local"})
    _write(tub, 3, **{"user/angle": None})
    _write(tub, 4, **{"cam/image_array": "../0_cam-image_array_.jpg"})
    _write(tub, 5, picture=False)
    (tub / "record_6.json").write_text('{"cam/im')
    (tub / "record_7.json").write_text("[1]")
    _write(tub, 8)
    (tub / "8_cam-image_array_.jpg").write_bytes(b"")
    frames = open_dataset(tub)
    assert len(frames) == 1
    assert frames.dropped == {
        "car stands or backs off": 1,
        "not steered by the driver": 1,
        "record without number, picture, angle or throttle": 3,
        "picture missing": 1,
        "broken JSON file": 1,
        "picture of zero bytes": 1,
    }
