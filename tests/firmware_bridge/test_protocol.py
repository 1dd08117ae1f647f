import itertools
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge
from firmware_bridge.errors import FrameError
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.protocol import (
    COUNTERS,
    MAX_TTL_MS,
    TYPE_COMMAND,
    TYPE_STATUS,
    VERSION,
    WIRE_CODES,
    CommandFrame,
    Decoder,
    cobs_decode,
    cobs_encode,
    decode_command,
    decode_status,
    encode_command,
    encode_frame,
    encode_status,
)

HEADER = (Path(firmware_bridge.__file__).parent / "firmware" / "protocol.h").read_text()

commands = st.builds(
    CommandFrame,
    session=st.integers(0, 2**32 - 1),
    sequence=st.integers(1, 2**32 - 1),
    command=st.sampled_from(Command),
    ttl_ms=st.integers(1, MAX_TTL_MS),
)
statuses = st.builds(
    McuStatus,
    version=st.just(VERSION),
    session=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**32 - 1),
    state=st.sampled_from(McuState),
    trip=st.sampled_from(Trip),
    applied=st.sampled_from(Command),
    motors=st.builds(
        lambda left, right: MotorOutputs(left / 255, right / 255),
        st.integers(-255, 255),
        st.integers(-255, 255),
    ),
    battery_mv=st.none() | st.integers(0, 65534),
    uptime_ms=st.integers(0, 2**32 - 1),
    reset_cause=st.integers(0, 255),
    counters=st.fixed_dictionaries({name: st.integers(0, 65535) for name in COUNTERS}),
)


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        ("00", "01 01"),
        ("00 00", "01 01 01"),
        ("00 11 00", "01 02 11 01"),
        ("11 22 00 33", "03 11 22 02 33"),
        ("11 22 33 44", "05 11 22 33 44"),
        ("11 00 00 00", "02 11 01 01 01"),
    ],
)
def test_cobs_of_known_vectors(plain, stuffed):
    assert cobs_encode(bytes.fromhex(plain)) == bytes.fromhex(stuffed)
    assert cobs_decode(bytes.fromhex(stuffed)) == bytes.fromhex(plain)


def test_cobs_of_a_full_block_adds_no_zero():
    run = bytes(range(1, 255))
    assert cobs_encode(run) == b"\xff" + run
    assert cobs_encode(run + b"\xff") == b"\xff" + run + b"\x02\xff"
    assert cobs_encode(run + b"\0") == b"\xff" + run + b"\x01\x01"


@given(st.binary(max_size=600))
def test_cobs_loses_nothing_and_holds_no_zero(data):
    stuffed = cobs_encode(data)
    assert 0 not in stuffed
    assert cobs_decode(stuffed) == data


def test_a_command_frame_byte_for_byte():
    frame = encode_command(CommandFrame(0x01020304, 5, Command.LEFT, 100))
    payload = bytes.fromhex("43 01 04 03 02 01 05 00 00 00 55 64")
    checked = payload + zlib.crc32(payload).to_bytes(4, "little")
    assert frame == b"\0" + b"\x08" + checked[:7] + b"\x01\x01\x07" + checked[10:] + b"\0"


def test_crc_is_the_one_of_ieee_802_3():
    frame = encode_frame(b"123456789")
    assert frame[-5:-1] == (0xCBF43926).to_bytes(4, "little")


@given(commands)
def test_commands_survive_the_line(command):
    (payload,) = Decoder().feed(encode_command(command))
    assert decode_command(payload) == command


@given(statuses)
def test_statuses_survive_the_line(status):
    (payload,) = Decoder().feed(encode_status(status))
    assert decode_status(payload) == status


