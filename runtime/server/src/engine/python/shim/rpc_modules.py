"""What the code of a service can import: the modules that it declares, by their names; `rpc_types`; and what its Python has.

Sources are modules too, under names that no import means by chance. So classes and functions of a source can be pickled,
and a process that `multiprocessing` starts finds them.
"""

import os
import re
import sys
import types
from importlib.util import spec_from_file_location

from rpc_names import SOURCES
from rpc_records import MODULE, make_module
from rpc_signature import parse_type

ENGINE_FOLDER = os.path.dirname(os.path.abspath(__file__))


class Finder:
    """Finds the declared modules and the sources, before Python looks anywhere else."""

    def __init__(self, files):
        self.files = files

    def find_spec(self, name, path=None, target=None):
        file = self.files.get(name)
        return file and spec_from_file_location(name, file)


def install(setup):
    """Makes the modules of a service importable. Returns the names of the modules of the sources, by path."""
    root = setup["root"]
    names = source_names(setup["sources"])
    SOURCES.update((name, path) for path, name in names.items())
    declared = {module_name(path): os.path.join(root, path) for path in setup["modules"]}
    forget(declared)
    sys.meta_path.insert(0, Finder({**declared, **{name: os.path.join(root, path) for path, name in names.items()}}))
    sys.modules[MODULE] = make_module(map(parse_type, setup["types"]))
    return names


def install_in_child(setup):
    """Does the same in a process that `multiprocessing` has started."""
    install(setup)
    hide_engine()


def module_name(path):
    return os.path.basename(path).split(".")[0]


def source_names(paths):
    """Returns a name for the module of each source: `source__services__svc1__rpc1` for `services/svc1/rpc1.py`."""
    names, taken = {}, set()
    for path in sorted(set(paths)):
        name = "source__" + re.sub(r"\W", "_", os.path.splitext(path)[0].replace("/", "__"))
        while name in taken:
            name += "_"
        taken.add(name)
        names[path] = name
    return names


def forget(names):
    """Forgets the modules of Python that are called like declared ones. `sys` stays: nothing runs without it."""
    for name in list(sys.modules):
        if name.split(".")[0] in names and name != "sys":
            del sys.modules[name]


def hide_engine():
    """Makes the modules of the engine invisible. Their functions go on to work."""
    sys.path[:] = [path for path in sys.path if path != ENGINE_FOLDER]
    for name, module in list(sys.modules.items()):
        if name != "__main__" and os.path.dirname(getattr(module, "__file__", None) or "") == ENGINE_FOLDER:
            del sys.modules[name]


def replace_main(file):
    """Replaces `__main__`. `multiprocessing` runs its file first in the processes that it starts."""
    main = types.ModuleType("__main__")
    main.__file__ = file
    sys.modules["__main__"] = main
    sys.argv[:] = [""]
