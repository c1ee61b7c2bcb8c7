"""Records and enumerations in Python: the module `rpc_types`, from which sources import them."""

import types

from rpc_names import names_of, type_name

MODULE = "rpc_types"


class WrongType(Exception):
    """A returned value is not of the declared type."""


class Record:
    """Base class of records. A record has named attributes and is made with keyword arguments."""

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
    """Returns the module with a class for each record and enumeration in these types."""
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
    """Returns `"record"` or `"enum"` for each class of that module, by name."""
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {name: "record" if issubclass(value, Record) else "enum" for name, value in classes.items()}


def make_record(ty):
    """Returns a class whose constructor takes the fields by keyword. `Optional` fields may be left out."""
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
    """Metaclass of enumerations. The items of an enumeration are texts."""

    def __iter__(cls):
        return iter(cls.__items__)

    def __len__(cls):
        return len(cls.__items__)

    def __contains__(cls, text):
        return text in cls.__items__

    def __call__(cls, text):
        if text in cls.__items__:
            return str(text)
        raise ValueError(f"{text!r} is not an item of {cls.__name__}, which has {', '.join(cls.__items__)}")


def make_enumeration(ty):
    """Returns a class that has an attribute for each item. Its value is the text of the item."""
    _, name, items = ty
    return EnumerationType(name, (), {**{item: item for item in items}, "__items__": items, "__module__": MODULE})


def is_optional(ty):
    return ty[0] == "Optional"


def as_record(cls, fields, value):
    """Makes a record from a `dict` with exactly its fields, or from an object that has them as attributes."""
    if find_record_problem(fields, value):
        raise WrongType
    get_field = field_getter(value)
    return cls(**{name: get_field(name) for name, _ in fields})


def find_record_problem(fields, value):
    """Describes why a value cannot be read as a record of these fields; `None` if it can."""
    if isinstance(value, dict):
        return find_dict_problem(fields, value)
    if names_of(type(value))[0] == "builtins":
        return type_name(type(value))
    missing = next((name for name, ty in fields if not is_optional(ty) and not hasattr(value, name)), None)
    return missing and f"{type_name(type(value))} without an attribute `{missing}`"


def field_getter(value):
    """Returns a function that returns a field of the value by its name, or `None` if it is absent."""
    return value.get if isinstance(value, dict) else lambda name: getattr(value, name, None)


def find_dict_problem(fields, value):
    """Describes a key that a `dict` lacks or must not have; `None` if it has exactly these fields."""
    declared = [name for name, _ in fields]
    unknown = next((key for key in value if key not in declared), None)
    if unknown is not None:
        return f"a dict with the unknown field {unknown!r:.40}"
    missing = next((name for name, ty in fields if name not in value and not is_optional(ty)), None)
    return missing and f"a dict without `{missing}`"
