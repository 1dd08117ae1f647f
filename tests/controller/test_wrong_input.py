import socket

import numpy as np
import pytest

from controller.__main__ import main
from controller.errors import UsageError
from controller.recording.frameset import FrameSet
from controller.recording.writer import create_drive


def _fails(capsys, *arguments):
    """The one line of a command that ends with 2."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("word", ["arm", "status"])
def test_what_is_no_control_socket_is_said(tmp_path, capsys, word):
    text = tmp_path / "text"
    text.write_text("mine")
    assert f"{text}: a file, no socket" in _fails(capsys, word, "--socket", text)
    assert "a folder, no socket" in _fails(capsys, word, "--socket", tmp_path)
    assert "its folder should be" in _fails(capsys, word, "--socket", text / "below")
    long = tmp_path / ("x" * 120)
    assert f"longer than 107 bytes: {long}" in _fails(capsys, word, "--socket", long)
    assert "'' names no control socket" in _fails(capsys, word, "--socket", "")
    assert text.read_text() == "mine"


def test_a_configuration_without_a_socket_is_said(tmp_path, capsys):
    config = tmp_path / "paperlane.toml"
    config.write_text("[arming]\nsocket = ''\n")
    assert "names no control socket" in _fails(capsys, "status", "--config", config)


def test_another_programs_socket_is_said(tmp_path, capsys):
    path = tmp_path / "stream"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        assert "another program's socket" in _fails(capsys, "arm", "--socket", path)


def test_a_file_in_the_place_of_a_drives_folder_is_said_as_such(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file is a file, a folder is needed"):
        create_drive(tmp_path / "file" / "one.mcap")
    with pytest.raises(UsageError, match="Not a directory"):
        create_drive(tmp_path / "file" / "deeper" / "one.mcap")
    (tmp_path / "one.mcap").touch()
    with pytest.raises(UsageError, match="never overwritten"):
        create_drive(tmp_path / "one.mcap")


def test_a_camera_and_a_link_of_two_simulated_worlds_are_said(capsys):
    words = ["drive", "--camera", "simulated:oval", "--link", "simulated:s", "--arm"]
    assert "two simulated worlds" in _fails(capsys, *words)


@pytest.mark.parametrize("option", ["--camera", "--link"])
def test_a_simulated_world_of_an_endless_number_is_said(capsys, option):
    words = ["drive", "--camera", "pattern", "--link", "loop://"]
    words[words.index(option) + 1] = f"simulated:oval:{'9' * 5000}"
    assert "say simulated:TRACK or simulated:TRACK:SEED" in _fails(capsys, *words)


def test_a_name_that_is_not_utf_8_is_said(capsys):
    with pytest.raises(SystemExit) as stop:  # OpenCV would end the process instead
        main(["drive", "--camera", "opencv:\udcff", "--link", "loop://"])
    assert stop.value.code == 2
    assert "error: a name that is not UTF-8" in capsys.readouterr().err


def test_a_drive_whose_name_is_not_utf_8_is_listed(tmp_path, capsys):
    (tmp_path / "\udcff.mcap").write_bytes(b"\x89MCAP0\r\n")
    assert main(["drives", "list", str(tmp_path)]) == 0
    assert "\\udcff.mcap  0 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [("replay", "{}"), ("drives", "list", "{}"), ("replay", "x", "--model", "{}")]
)
def test_a_name_that_no_file_system_takes_is_said(capsys, words):
    assert "File name too long" in _fails(capsys, *(word.format("x" * 300) for word in words))


@pytest.fixture
def frameset(tmp_path):
    FrameSet(
        np.random.default_rng(1).integers(0, 256, (3, 45, 80, 3), np.uint8),
        np.zeros(3, np.uint8),
        np.zeros(3, np.uint16),
        np.arange(3, dtype=np.int64),
        np.zeros(3, np.float32),
        ("one",),
    ).save(tmp_path / "set")
    return tmp_path / "set"


def _npy(header):
    return b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n"


_SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': "


@pytest.mark.parametrize("name", ["labels.npy", "frames.npy", "meta.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"paperlane-frameset"',
        b"[" * 100_000,
        b"9" * 5000,
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),  # an empty archive
        _npy("")[:-3],
        _npy(_SHAPE + "(3"),
        _npy(_SHAPE + "('''"),
        _npy(_SHAPE + f"({10**16},)}}"),
        _npy(_SHAPE + f"({10**30},)}}"),
        _npy("[" * 117),
        _npy(_SHAPE + "()}") + b"\0",
    ],
)
def test_a_damaged_frame_set_is_said(frameset, capsys, name, content):
    (frameset / name).write_bytes(content)
    assert str(frameset) in _fails(capsys, "replay", frameset)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("labels", np.zeros((3, 2), np.uint8)),
        ("times_ns", np.zeros((3, 2), np.int64)),
        ("frames", np.zeros((3, 0, 80, 3), np.uint8)),
        ("frames", np.zeros((3, 45, 80), np.uint8)),
    ],
)
def test_a_frame_set_of_another_shape_is_said(frameset, capsys, name, array):
    np.save(frameset / f"{name}.npy", array)
    assert f"{name} must be (N" in _fails(capsys, "replay", frameset)