@given(st.lists(commands, max_size=5), st.data())
def test_pieces_do_not_matter(sent, data):
    stream = b"".join(encode_command(command) for command in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = Decoder()
    payloads = []
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        payloads += decoder.feed(stream[start:end])
    assert [decode_command(payload) for payload in payloads] == sent


@given(commands, st.binary(max_size=200))
def test_a_frame_after_garbage_is_not_lost(command, garbage):
    payloads = Decoder().feed(garbage + encode_command(command))
    assert decode_command(payloads[-1]) == command


@given(commands, st.sets(st.integers(0, 19 * 8 - 1), min_size=1, max_size=3))
def test_up_to_three_flipped_bits_are_always_seen(command, flips):
    frame = bytearray(encode_command(command))
    for bit in flips:
        if bit // 8 < len(frame):
            frame[bit // 8] ^= 1 << bit % 8
    if bytes(frame).strip(b"\0") == encode_command(command).strip(b"\0"):
        return  # only a delimiter at the edge was hit
    for payload in Decoder().feed(bytes(frame) + b"\0"):
        assert decode_command(payload) == command


def test_rejects_are_counted_by_reason():
    good = encode_command(CommandFrame(1, 1, Command.STOP, 50))
    decoder = Decoder()
    assert decoder.feed(b"\x05\x01\0") == []  # ends inside a block
    assert decoder.feed(cobs_encode(b"12345") + b"\0") == []  # too short for type, version, CRC
    assert decoder.feed(cobs_encode(bytes(65)) + b"\0") == []  # too long
    assert decoder.feed(b"\xff" * 500 + b"\0") == []
    assert decoder.rejects == {"length": 4, "crc": 0}
    assert decoder.feed(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]) == []
    assert decoder.rejects == {"length": 4, "crc": 1}
    assert len(decoder.feed(good)) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes.fromhex("43 02 04 03 02 01 05 00 00 00 55 64"),  # version
        bytes.fromhex("53 01 04 03 02 01 05 00 00 00 55 64"),  # type
        bytes.fromhex("43 01 04 03 02 01 05 00 00 00 55"),  # length
        bytes.fromhex("43 01 04 03 02 01 05 00 00 00 54 64"),  # command code
        bytes.fromhex("43 01 04 03 02 01 05 00 00 00 55 00"),  # ttl 0
        bytes.fromhex("43 01 04 03 02 01 05 00 00 00 55 97"),  # ttl 151
    ],
)
def test_impossible_commands_are_refused(payload):
    with pytest.raises(FrameError):
        decode_command(payload)


def test_an_impossible_status_is_refused():
    status = McuStatus(
        1, 2, 3, McuState.ARMED, Trip.NONE, Command.STOP, MotorOutputs(0, 0), None, 4, 5,
        dict.fromkeys(COUNTERS, 0),
    )  # fmt: skip
    (payload,) = Decoder().feed(encode_status(status))
    assert decode_status(payload) == status
    for offset, value in ((10, 3), (11, 7), (12, 0x34)):
        wrong = payload[:offset] + bytes([value]) + payload[offset + 1 :]
        with pytest.raises(FrameError):
            decode_status(wrong)


@pytest.mark.parametrize(("sequence", "ttl_ms"), [(0, 50), (2**32, 50), (1, 0), (1, 151)])
def test_fields_out_of_range_are_not_sent(sequence, ttl_ms):
    with pytest.raises(ValueError, match="must be 1 to"):
        encode_command(CommandFrame(1, sequence, Command.STOP, ttl_ms))


def test_any_two_command_codes_differ_in_four_bits():
    for one, other in itertools.combinations(WIRE_CODES.values(), 2):
        assert (one ^ other).bit_count() == 4


def test_the_header_says_the_same():
    defines = dict(re.findall(r"#define PL_(\w+) (0x\w+|\d+)", HEADER))
    assert int(defines["VERSION"]) == VERSION
    assert int(defines["TYPE_COMMAND"], 16) == TYPE_COMMAND
    assert int(defines["TYPE_STATUS"], 16) == TYPE_STATUS
    assert int(defines["MAX_TTL_MS"]) == MAX_TTL_MS
    for enumeration, prefix in ((McuState, "PL_"), (Trip, "PL_TRIP_")):
        for member in enumeration:
            if member is not Trip.NONE:
                assert f"{prefix}{member.name} = {member.value}" in HEADER
    for command, code in WIRE_CODES.items():
        assert f"PL_{command.name} = 0x{code:02X}" in HEADER
    order = re.search(r"enum pl_counter \{(.*?)\}", HEADER, re.DOTALL)[1]
    names = [name.strip().lower().removeprefix("pl_") for name in order.split(",")]
    assert [name.removeprefix("reject_") for name in names] == [*COUNTERS, "counters"]
