import time

from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.links.plain import PlainLink
from firmware_bridge.wire.commands import Command


class Clock:
    def __init__(self):
        self.time_ns = 10**9

    def now_ns(self):
        return self.time_ns


def test_one_letter_per_command_and_stop_at_the_end(tmp_path):
    with PtyLine(tmp_path / "car") as line:
        with PlainLink(line.path, Clock()) as link:
            for command in (Command.FORWARD, Command.LEFT, Command.RIGHT, Command.STOP):
                assert link.send(command, 100) > 0
            health = link.health()
        time.sleep(0.05)
        assert line.read() == b"FLRSS"
    assert health.connected
    assert health.status is None
    assert health.sent == 4


def test_a_device_that_goes_away_and_comes_back(tmp_path):
    clock = Clock()
    line = PtyLine(tmp_path / "car")
    with PlainLink(str(tmp_path / "car"), clock) as link:
        line.close()
        for _ in range(3):
            link.send(Command.FORWARD, 100)
        assert not link.health().connected
        assert link.health().dropped > 0
        line = PtyLine(tmp_path / "car")
        clock.time_ns += 10**9
        assert link.send(Command.FORWARD, 100) > 0
        assert link.health().connected
    line.close()
