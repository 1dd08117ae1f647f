"""A world to drive in: tracks of paper, a camera, a car, a teacher, and closed-loop evaluation.

Nothing in the runtime knows that it is simulated: devices are swapped (`simulator.devices`), and
time is a `controller.clock.VirtualClock` that the simulated camera moves on.
"""
