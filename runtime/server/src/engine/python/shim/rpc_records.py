"""Records and enumerations as Python has them: the module `rpc_types`, which sources import them from."""

import types

MODULE = "rpc_types"


class WrongType(Exception):
    """A returned value is not of the declared type."""


class Record:
    """Named values: attributes, made by keyword."""

    __slots__ = ()
    __hash__ = None

    def __repr__(self):
        fields = (f"{name}={getattr(self, name, '(deleted)')!r}" for name in self.__slots__)
        return f"{type(self).__name__}({', '.join(fields)})"

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


def make_module(signature_types):
    """The module with a class for every record and enumeration that these types mention."""
    module = types.ModuleType(MODULE, "The records and enumerations of this service.")
    for ty in signature_types:
        add_types(module, ty)
    return module


def add_types(module, ty):
    kind = ty[0]
    if kind == "enum":
        setattr(module, ty[1], getattr(module, ty[1], None) or make_enumeration(ty))
    elif kind == "record":
        for _, field in ty[2]:
            add_types(module, field)
        setattr(module, ty[1], getattr(module, ty[1], None) or make_record(ty))
    else:
        for item in ty[1:]:
            add_types(module, item)


def known_types(module):
    """Which of `"record"` and `"enum"` each class of that module is, by name."""
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {name: "record" if issubclass(value, Record) else "enum" for name, value in classes.items()}


def make_record(ty):
    """A class whose constructor takes the fields by keyword; an `Optional` one may be left out."""
    _, name, fields = ty
    parameters = "".join(f", {field}=None" if is_optional(field_type) else f", {field}" for field, field_type in fields)
    lines = [
        f"class {name}(Record):",
        f"    __slots__ = __match_args__ = {tuple(field for field, _ in fields)!r}",
        f"    def __init__(self, *{parameters}):",
        *(f"        self.{field} = {field}" for field, _ in fields),
    ]
    names = {"Record": Record, "__name__": MODULE}
    exec("\n".join(lines), names)
    return names[name]


class EnumerationType(type):
    """What an enumeration's name stands for: its items are texts, and it knows which."""

    def __iter__(cls):
        return iter(cls.__items__)

    def __len__(cls):
        return len(cls.__items__)

    def __contains__(cls, text):
        return text in cls.__items__

    def __call__(cls, text):
        if text in cls.__items__:
            return str(text)
        raise ValueError(f"{text!r} is no item of {cls.__name__}, which has {', '.join(cls.__items__)}")


def make_enumeration(ty):
    """A class that has each item as an attribute: the text itself."""
    _, name, items = ty
    return EnumerationType(name, (), {**{item: item for item in items}, "__items__": items, "__module__": MODULE})


def is_optional(ty):
    return ty[0] == "Optional"


def as_record(cls, fields, value):
    """A record from a `dict` with just its fields, or from any object that has them as attributes."""
    if find_misfit(fields, value):
        raise WrongType
    read = reader(value)
    return cls(**{name: read(name) for name, _ in fields})


def find_misfit(fields, value):
    """Why a value cannot be read as a record of these fields, in words; `None` where it can."""
    if isinstance(value, dict):
        return find_field(fields, value)
    if type(value).__module__ == "builtins":
        return type(value).__name__
    missing = next((name for name, ty in fields if not is_optional(ty) and not hasattr(value, name)), None)
    return missing and f"{type(value).__name__} without an attribute `{missing}`"


def reader(value):
    """What gives a field of a value by its name, `None` for one that is absent."""
    return value.get if isinstance(value, dict) else lambda name: getattr(value, name, None)


def find_field(fields, value):
    """What a `dict` has too much or too little for these fields, in words; `None` where it has just them."""
    declared = [name for name, _ in fields]
    unknown = next((key for key in value if key not in declared), None)
    if unknown is not None:
        return f"a dict with {unknown!r:.40}, which is no field"
    missing = next((name for name, ty in fields if name not in value and not is_optional(ty)), None)
    return missing and f"a dict without `{missing}`"
