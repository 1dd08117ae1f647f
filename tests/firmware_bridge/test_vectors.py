from pathlib import Path

import pytest

from firmware_bridge.wire.protocol import Decoder, decode_command, decode_status
from firmware_bridge.wire.vectors import all_vectors, as_text

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_the_page_shows_the_vectors_of_today():
    assert as_text() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("vector", all_vectors(), ids=lambda vector: vector.says)
def test_vectors_decode_to_what_they_say(vector):
    (payload,) = Decoder().feed(vector.frame)
    if vector.says.startswith("COMMAND"):
        command = decode_command(payload)
        assert f"session 0x{command.session:08X} sequence {command.sequence} " in vector.says
        assert f" {command.command.name} ttl {command.ttl_ms} ms" in vector.says
    else:
        status = decode_status(payload)
        assert f"session 0x{status.session:08X}" in vector.says


def test_one_vector_literally():
    assert all_vectors()[1].frame == bytes.fromhex(
        "00 08 43 01 78 56 34 12 02 01 01 07 33 64 25 30 ca 1b 00"
    )
