"""Binary values: generates a decoder and an encoder for each signature."""

import struct

from rpc_names import type_name
from rpc_records import WrongType, as_record, field_getter, find_record_problem
from rpc_signature import print_type

MAX_INLINE_DEPTH = 6

U32 = struct.Struct("<I")
INT = struct.Struct("<q")
FLOAT = struct.Struct("<d")


class Generator:
    """Writes the source of a decoder and an encoder for one signature.

    Containers down to MAX_INLINE_DEPTH are read and written in place. Deeper containers get functions of their own,
    because Python allows at most 20 nested loops.
    """

    def __init__(self, module):
        self.module = module
        self.constants = dict(CODEC_NAMES)
        self.record_functions = {}
        self.functions = []
        self.lines = []
        self.name_count = 0

    def fresh_name(self):
        self.name_count += 1
        return f"v{self.name_count}"

    def emit(self, depth, line):
        self.lines.append("    " * depth + line)

    def function(self, head, emit_body):
        """Emits a function beside the current one. Returns its name."""
        outer = self.lines
        self.lines = []
        name = "f" + self.fresh_name()
        self.emit(0, f"def {name}({head}):")
        emit_body()
        self.functions += self.lines
        self.lines = outer
        return name

    def constant(self, value):
        """Returns a name by which the source can use a value."""
        name = "c" + self.fresh_name()
        self.constants[name] = value
        return name

    def record_function(self, key, head, emit_body):
        """Returns the name of a record's function. Emits the function when it is first needed."""
        if key not in self.record_functions:
            self.record_functions[key] = self.function(head, emit_body)
        return self.record_functions[key]

    def emit_record_decoder(self, ty):
        values = [self.decode(field, 1) for _, field in ty[2]]
        self.emit(1, f"r = new({self.constant(getattr(self.module, ty[1]))})")
        for (name, _), value in zip(ty[2], values):
            self.emit(1, f"r.{name} = {value}")
        self.emit(1, "return r, o")

    def emit_record_encoder(self, ty):
        cls = self.constant(getattr(self.module, ty[1]))
        fields = self.constant(ty[2])
        self.emit(1, f"if type(x) is not {cls}: x = as_record({cls}, {fields}, x)")
        for name, field in ty[2]:
            value = self.fresh_name()
            self.emit(1, f"{value} = x.{name}")
            self.encode(field, value, 1)

    def decode(self, ty, depth):
        """Emits statements that read a value from `b` at `o`. Returns the name of the variable that holds it."""
        name = ty[0]
        value = self.fresh_name()
        if name == "record":
            function = self.record_function(("decode", ty[1]), "b, o", lambda: self.emit_record_decoder(ty))
            self.emit(depth, f"{value}, o = {function}(b, o)")
            return value
        if name == "enum":
            self.emit(depth, f"{value} = {self.constant(ty[2])}[U32(b, o)[0]]; o += 4")
            return value
        if depth > MAX_INLINE_DEPTH and len(ty) > 1:
            function = self.function("b, o", lambda: self.emit(1, f"return {self.decode(ty, 1)}, o"))
            self.emit(depth, f"{value}, o = {function}(b, o)")
            return value
        if name == "int" or name == "float":
            self.emit(depth, f"{value} = {name.upper()}(b, o)[0]; o += 8")
        elif name == "bool":
            self.emit(depth, f"{value} = b[o] == 1; o += 1")
        elif name == "str" or name == "bytes":
            end = self.fresh_name()
            self.emit(depth, f"o += 4; {end} = o + U32(b, o - 4)[0]")
            self.emit(depth, f"{value} = b[o:{end}]" + (".decode()" if name == "str" else "") + f"; o = {end}")
        elif name == "List" and ty[1][0] in ("int", "float"):
            code = "q" if ty[1][0] == "int" else "d"
            self.emit(depth, f"{value} = U32(b, o)[0]; o += 4")
            self.emit(depth, f"{value}, o = list(unpack(f'<{{{value}}}{code}', b, o)), o + 8 * {value}")
        elif name == "List":
            self.emit(depth, f"{value} = []; o += 4")
            self.emit(depth, "for _ in range(U32(b, o - 4)[0]):")
            self.emit(depth + 1, f"{value}.append({self.decode(ty[1], depth + 1)})")
        elif name == "Dict":
            self.emit(depth, f"{value} = {{}}; o += 4")
            self.emit(depth, "for _ in range(U32(b, o - 4)[0]):")
            key = self.decode(ty[1], depth + 1)
            self.emit(depth + 1, f"{value}[{key}] = {self.decode(ty[2], depth + 1)}")
        elif name == "Optional":
            self.emit(depth, f"{value} = None; o += 1")
            self.emit(depth, "if b[o - 1] == 1:")
            self.emit(depth + 1, f"{value} = {self.decode(ty[1], depth + 1)}")
        elif name == "Tuple":
            items = [self.decode(item, depth) for item in ty[1:]]
            self.emit(depth, f"{value} = ({', '.join(items)},)")
        else:
            raise ValueError(f"not a type: {print_type(ty)}")
        return value

    def encode(self, ty, value, depth):
        """Emits statements that pass the binary form of the variable `value` to `w`, or raise."""
        name = ty[0]
        if name == "record":
            function = self.record_function(("encode", ty[1]), "x, w", lambda: self.emit_record_encoder(ty))
            self.emit(depth, f"{function}({value}, w)")
            return
        if name == "enum":
            places = self.constant({item: place for place, item in enumerate(ty[2])})
            self.emit(depth, f"if {value} not in {places}: raise WrongType")
            self.emit(depth, f"w(pack_u32({places}[{value}]))")
            return
        if depth > MAX_INLINE_DEPTH and len(ty) > 1:
            self.emit(depth, f"{self.function('x, w', lambda: self.encode(ty, 'x', 1))}({value}, w)")
            return
        if name == "int":
            self.emit(depth, f"if type({value}) is not int: {value} = as_int({value})")
            self.emit(depth, f"w(pack_int({value}))")
        elif name == "float":
            self.emit(depth, f"if type({value}) is not float: {value} = as_float({value})")
            self.emit(depth, f"w(pack_float({value}))")
        elif name == "bool":
            self.emit(depth, f"if type({value}) is not bool: raise WrongType")
            self.emit(depth, f"w(b'\\1' if {value} else b'\\0')")
        elif name == "str" or name == "bytes":
            self.emit(depth, f"if not isinstance({value}, {name}): raise WrongType")
            if name == "str":
                self.emit(depth, f"{value} = {value}.encode()")
            self.emit(depth, f"w(pack_u32(len({value}))); w({value})")
        elif name == "List":
            item = self.fresh_name()
            self.emit(depth, f"if not isinstance({value}, list): raise WrongType")
            self.emit(depth, f"w(pack_u32(len({value})))")
            self.emit(depth, f"for {item} in {value}:")
            self.encode(ty[1], item, depth + 1)
        elif name == "Dict":
            key = self.fresh_name()
            item = self.fresh_name()
            self.emit(depth, f"if not isinstance({value}, dict): raise WrongType")
            self.emit(depth, f"w(pack_u32(len({value})))")
            self.emit(depth, f"for {key}, {item} in {value}.items():")
            self.encode(ty[1], key, depth + 1)
            self.encode(ty[2], item, depth + 1)
        elif name == "Optional":
            self.emit(depth, f"if {value} is None: w(b'\\0')")
            self.emit(depth, "else:")
            self.emit(depth + 1, "w(b'\\1')")
            self.encode(ty[1], value, depth + 1)
        elif name == "Tuple":
            self.encode_items(ty[1:], value, depth)
        else:
            raise ValueError(f"not a type: {print_type(ty)}")

    def encode_items(self, items, value, depth):
        names = [self.fresh_name() for _ in items]
        self.emit(depth, f"if not isinstance({value}, tuple) or len({value}) != {len(items)}: raise WrongType")
        self.emit(depth, f"{', '.join(names)}, = {value}")
        for item, name in zip(items, names):
            self.encode(item, name, depth)


