"""The commands of ``python -m export``: arguments and printing, nothing else.

Nothing imports it but ``__main__``. One more command: a file here and a line in ``__main__``.
"""
