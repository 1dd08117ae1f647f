"""What surrounds a drive on a car: systemd, the control socket, the button, the page.

Each part is a sink of the loop or a thread of its own; `controller.car` puts them together. One
more: a file here, its settings in `controller.config`, a line in `controller.car`.
"""
