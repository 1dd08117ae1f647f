"""The commands of ``python -m simulator``: arguments and printing, nothing else.

Nothing imports it but ``__main__``. One more command: its parser and its function here, a line in
``__main__``.
"""
