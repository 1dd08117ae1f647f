"""Cameras, one file for each kind, behind one interface (`base.Camera`).

Found by name in `registry`, so that a camera's library is loaded only when it is asked for. One
more kind: a file here, one line in `registry`, one in the tests' contract suite.
"""
