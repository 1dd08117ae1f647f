"""The line to the microcontroller: protocol, links, the firmware itself and its emulation."""
