"""Finds imports of project files that a server would not find. Reads names and looks for files; imports nothing.

On a server, a source can import each module of its service by the module's own name, and then what Python has. Other files
of the project cannot be imported, wherever they are.
"""

import ast
import functools
import importlib.machinery
import os
import sys

from rpc_conformance import TYPES_MODULE

# Modules that every server provides.
PROVIDED = {TYPES_MODULE}

# Exceptions that a handler must catch so that an import in its `try` may fail.
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Service:
    """The files of a service, as they are stored on a server."""

    def __init__(self, name, modules, types):
        self.name = name
        self.modules = modules
        self.types = types
        self.folders = dict.fromkeys(map(os.path.dirname, modules))
        self.names = {os.path.basename(path).split(".")[0] for path in modules}


def check_imports(imports, path, service):
    """Yields the imports of a file that a server would not find, each as a triple: statement, message, hint."""
    for statement in imports:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield from check_absolute(statement, [alias.name], path, service)
        elif statement.level == 0:
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
            yield from check_absolute(statement, [*names, statement.module], path, service)
        else:
            yield from check_relative(statement, path, service)


def unguarded_imports(tree):
    """Yields every import statement that must not fail when it is run."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif hasattr(node, "body") or hasattr(node, "cases"):
            waiting.extend(reversed(inner_statements(node)))


def inner_statements(node):
    """Returns the inner statements of a statement, without those whose imports may fail."""
    later = getattr(node, "orelse", []) + getattr(node, "finalbody", [])
    if is_type_checking(node) or catches_import_errors(node):
        return later
    handlers = getattr(node, "handlers", []) + getattr(node, "cases", [])
    return getattr(node, "body", []) + handlers + later


def is_type_checking(node):
    return isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING"


def catches_import_errors(node):
    for handler in getattr(node, "handlers", []):
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if any(kind is None or name_of(kind) in IMPORT_ERRORS for kind in caught):
            return True
    return False


def name_of(node):
    return getattr(node, "id", None) or getattr(node, "attr", None)


def unknown_types(tree, imports, types):
    """Returns the names that a file uses of `rpc_types` although a server does not have them there, each with its node."""
    modules, unknown = set(), {}
    for statement in imports:
        if isinstance(statement, ast.Import):
            modules.update(alias.asname or alias.name for alias in statement.names if alias.name == TYPES_MODULE)
        elif statement.level == 0 and statement.module == TYPES_MODULE:
            for alias in statement.names:
                unknown.setdefault(alias.name, alias if hasattr(alias, "lineno") else statement)
    for attribute in attributes(tree, modules) if modules else ():
        unknown.setdefault(attribute.attr, attribute)
    return {name: node for name, node in unknown.items()
            if name not in types and name != "*" and not name.startswith("__")}


def attributes(tree, names):
    """Returns the attributes of these names that a file uses. A name that is also assigned is left out, because it may mean
    anything."""
    found, names = [], set(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(node)
        elif isinstance(node, ast.arg):
            names.discard(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.discard(node.id)
    found.sort(key=lambda attribute: (attribute.lineno, attribute.col_offset))
    return [attribute for attribute in found if attribute.value.id in names]


def check_absolute(statement, dotted, path, service):
    """Looks for the file of the first of several dotted names that leads to one. All of them have the same first part."""
    first = dotted[0].split(".")[0]
    if is_library(first) or first in PROVIDED or first in service.names:
        return
    folders = dict.fromkeys([os.path.dirname(path), "", *service.folders])
    for name, folder in ((name, folder) for name in dotted for folder in folders):
        file, depth = find_file(folder, name.split("."))
        if file == path:
            return
        if file:
            module = ".".join(name.split(".")[:depth])
            message = f"`{module}` is imported, but a server would not find it"
            yield statement, message, import_hint(file, module, service)
            return


def check_relative(statement, path, service):
    written = ast.unparse(statement)
    folder = path
    for _ in range(statement.level):
        folder = os.path.dirname(folder)
    names = [statement.module] if statement.module else [alias.name for alias in statement.names]
    found, _ = find_file(folder, names[0].split("."))
    hint = import_hint(found, "", service) if found else "import a module by its own name, without the dots"
    yield statement, f"`{written}` does not work on a server, where a source is not in a package", hint


def import_hint(found, module, service):
    """Returns a hint how to import the file `found`, which the source imports as `module`."""
    stem = os.path.basename(found).split(".")[0]
    if stem == "__init__":
        return f"packages are not sent to servers; add the files of `{os.path.dirname(found)}` to the `modules` of " \
               f"`{service.name}`, and import each by its own name"
    by_name = f"import it as `{stem}`"
    if found in service.modules:
        return f"{by_name}, because a server finds it only under this name"
    add = f"add `{found}` to the `modules` of `{service.name}`"
    return add if module == stem else f"{add}, and {by_name}"


@functools.lru_cache(maxsize=None)
def is_library(name):
    """Returns whether Python's own library has a module with this name."""
    if hasattr(sys, "stdlib_module_names"):
        return name in sys.stdlib_module_names
    return name in sys.builtin_module_names or importlib.machinery.PathFinder.find_spec(name) is not None


def find_file(folder, parts):
    """Returns the file that a dotted name means in a folder, and how many parts of the name lead to it. Returns `None` and
    0 if there is no such file."""
    path = os.path.join(folder, parts[0])
    if is_file(f"{path}.py"):
        return f"{path}.py", 1
    if len(parts) > 1:
        file, depth = find_file(path, parts[1:])
        if file:
            return file, depth + 1
    package = os.path.join(path, "__init__.py")
    return (package, 1) if is_file(package) else (None, 0)


is_file = functools.lru_cache(maxsize=1 << 16)(os.path.isfile)
