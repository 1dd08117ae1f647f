"""The car's side never loads TensorFlow or Keras, and no device's library unless asked for."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib, pkgutil, sys
import controller, firmware_bridge, simulator
for package in (controller, firmware_bridge, simulator):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith((".__main__", ".picamera2")):
            importlib.import_module(module.name)
roots = {name.partition(".")[0] for name in sys.modules}
print(*sorted(roots & {"tensorflow", "keras", "tf_keras", "training", "export", "picamera2"}))
"""


def test_no_module_of_the_car_loads_tensorflow():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_three_packages_alone_load_neither_numpy_nor_a_device():
    code = (
        "import sys, controller, firmware_bridge, simulator;"
        "print(*sorted({'tensorflow', 'keras', 'cv2', 'serial', 'cffi'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "")
