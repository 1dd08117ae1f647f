"""The microcontroller's firmware in C, and what compiles (`toolchain`) and loads (`native`) it.

The portable core stands here, a board's own part in a folder of its own (``avr/``). One more board:
a folder beside ``avr/`` and a build in `toolchain`; nothing that a car imports depends on it.
"""
