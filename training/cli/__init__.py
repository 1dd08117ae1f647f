"""The commands of ``python -m training``: arguments and printing, nothing else.

Nothing imports it but ``__main__`` and, for `common`, export's command line. One more command: a
file here and a line in ``__main__``.
"""
