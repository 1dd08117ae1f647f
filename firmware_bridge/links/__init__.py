"""The host's end of the serial line: one file for each kind, behind one interface (`base`).

The runtime finds a link by name in `registry` and imports nothing else of this package. One more
kind: a file with a `base.Link` here, one line in `registry`, one in the tests' contract suite.
"""
