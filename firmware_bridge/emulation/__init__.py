"""Emulated microcontrollers in virtual time: in Python, the C core on this machine, simavr.

For simulators, tools and tests; what runs on a car never imports it. One more: a file with a
`base.Microcontroller` here, one line in `registry`, one in the tests' contract suite.
"""
