"""wallycore, which everything imports from here: it must not be cleaned up.

Its generated code frees its run-time data when the interpreter ends, and to do so makes an object
of a type that is gone by then: the process ends by a segmentation fault instead of its exit code. A
reference that nobody gives back keeps the data until the process is gone.
"""

import ctypes
import sys
from types import ModuleType

import wallycore

RUNTIME = "swig_runtime_data"


def _keep(runtime: ModuleType) -> None:
    for name, value in vars(runtime).items():
        if name.startswith("type_pointer_capsule"):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


for _name, _module in list(sys.modules.items()):
    if _name.startswith(RUNTIME):
        _keep(_module)

wally = wallycore
