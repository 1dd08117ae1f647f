"""The commands of ``python -m firmware_bridge``: one file each, arguments and printing only.

Nothing imports it but ``__main__`` and other packages' command lines (`common`). One more command:
a file with ``add_parser`` here, and its name in ``__main__``.
"""
