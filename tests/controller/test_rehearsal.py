from __future__ import annotations

import dataclasses

import pytest

from controller.loop import REHEARSAL_NS, Rhythm
from controller.rehearsal import understudies
from firmware_bridge.commands import Command


class Watched:
    """A link that counts what an understudy sends, and passes nothing on."""

    def __init__(self, link, clock):
        self._link, self._clock = link, clock
        self.times_ns = []
        self.commands = []

    def send(self, command, ttl_ms):
        self.times_ns.append(self._clock.now_ns())
        self.commands.append(command)
        return self._link.send(command, ttl_ms)

    def health(self):
        return self._link.health()


@pytest.fixture
def rehearsed(bench, shot):
    """Drives a script with rehearsals; gives the drive and what the understudies did."""

    def run(shots):
        drive = bench(shots)
        cast = understudies(drive.camera_pilot, drive.link)
        watched = Watched(cast.link, drive.clock)
        return drive.run(understudies=dataclasses.replace(cast, link=watched)), watched

    return run


def _turns():
    return [(0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.0, 0.2, 0.8)] * 10


def test_a_rehearsal_changes_nothing_that_is_sent_or_seen(bench, shot, rehearsed):
    plain = bench([shot(turn) for turn in _turns()]).run()
    drive, watched = rehearsed([shot(turn) for turn in _turns()])
    assert len(watched.commands) >= 25
    assert [_facts(cycle) for cycle in drive.cycles] == [_facts(cycle) for cycle in plain.cycles]
    assert drive.mcu.motors == plain.mcu.motors
    ours, theirs = (run.link.health().status.counters for run in (drive, plain))
    assert ours == theirs


def _facts(cycle):
    return cycle.decision, cycle.sequence, cycle.sent_ns, cycle.probabilities


def test_it_comes_shortly_before_the_frame_and_goes_the_way_of_a_driving_car(shot, rehearsed):
    drive, watched = rehearsed([shot(turn) for turn in _turns()])
    times = [cycle.frame.capture_ns + 5_000_000 for cycle in drive.cycles if cycle.frame]
    assert watched.times_ns == [
        time_ns - REHEARSAL_NS for time_ns in times[-len(watched.times_ns) :]
    ]
    assert watched.commands[-10:] == [Command.FORWARD] * 10


def test_a_rhythm_follows_the_camera_and_forgets_pauses():
    rhythm = Rhythm()
    rhythm.beat(1_000)
    rhythm.beat(1_100)
    assert rhythm.next_ns == 1_200
    rhythm.beat(1_208)  # an eighth of what it was late
    assert rhythm.next_ns == 1_309
    rhythm.beat(5_000)
    rhythm.beat(5_050)
    assert rhythm.next_ns == 5_100
