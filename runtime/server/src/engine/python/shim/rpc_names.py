"""The names of classes, as callers and the log see them."""

# The paths of the loaded sources by the names of their modules.
SOURCES = {}


def names_of(cls):
    """Returns the module and the qualified name of a class. A metaclass cannot change them."""
    module = type.__dict__["__module__"].__get__(cls)
    return module if isinstance(module, str) else "?", type.__dict__["__qualname__"].__get__(cls)


def exception_kind(cls):
    """Returns the name of an exception class, with its module unless it is a builtin or a source defines it."""
    module, name = names_of(cls)
    return name if module == "builtins" or module in SOURCES else f"{module}.{name}"


def type_name(cls):
    """Returns the name of a class, with where it comes from unless it is a builtin."""
    module, name = names_of(cls)
    if module == "builtins":
        return name
    return f"{name} of {SOURCES[module]}" if module in SOURCES else f"{module}.{name}"
