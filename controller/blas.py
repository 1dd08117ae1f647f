"""Imported before anything that imports NumPy, by the car's own command line.

Nothing here multiplies matrices, but NumPy's OpenBLAS starts a thread for every core when it is
loaded: 0.2 s of processor time and, on two cores, 20 ms of the start.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
