"""The computer: this process, its signals, and what the kernel says of board and power.

Imports nothing of the project but errors; everything may import it. One more sensor or limit of the
operating system's goes here.
"""