def as_int(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise WrongType


def as_float(value):
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
        return float(value)
    raise WrongType


CODEC_NAMES = {
    "INT": INT.unpack_from, "FLOAT": FLOAT.unpack_from, "U32": U32.unpack_from, "unpack": struct.unpack_from,
    "pack_int": INT.pack, "pack_float": FLOAT.pack, "pack_u32": U32.pack,
    "as_int": as_int, "as_float": as_float, "as_record": as_record, "WrongType": WrongType, "new": object.__new__,
}


def make_codec(arguments, returns, module):
    """Returns the functions `decode(bytes, offset) -> [argument, ...]` and `encode(returned, write)` for these types.

    `module` has the classes of the records.
    """
    generator = Generator(module)
    generator.emit(0, "def decode(b, o):")
    values = [generator.decode(ty, 1) for ty in arguments]
    generator.emit(1, f"return [{', '.join(values)}]")
    generator.emit(0, "def encode(r, w):")
    if not returns:
        generator.emit(1, "if r is not None: raise WrongType")
    elif len(returns) == 1:
        generator.encode(returns[0], "r", 1)
    else:
        generator.encode_items(returns, "r", 1)
    names = generator.constants
    exec("\n".join(generator.functions + generator.lines), names)
    return names["decode"], names["encode"]


def explain(ty, value, place=""):
    """Describes why a value is not of a type; `None` if it is. `place` is the path to the value."""
    at = f" at {place}" if place else ""
    wrong = f"{type_name(type(value))} where `{print_type(ty)}` is declared{at}"
    name = ty[0]
    if name == "int":
        if not isinstance(value, int) or isinstance(value, bool):
            return wrong
        return None if -1 << 63 <= value < 1 << 63 else f"an int of more than 64 bits{at}"
    if name == "float":
        if isinstance(value, float):
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            return wrong
        try:
            return None if int(float(value)) == value else f"an int that no `float` holds exactly{at}"
        except OverflowError:
            return f"an int that no `float` holds exactly{at}"
    if name == "str" and isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"a str with a lone surrogate{at}"
        return None
    if name in ("bool", "bytes", "str"):
        return None if isinstance(value, {"bool": bool, "bytes": bytes, "str": str}[name]) else wrong
    if name == "Optional":
        return None if value is None else explain(ty[1], value, place)
    if name == "enum":
        known = isinstance(value, str) and value in ty[2]
        return None if known else f"{value!r:.40} where `{ty[1]}` is declared{at}, which is one of {', '.join(ty[2]):.200}"
    if name == "record":
        return explain_record(ty, value, place)
    if name == "List":
        if not isinstance(value, list):
            return wrong
        found = (explain(ty[1], item, f"{place}[{i}]") for i, item in enumerate(value))
    elif name == "Dict":
        if not isinstance(value, dict):
            return wrong
        before = f"{place}, " if place else ""
        pairs = ((explain(ty[1], key, f"{before}key {key!r:.40}"), key, item) for key, item in value.items())
        found = (bad or explain(ty[2], item, f"{place}[{key!r:.40}]") for bad, key, item in pairs)
    else:
        if not isinstance(value, tuple):
            return wrong
        if len(value) != len(ty) - 1:
            return f"a tuple of length {len(value)} where `{print_type(ty)}` is declared{at}"
        found = (explain(item, v, f"{place}[{i}]") for i, (item, v) in enumerate(zip(ty[1:], value)))
    return next((bad for bad in found if bad), None)


def explain_record(ty, value, place):
    at = f" at {place}" if place else ""
    problem = find_record_problem(ty[2], value)
    get_field = field_getter(value)
    if problem:
        return f"{problem} where `{ty[1]}` is declared{at}"
    found = (explain(field, get_field(name), f"{place}.{name}") for name, field in ty[2])
    return next((bad for bad in found if bad), None)


def explain_returned(returns, value):
    """Describes why the value that a procedure returned is not of the declared types."""
    if not returns:
        return f"{type_name(type(value))} where nothing is declared"
    declared = returns[0] if len(returns) == 1 else ("Tuple", *returns)
    return explain(declared, value) or "a value that changed while it was read"
