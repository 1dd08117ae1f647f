"""The commands of ``python -m controller``: arguments and printing, nothing else.

Nothing imports it but ``__main__`` and, for `common`, other packages' command lines. One more
command: a file here that adds its parser, and a line in ``__main__``.
"""
