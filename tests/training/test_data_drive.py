import base64
import json

import numpy as np
import pytest
from mcap.writer import Writer

from controller.errors import DataError
from controller.pictures import encode_png
from controller.recording.format import DECISION_TOPIC, IMAGE_TOPIC
from training.data.registry import kind_of, open_dataset


def _write(path, commands):
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        channels = {
            topic: writer.register_channel(topic, "json", 0)
            for topic in (IMAGE_TOPIC, DECISION_TOPIC)
        }
        for number, command in enumerate(commands):
            time_ns = 1_000 + 33_000_000 * number
            pixels = np.full((45, 80, 3), 10 * number % 250, np.uint8)
            picture = {
                "data": base64.b64encode(encode_png(pixels)).decode(),
                "frame_id": str(number),
                "format": "png",
            }
            decision = {
                "frame_sequence": number,
                "capture_ns": time_ns,
                "sent_ns": time_ns + 1_000_000,
                "probabilities": [0.2, 0.5, 0.3],
                "command": command,
                "state": "driving",
                "reason": "driving",
            }
            for topic, value in ((IMAGE_TOPIC, picture), (DECISION_TOPIC, decision)):
                data = json.dumps(value).encode()
                writer.add_message(channels[topic], time_ns, data, time_ns)
        writer.finish()


def test_a_drive_teaches_what_was_sent_and_nothing_where_the_car_was_stopped(tmp_path):
    path = tmp_path / "monday.mcap"
    _write(path, ["FORWARD", "STOP", "LEFT", "RIGHT"])
    assert kind_of(path) == "drive"
    frames = open_dataset(path)
    assert frames.labels.tolist() == [0, 1, 2]
    assert frames.frames[:, 0, 0, 0].tolist() == [0, 20, 30]
    assert frames.times_ns.tolist() == [0, 66_000_000, 99_000_000]
    assert frames.drive_names == ("monday",)
    assert frames.dropped == {"car was stopped": 1}


def test_a_cut_drive_is_said_and_a_strangers_file_refused(tmp_path):
    path = tmp_path / "cut.mcap"
    _write(path, ["LEFT"] * 40)
    path.write_bytes(path.read_bytes()[:-200])
    assert open_dataset(path).dropped == {"rest of a file that was cut": 1}
    path.write_bytes(b"hello")
    with pytest.raises(DataError, match=r"cut\.mcap: not a drive"):
        open_dataset(path)
