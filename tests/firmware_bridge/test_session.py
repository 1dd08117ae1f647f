import dataclasses

import pytest

from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import Decoder, decode_command, encode_frame, encode_status
from firmware_bridge.wire.session import HostSession
from tests.firmware_bridge.conftest import STATUS

MS = 1_000_000
FOREIGN = encode_frame(b"\x53\x02 from a newer firmware")


def status(**changes):
    return encode_status(dataclasses.replace(STATUS, **changes))


def sent(made):
    sequence, frame = made
    (payload,) = Decoder().feed(frame)
    command = decode_command(payload)
    assert command.sequence == sequence
    return command


def test_says_nothing_before_the_first_status():
    session = HostSession()
    assert session.command(Command.STOP, 100, 0) is None
    assert session.health(0, device_open=True, sent=0, dropped=0).connected is False


def test_learns_the_session_and_numbers_from_one():
    session = HostSession()
    session.receive(status(), 0)
    first = sent(session.command(Command.STOP, 100, 0))
    assert (first.session, first.sequence, first.ttl_ms) == (0xABCD, 1, 100)
    assert sent(session.command(Command.LEFT, 7, 0)).sequence == 2


def test_what_is_not_answered_yet_is_counted():
    session = HostSession()
    assert session.unanswered == 0
    session.receive(status(sequence=5), 0)
    session.command(Command.STOP, 100, 0)
    session.command(Command.STOP, 100, 0)
    assert session.unanswered == 2
    session.receive(status(sequence=6), 0)
    assert session.unanswered == 1


def test_a_second_host_goes_on_behind_the_first():
    session = HostSession()
    session.receive(status(sequence=500), 0)
    assert sent(session.command(Command.STOP, 100, 0)).sequence == 501


def test_a_new_session_starts_again_at_one():
    session = HostSession()
    session.receive(status(sequence=500), 0)
    session.command(Command.STOP, 100, 0)
    session.receive(status(session=0xEF), 0)
    command = sent(session.command(Command.STOP, 100, 0))
    assert (command.session, command.sequence) == (0xEF, 1)


@pytest.mark.parametrize(("again", "number"), [(0xABCD, 8), (0xEF, 6)])
def test_a_line_that_is_back_in_the_same_session_carries_no_number_twice(again, number):
    session = HostSession()
    session.receive(status(sequence=5), 0)
    session.command(Command.LEFT, 100, 0)
    session.command(Command.LEFT, 100, 0)  # still on their way, somewhere
    session.forget()
    session.receive(status(session=again, sequence=5), 0)
    assert sent(session.command(Command.STOP, 100, 0)).sequence == number


def test_never_wraps():
    session = HostSession()
    session.receive(status(sequence=2**32 - 2), 0)
    assert sent(session.command(Command.STOP, 100, 0)).sequence == 2**32 - 1
    assert session.command(Command.STOP, 100, 0) is None


def test_session_zero_is_never_spoken_to():
    session = HostSession()
    session.receive(status(session=0), 0)
    assert session.command(Command.STOP, 100, 0) is None


@pytest.mark.parametrize("ttl_ms", [0, 151, -1])
def test_a_time_to_live_out_of_range_is_an_error(ttl_ms):
    with pytest.raises(ValueError, match="1 to 150"):
        HostSession().command(Command.STOP, ttl_ms, 0)


def test_connected_while_the_newest_status_is_fresh():
    session = HostSession()
    session.receive(status(), 1000 * MS)
    health = session.health(1149 * MS, device_open=True, sent=3, dropped=4)
    assert health.connected
    assert (health.status_age_ns, health.sent, health.dropped) == (149 * MS, 3, 4)
    assert not session.health(1150 * MS, device_open=True, sent=0, dropped=0).connected
    assert not session.health(1001 * MS, device_open=False, sent=0, dropped=0).connected


def test_forgets_what_is_no_longer_true():
    session = HostSession()
    session.receive(status(applied=Command.LEFT), 0)
    session.receive(status(applied=Command.LEFT), 201 * MS)
    session.receive(FOREIGN + status()[:10], 201 * MS)
    before = session.health(201 * MS, device_open=True, sent=0, dropped=0)
    assert before.mismatched
    assert session.version_error() is not None
    session.forget()
    assert session.command(Command.STOP, 100, 0) is None
    after = session.health(201 * MS, device_open=True, sent=0, dropped=0)
    assert (after.status, after.status_age_ns, after.mismatched) == (None, 0, False)
    assert session.version_error() is None
    assert session.receive(status()[1:], 0) == [STATUS]  # with no half a frame before it


