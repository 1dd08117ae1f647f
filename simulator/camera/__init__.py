"""The simulated camera: lens and mounting, the picture by perspective, and what a sensor adds.

Imports `room` and `track`. One more property of a lens: `optics`; of a sensor: `sensor`.
"""
