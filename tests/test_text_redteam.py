"""Text from outside that once reached the terminal as it was: escape sequences, turned names."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.writer import Writer

import controller.__main__
import export.__main__
import simulator.__main__
import training.__main__

pytestmark = pytest.mark.redteam
EVIL = "a\x1b]0;owned\x07\x1b[2J\u202egpj.\u2066\u200b\x9b31m\rb"
BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


def _all_that_was_printed(capsys, *needed):
    out, err = capsys.readouterr()
    said = out + err
    assert not BAD.search(said), said
    for text in needed:
        assert text in said
    return said


def _drive(path, **metadata):
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        writer.add_metadata("drive", metadata)
        writer.finish()
    return path


def test_metadata_of_a_drive(tmp_path, capsys):
    path = _drive(tmp_path / "drive-one.mcap", model=EVIL, **{EVIL: "x\nframes       9999"})
    assert controller.__main__.main(["drives", "info", str(path), "--json"]) == 0
    assert json.loads(_all_that_was_printed(capsys, "owned"))["model"] == EVIL
    assert controller.__main__.main(["drives", "info", str(path)]) == 0
    said = _all_that_was_printed(capsys, "owned")
    assert "\nframes       9999" not in said  # nor does a value make a line of its own


def test_names_of_files(tmp_path, capsys):
    _drive(tmp_path / f"drive-{EVIL}.mcap")
    assert controller.__main__.main(["drives", "list", str(tmp_path)]) == 0
    _all_that_was_printed(capsys, "owned")


@pytest.mark.parametrize(
    "words",
    [
        (controller.__main__, ["drives", "info", EVIL]),
        (controller.__main__, ["replay", EVIL]),
        (simulator.__main__, ["drive", "--model", EVIL]),
        (training.__main__, ["inspect", EVIL]),
        (export.__main__, ["card", EVIL]),
    ],
    ids=lambda words: f"{words[0].__name__}-{words[1][0][:6]!r}",
)
def test_errors_of_every_command_line(capsys, words):
    module, arguments = words
    try:
        code = module.main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    _all_that_was_printed(capsys, "owned")


def test_the_reason_that_a_drive_answers(tmp_path, capsys):
    path = tmp_path / "control"
    answer = {"state": "driving", "reason": EVIL, "command": EVIL, "error": EVIL}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.bind(str(path))

        def reply():
            _, sender = stranger.recvfrom(100)
            stranger.sendto(json.dumps(answer).encode(), sender)

        thread = threading.Thread(target=reply)
        thread.start()
        assert controller.__main__.main(["status", "--socket", str(path)]) == 0
        thread.join()
    _all_that_was_printed(capsys, "owned")


def _text():
    """The module, or none on a commit before it."""
    from firmware_bridge import text

    return text


def test_a_message_in_the_log_stays_on_its_line(caplog):
    record = logging.makeLogRecord({"msg": "gone: %s", "args": (f"{EVIL}\nerror: forged",)})
    said = _text().OneLineFormatter("%(message)s").format(record)
    assert "\n" not in said
    assert not BAD.search(said)


@given(st.text())
def test_whatever_is_printable_stays_and_nothing_else(text):
    said = _text().printable(text)
    assert said.isprintable()
    assert said == text or not text.isprintable()


def test_what_is_printed_is_cleaned_while_a_command_runs_and_not_after(monkeypatch):
    written = []
    stream = types.SimpleNamespace(write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", stream)
    with _text().printable_output():
        print(f"{EVIL}\tx")
    assert sys.stdout is stream
    assert not BAD.search("".join(written).replace("\t", ""))
    assert written[-1] == "\n"
