"""The world: a track, a car on it, its camera and its microcontroller, in virtual time.

Time moves when somebody waits for a picture or uses the serial line; it moves in steps of one
millisecond, in which the microcontroller runs first and the car follows its motor pins. The same
configuration gives the same world to the last bit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from controller.clock import VirtualClock
from controller.frames import Frame
from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.wire.commands import Command, MotorOutputs
from simulator.car.car import ACKERMANN, REFERENCE, CarConfig, make_car, sample_car
from simulator.errors import SimulatorUsageError
from simulator.track.geometry import Pose
from simulator.track.tracks import MAT, RANDOM, Track, make_track, surface_of
from simulator.world.scene import Scene, SceneConfig

STEP_NS = 1_000_000
TRACE_NS = 20_000_000
"""How often the car's place is noted."""


@dataclass(frozen=True, slots=True)
class CameraTiming:
    """When pictures are taken and when they arrive.

    Attributes:
        frame_rate_hz: Pictures a second.
        latency_ms: From exposure to the moment when the program has the picture.
        jitter_ms: Standard deviation of the time of exposure.
    """

    frame_rate_hz: float = 30.0
    latency_ms: float = 20.0
    jitter_ms: float = 1.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.frame_rate_hz <= 120.0:
            raise SimulatorUsageError(f"frame rate is {self.frame_rate_hz} Hz, must be 1 to 120")
        if self.latency_ms < 0 or self.jitter_ms < 0:
            raise SimulatorUsageError("a camera's latency and jitter are 0 ms or more")


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """Everything that makes a world.

    Attributes:
        track: A name of `simulator.track.tracks.TRACK_NAMES`.
        seed: Of everything that is not given.
        scene: Camera and looks; its seed is the world's if it has none of its own.
        car: The car; sampled from the seed if None.
        car_kind: One of `simulator.car.car.CAR_KINDS`; "" for the one that suits the track.
        timing: The camera's.
        inference_ms: Virtual time that the model takes.
        microcontroller: For `firmware_bridge.emulation.registry.open_microcontroller`.
        line_loss: Share of the commands that the line loses, 0 to 1.
        line_delay_ms: How long a command is on the line, 0 or more.
        start_m: Where on the lap the car starts.
        start_offset_m: How far left of the middle it starts.
        start_turn_rad: How far it is turned left at the start.
    """

    track: str = RANDOM
    seed: int = 0
    scene: SceneConfig | None = None
    car: CarConfig | None = None
    car_kind: str = ""
    timing: CameraTiming = field(default_factory=CameraTiming)
    inference_ms: float = 5.0
    microcontroller: str = "python"
    line_loss: float = 0.0
    line_delay_ms: float = 0.0
    start_m: float = 0.0
    start_offset_m: float = 0.0
    start_turn_rad: float = 0.0

    @property
    def sampled_car(self) -> CarConfig:
        """The car: as given, or of the seed."""
        if self.car is not None:
            return self.car
        usual = ACKERMANN if surface_of(self.track) == MAT else REFERENCE
        return sample_car(self.seed, self.car_kind or usual)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The car at a moment.

    Attributes:
        time_ns: The moment, on the world's clock.
        pose: Where it is.
        turn_rate_radps: How fast it turns to the left.
        along_m: Where on the lap, 0 to its length.
        offset_m: How far left of the lane's middle.
        half_width_m: Half of the lane's width there.
        motion: What the motor pins make it do.
    """

    time_ns: int
    pose: Pose
    turn_rate_radps: float
    along_m: float
    offset_m: float
    half_width_m: float
    motion: Command


def motion_of(motors: MotorOutputs) -> Command:
    """The command whose motion two motor outputs show."""
    if motors.off:
        return Command.STOP
    if motors.left > 0 and motors.right > 0:
        return Command.FORWARD
    return Command.LEFT if motors.left < motors.right else Command.RIGHT


class World:
    """See the module's text. A context manager: leaving it frees the microcontroller."""

    def __init__(self, config: WorldConfig) -> None:
        """Paint a room, lay a track, put a car on it.

        Raises:
            SimulatorUsageError: If the track is unknown.
            EmulatorError: If the microcontroller is unknown or cannot be built.
        """
        self.config = config
        self.clock = VirtualClock()
        self.track: Track = make_track(config.track, config.seed)
        self.scene = Scene(self.track, config.scene or SceneConfig(config.seed))
        start = self.track.pose_at(config.start_m, config.start_offset_m, config.start_turn_rad)
        self.car = make_car(config.sampled_car, start, config.seed)
        self.microcontroller: Microcontroller = open_microcontroller(config.microcontroller)
        self._watchers: list[Callable[[Snapshot], None]] = []
        self._rng = np.random.default_rng([config.seed, 10])
        self._line_rng = np.random.default_rng([config.seed, 12])
        self._on_the_line: deque[tuple[int, bytes]] = deque()
        self._now_ns = 0
        self._next_note_ns = 0
        self._along_m = config.start_m
        self._pictures = 0
        self._next_exposure_ns = self._exposure_ns(0)
        self._exposed: deque[tuple[int, Snapshot]] = deque(maxlen=64)
        self.shown: Snapshot = self._snapshot()
        """The car as it was when the newest picture that somebody has read was taken."""
        self.spent_ns = 0
        """Real time that the world itself has taken, in ns: no part of what a loop measures."""

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.microcontroller.close()

    def watch(self, watcher: Callable[[Snapshot], None]) -> None:
        """Have somebody told where the car is, every 20 ms of virtual time."""
        self._watchers.append(watcher)

    def catch_up(self) -> None:
        """Let the world reach its clock's time."""
        start_ns = time.perf_counter_ns()
        while self._now_ns + STEP_NS <= self.clock.now_ns():
            self._step()
        self.spent_ns += time.perf_counter_ns() - start_ns

    def stopwatch_ns(self) -> int:
        """Real time without the world's own: for the loop, which should measure only itself."""
        return time.perf_counter_ns() - self.spent_ns

    def write(self, data: bytes) -> None:
        """The host's end of the serial line: bytes to the microcontroller."""
        self.catch_up()
        if self.config.line_loss > 0 and self._line_rng.random() < self.config.line_loss:
            return
        if self.config.line_delay_ms > 0:
            due_ns = self.clock.now_ns() + round(self.config.line_delay_ms * 1e6)
            self._on_the_line.append((due_ns, data))
        else:
            self.microcontroller.receive(data)

    def read(self) -> bytes:
        """The host's end of the serial line: what the microcontroller has sent until now."""
        self.catch_up()
        return self.microcontroller.transmit()

    def next_frame(self, timeout_ns: int) -> Frame | None:
        """Wait, in virtual time, for the newest picture that nobody has read.

        Returns:
            The picture, or None if none arrived in time; the clock has moved on either way.
        """
        deadline_ns = self.clock.now_ns() + max(0, timeout_ns)
        latency_ns = round(self.config.timing.latency_ms * 1e6)
        self.catch_up()
        while not (self._exposed and self._exposed[0][1].time_ns + latency_ns <= self._now_ns):
            first_ns = self._exposed[0][1].time_ns if self._exposed else self._next_exposure_ns
            arrival_ns = -(-(first_ns + latency_ns) // STEP_NS) * STEP_NS
            if arrival_ns > deadline_ns:
                self.clock.advance_to(deadline_ns)
                self.catch_up()
                return None
            self.clock.advance_to(arrival_ns)
            self.catch_up()
        number, seen = self._exposed.popleft()
        while self._exposed and self._exposed[0][1].time_ns + latency_ns <= self._now_ns:
            number, seen = self._exposed.popleft()
        self.shown = seen
        pixels = self.scene.picture(seen.pose, seen.turn_rate_radps)
        return Frame(pixels, number, seen.time_ns)

    def _exposure_ns(self, number: int) -> int:
        timing = self.config.timing
        jitter_ms = min(
            0.45 * 1000 / timing.frame_rate_hz, abs(timing.jitter_ms * self._rng.standard_normal())
        )
        time_ns = (number + 1) * 1e9 / timing.frame_rate_hz + jitter_ms * 1e6
        return round(time_ns / STEP_NS) * STEP_NS

    def _snapshot(self) -> Snapshot:
        pose = self.car.pose
        station = self.track.locate(pose, self._along_m)
        self._along_m = station.along_m
        return Snapshot(
            self._now_ns,
            pose,
            self.car.turn_rate_radps,
            station.along_m,
            station.offset_m,
            self.track.half_width_at(station.along_m),
            motion_of(self.microcontroller.motors),
        )

    def _step(self) -> None:
        self._now_ns += STEP_NS
        while self._on_the_line and self._on_the_line[0][0] <= self._now_ns:
            self.microcontroller.receive(self._on_the_line.popleft()[1])
        self.microcontroller.run_until(self._now_ns // 1000)
        self.car.step(self.microcontroller.motors, STEP_NS / 1e9)
        if self._now_ns >= self._next_exposure_ns:
            self._exposed.append((self._pictures, self._snapshot()))
            self._pictures += 1
            self._next_exposure_ns = self._exposure_ns(self._pictures)
        if self._now_ns >= self._next_note_ns:
            self._next_note_ns += TRACE_NS
            if self._watchers:
                seen = self._snapshot()
                for watcher in self._watchers:
                    watcher(seen)