@pytest.mark.parametrize(
    ("version", "advice"), [(0, "update the firmware"), (2, "update paperlane on this computer")]
)
def test_another_version_is_named_with_the_side_to_update(version, advice):
    session = HostSession()
    assert session.version_error() is None
    session.receive(encode_frame(bytes([0x53, version]) + b"anything"), 0)
    assert session.status is None
    error = session.version_error()
    assert f"version {version}" in str(error)
    assert advice in str(error)


def test_garbage_and_echoes_are_no_statuses():
    session = HostSession()
    session.receive(status(), 0)
    _, echo = session.command(Command.STOP, 100, 0)
    newer_echo = encode_frame(b"\x43\x02 from a newer host")
    noise = echo + newer_echo + b"\x00garbage\x00"
    assert session.receive(noise + status(), 0) == [STATUS]
    assert session.version_error() is None


class TestMismatch:
    """``mismatched`` after 200 ms of motors doing what is not asked for."""

    @staticmethod
    def run(asked, applied):
        """Ask and answer every 20 ms; both are functions of the time in ms."""
        session = HostSession()
        since = None
        session.receive(status(), 0)
        for now_ms in range(0, 1000, 20):
            session.command(asked(now_ms), 100, now_ms * MS)
            session.receive(status(applied=applied(now_ms)), (now_ms + 5) * MS)
            mismatched = session.health(0, device_open=True, sent=0, dropped=0).mismatched
            if mismatched and since is None:
                since = now_ms
        return since

    def test_none_when_obeyed_late(self):
        def asked(now_ms):
            return Command.LEFT if now_ms % 400 < 200 else Command.FORWARD

        assert self.run(asked, lambda now_ms: asked(now_ms - 80)) is None

    def test_none_when_asked_back_and_forth_faster_than_the_motors_turn(self):
        def asked(now_ms):
            return Command.LEFT if now_ms % 80 < 40 else Command.RIGHT

        assert self.run(asked, lambda now_ms: asked(now_ms - 40)) is None

    def test_motors_that_go_on_after_stop(self):
        asked = lambda now_ms: Command.FORWARD if now_ms < 300 else Command.STOP  # noqa: E731
        assert self.run(asked, lambda _: Command.FORWARD) == 500

    def test_motors_that_stop_by_themselves(self):
        applied = lambda now_ms: Command.FORWARD if now_ms < 300 else Command.STOP  # noqa: E731
        assert self.run(lambda _: Command.FORWARD, applied) == 500

    def test_the_wrong_way(self):
        assert self.run(lambda _: Command.LEFT, lambda _: Command.RIGHT) == 200

    @pytest.mark.parametrize(
        ("next_ms", "applied", "mismatched"),
        [
            (500, Command.STOP, False),  # asked for up to now, by a time that had run out
            (500, Command.FORWARD, True),  # asked for up to 100 ms
            (250, Command.FORWARD, False),
            (250, Command.RIGHT, True),
        ],
    )
    def test_what_was_asked_for_while_no_status_came_counts(self, next_ms, applied, mismatched):
        session = HostSession()
        session.receive(status(), 0)
        session.command(Command.FORWARD, 100, 0)
        session.command(Command.LEFT, 100, next_ms * MS)
        session.receive(status(applied=applied), (next_ms + 5) * MS)
        health = session.health(0, device_open=True, sent=0, dropped=0)
        assert health.mismatched is mismatched

    def test_motors_found_turning_have_their_time_to_stop(self):
        session = HostSession()
        for start_ms in (1000, 5000):
            for now_ms in (0, 200, 201):
                session.receive(status(applied=Command.LEFT), (start_ms + now_ms) * MS)
                health = session.health(0, device_open=True, sent=0, dropped=0)
                assert health.mismatched is (now_ms == 201)
            session.forget()

    def test_a_command_whose_time_has_run_out_asks_for_stop(self):
        session = HostSession()
        session.receive(status(), 0)
        session.command(Command.FORWARD, 100, 0)
        session.receive(status(applied=Command.FORWARD), 50 * MS)
        for now_ms in range(110, 800, 50):
            session.receive(status(applied=Command.STOP), now_ms * MS)
            assert not session.health(0, device_open=True, sent=0, dropped=0).mismatched
        for now_ms in range(800, 1200, 50):
            session.receive(status(applied=Command.FORWARD), now_ms * MS)
        assert session.health(0, device_open=True, sent=0, dropped=0).mismatched
