"""The scripts of `differential`: through every rule, at its edges, and random walks."""

from __future__ import annotations

import random
from collections.abc import Callable

from firmware_bridge.emulation.boot_counter import BOOT_MEMORY
from firmware_bridge.emulation.python_mcu import BATTERY_STOP_MV
from firmware_bridge.verification.differential import Script
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import (
    NO_BATTERY,
    WIRE_CODES,
    CommandFrame,
    encode_command,
    encode_frame,
)

MOTIONS = (Command.FORWARD, Command.LEFT, Command.RIGHT)


def _frames(script: Script) -> None:
    """Frames of every length, shape and fault."""
    rng = random.Random(1)
    session = script.core.session
    for size in range(70):
        script.receive(encode_frame(bytes(size)))
        script.receive(encode_frame(b"\x43\x01" + rng.randbytes(size)))
        script.receive(b"\0" + bytes([size + 1]) * (size + 1))
        script.receive(b"\0" + bytes([size + 2]) * (size + 1) + b"\0")
        script.transmit()
        script.ticks(9)
    script.receive(b"\xff" * 300 + b"\0" + b"\x01" * 64 + b"\0" + b"\x01" * 65 + b"\0")
    good = encode_command(CommandFrame(session, 1, Command.STOP, 100))
    for bit in range(8 * len(good)):
        broken = bytearray(good)
        broken[bit // 8] ^= 1 << bit % 8
        script.receive(bytes(broken) + b"\0")
    for cut in range(len(good)):
        script.receive(good[:cut] + good[cut + 1 :] + b"\0")
    script.ticks(60)
    script.transmit()


def _fields(script: Script) -> None:
    """Every value that a field of a command may and may not have."""
    for code in range(256):
        script.raw(script.core.session, 1 + code, code, 100)
    for ttl_ms in range(256):
        script.raw(script.core.session, 300 + ttl_ms, 0, ttl_ms)
    for bit in range(32):
        script.raw(script.core.session ^ 1 << bit, 1000, 0, 100)
    for kind in range(256):
        script.receive(encode_frame(bytes([kind, 1]) + bytes(10)))
        script.receive(encode_frame(bytes([kind, 1]) + bytes(11)))
    script.raw(script.core.session, 0x01020304, 0, 100)
    for sequence in (1, 0x01020303, 0x01020304, 0x01020305, 0x02010203, 0xFFFFFFFF, 0, 1):
        script.raw(script.core.session, sequence, 0, 100)
    script.ticks(200)
    script.transmit()


def _arming(script: Script) -> None:
    """Every short row of commands from DISARMED."""
    for row in range(4**5):
        for place in range(5):
            script.command(Command(row // 4**place % 4), 20)
        # Whatever it came to, end it: silence or the time to live, then a fresh start.
        script.tick(149)
        if row % 64 == 0:
            script.ticks(60)


def _motions(script: Script) -> None:
    """Ramps from each motion to each, alone and in steps of several ms."""
    for first in MOTIONS:
        for second in Command:
            for step in (1, 3, 10, 40, 63, 64, 65, 140):
                script.arm()
                for command in (first, second):
                    script.command(command, 150)
                    for _ in range(140 // step):
                        script.tick(step)
                        script.transmit(1)
                script.ticks(200)


def _timeouts(script: Script) -> None:
    """Times to live and silence, to the tick, in one step and in many."""
    for ttl_ms in (1, 2, 3, 50, 127, 128, 129, 149, 150):
        for late in range(-3, 3):
            for steps in (1, max(1, ttl_ms + late)):
                script.arm()
                script.command(Command.FORWARD, ttl_ms)
                for _ in range(steps):
                    script.tick(max(1, (ttl_ms + late) // steps))
                script.ticks(3)
                script.command(Command.LEFT, ttl_ms)
                script.ticks(160)
    for wait in range(145, 153):
        for stops in (3, 4):
            script.arm()
            for _ in range(stops):
                script.tick(wait)
                script.command(Command.STOP)
            script.ticks(160)
    script.arm()
    for _ in range(20):  # refreshed, it goes on
        script.command(Command.RIGHT, 30)
        script.ticks(29)
    script.command(Command.RIGHT, 150)
    script.tick(10)
    script.command(Command.STOP, 1)
    script.ticks(147)
    script.ticks(5)


def _statuses(script: Script) -> None:
    """When a status leaves, and that one on its way is finished first."""
    for first_ms in (0, 1, 7, 8, 9, 15):
        script.start(1)
        for _ in range(first_ms):
            script.tick()
        script.transmit()
    for wait in (1, 6, 7, 8, 9, 10, 49, 50, 51):
        for _ in range(4):
            script.command(Command.STOP)
            script.transmit()
            script.tick(wait)
            script.transmit(1000)
    script.tick(60)
    for _ in range(120):  # a slow line
        script.transmit(1)
        script.tick()
    sizes = (-255, -254, -2, -1, 0, 1, 2, 254, 255)
    for left in sizes:
        for right in sizes:
            script.transmit(100)
            script.tick(50)
            script.transmit(47, (left, right))


def _versions(script: Script) -> None:
    """Another version in each state."""
    for version in (0, 2, 3, 0x43, 255):
        for kind in (0x43, 0x53, 0):
            for before in range(5):
                for command in [Command.STOP] * before + [Command.LEFT] * (before == 4):
                    script.command(command)
                script.tick(5)
                script.receive(encode_frame(bytes([kind, version])))
                script.command(Command.STOP)
                script.command(Command.STOP)
                script.command(Command.FORWARD)
                script.ticks(60)


def _inputs(script: Script) -> None:
    """E-stop and battery in each state, and thresholds to the mV and the ms."""
    for armed in (0, 1, 2):
        script.arm()
        if armed == 2:
            script.command(Command.FORWARD)
            script.ticks(5)
        elif armed == 0:
            script.ticks(160)
        script.estop = True
        script.ticks(2)
        script.arm()
        script.estop = False
        script.ticks(60)
        script.arm()
        script.ticks(160)
    for battery_mv in (0, 1, BATTERY_STOP_MV - 1, BATTERY_STOP_MV, BATTERY_STOP_MV + 1, 65534):
        for low_ticks in (1, 498, 499, 500, 501):
            script.battery_mv = battery_mv
            for tick in range(low_ticks):
                if tick % 100 == 0:
                    script.arm()
                    script.command(Command.FORWARD)
                script.tick()
            script.arm()
            script.command(Command.FORWARD)
            script.transmit(100)
            script.tick()
            script.command(Command.STOP)
            script.battery_mv = NO_BATTERY
            script.ticks(60)
    script.battery_mv = 5000
    for _ in range(520):
        script.tick()
    script.estop = True
    script.ticks(60)
    script.estop = False
    script.ticks(60)
    script.battery_mv = 7000
    script.ticks(60)
    script.battery_mv = NO_BATTERY
    script.ticks(160)


def _clock(script: Script) -> None:
    """A time that wraps, and the heartbeat over its whole pattern in each state."""
    script.tick(0xFFFFFF00)
    for _ in range(5):
        script.transmit(100)
        script.arm()
        script.command(Command.FORWARD, 90)
        script.ticks(100)
    script.tick(0x7FFFFFFF)
    script.tick(0x80000000)
    for _ in range(2100):
        script.tick()
    for command in (Command.STOP, Command.LEFT):
        script.arm()
        for step in range(1100):
            if step % 20 == 0:
                script.command(command)
            script.tick()
        script.ticks(160)


def _sessions(script: Script) -> None:
    """First, last and impossible boots; every trip of a boot until none is left."""
    for epoch in (0, 1, 2, 0xFFFFE, 0xFFFFF, 0x100000, 0xFFFFFFFF):
        script.start(epoch, epoch & 0xFF)
        script.transmit(100)
        script.arm()
        script.command(Command.FORWARD)
        script.ticks(70)
        if script.core.session == 0:
            script.raw(0, 1, 0, 100)
            script.ticks(70)
    script.start(7)
    for trip in range(4100):
        script.arm()
        script.tick(149)
        if trip > 4090 or trip % 256 == 0:
            script.ticks(60)
    for _ in range(1030):
        script.tick()
    script.start(8)


def _counters(script: Script) -> None:
    """Counters over their end."""
    for _ in range(66):
        script.receive(b"\x02" * 2000)
        script.receive(b"\x02\x00" * 1000)
    script.tick(60)
    script.transmit(100)


def _boots(script: Script) -> None:
    """Boots with power cuts after every write, torn and worn memory, and the last number."""
    for _ in range(40):
        script.boot()
    for writes in range(9):
        for _ in range(20):
            script.boot(writes)
            script.boot()
    rng = random.Random(2)
    for _ in range(300):
        script.poke(rng.randrange(BOOT_MEMORY), rng.randrange(256))
        script.boot(rng.choice((255, 255, rng.randrange(9))))
    for address in range(BOOT_MEMORY):
        script.wear_out(address)
        for _ in range(17):  # past every slot, or stuck at the worn one
            script.boot()
    script.wear_out(None)
    for address, value in enumerate(b"\xfd\xff\xff\xff\x02\0\0\0"):
        script.poke(address, value)
    for _ in range(6):
        script.boot()
    for address in range(BOOT_MEMORY):
        script.poke(address, 0)
    script.boot()
    script.boot()


def _walk(script: Script, rng: random.Random, steps: int) -> None:
    """Anything, in any order, mostly right."""
    for _ in range(steps):
        choice = rng.random()
        command = rng.choice(list(Command))
        if choice < 0.25:
            script.command(command, rng.choice((1, 20, 100, 150)))
        elif choice < 0.35:
            script.arm()
        elif choice < 0.75:
            script.tick(rng.choice((1, 1, 1, 1, 2, 5, 20, 60, 149)))
        elif choice < 0.9:
            script.transmit(rng.choice((1, 5, 47)))
        elif choice < 0.92:
            script.receive(rng.randbytes(rng.randrange(40)))
        elif choice < 0.94:
            script.raw(script.core.session, rng.randrange(5), WIRE_CODES[command], 50)
        elif choice < 0.96:
            script.receive(encode_frame(bytes([0x43, rng.choice((1, 2))])))
        elif choice < 0.98:
            script.estop = rng.random() < 0.2
        else:
            script.battery_mv = rng.choice((NO_BATTERY, 8000, 6000))


DIRECTED: tuple[Callable[[Script], None], ...] = (
    _frames, _fields, _arming, _motions, _timeouts, _statuses, _versions, _inputs, _clock,
    _sessions, _counters, _boots,
)  # fmt: skip


def directed_script() -> Script:
    """One script that goes through every rule, at its edges."""
    script = Script()
    for part in DIRECTED:
        part(script)
    return script


def random_script(seed: int, steps: int = 2000) -> Script:
    """One script of random steps."""
    script = Script()
    _walk(script, random.Random(seed), steps)
    return script
