import socket

import pytest

from controller.__main__ import main
from controller.drive_writer import create_drive
from controller.errors import UsageError


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
