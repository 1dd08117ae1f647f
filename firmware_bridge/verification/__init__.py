"""What proves the firmware: fuzzing, differential scripts, mutation, coverage, fault injection.

For tests and commands; what runs on a car never imports it. One more check: its work in a file
here, its command in `firmware_bridge.cli`, a target in the Makefile.
"""
