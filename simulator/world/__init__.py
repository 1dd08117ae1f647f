"""A world: a track in a room, a car on it, its camera and its microcontroller, in virtual time.

Imports `track`, `room`, `camera` and `car`. One more look of a whole world (such as `mat`): a file
here, and a line in `scene`.
"""
