"""The Python side of the engine: the zygote, its workers, and the check of a source against its signature.

zygote   one process, single-threaded, no code of any user. Its standard input is a SOCK_SEQPACKET socket to the
         server. A datagram `fork` with three descriptors (requests, answers, output) makes a worker; `exit` datagrams
         tell the server of each worker's end. When the socket closes, every worker is killed.
worker   one service at one version of its sources, one call at a time. Frames on its pipes are a u32 little-endian
         length and as many bytes:
             first request   JSON: what to load
             first answers   LOADING and a path, before each source that is checked; then READY, or REFUSED and JSON
                             findings
             request         u32 index of the procedure, u32 number of the call, the arguments' binary values
             answer          the number of the call, one byte (VALUES, RAISED, WRONG_TYPE), the returned values or JSON
"""

import ast
import gc
import io
import json
import linecache
import os
import select
import signal
import socket
import struct
import sys
import traceback
import types

VALUES, RAISED, WRONG_TYPE, READY, REFUSED, LOADING = range(6)

U32 = struct.Struct("<I")
INT = struct.Struct("<q")
FLOAT = struct.Struct("<d")
HEAD = struct.Struct("<III")

READ_BYTES = 1 << 16
MAX_TRACEBACK = 8000
MAX_MESSAGE = 2000
MAX_INLINE_DEPTH = 6


# ---------------------------------------------------------------------------------------------------- types

def parse_type(text):
    """`Dict[str, List[int]]` becomes `("Dict", ("str",), ("List", ("int",)))`."""
    parsed, rest = _parse_type(text)
    if rest.strip():
        raise ValueError(f"not a type: {text}")
    return parsed


def _parse_type(text):
    text = text.lstrip()
    end = next((i for i, c in enumerate(text) if not c.isalnum()), len(text))
    name, rest = text[:end], text[end:]
    if not rest.startswith("["):
        return (name,), rest
    items = []
    while not rest.startswith("]"):
        item, rest = _parse_type(rest[1:])
        items.append(item)
        rest = rest.lstrip()
    return (name, *items), rest[1:]


def print_type(ty):
    name, *items = ty
    return f"{name}[{', '.join(map(print_type, items))}]" if items else name


# ---------------------------------------------------------------------------------------------------- codec

class WrongType(Exception):
    """A returned value is not of the declared type."""


class Generator:
    """Writes the source of a decoder and an encoder for one signature.

    Containers are read and written in place down to MAX_INLINE_DEPTH; what lies deeper gets a function of its own, since
    Python nests at most 20 loops.
    """

    def __init__(self):
        self.functions = []
        self.lines = []
        self.names = 0

    def fresh(self):
        self.names += 1
        return f"v{self.names}"

    def emit(self, depth, line):
        self.lines.append("    " * depth + line)

    def function(self, head, emit_body):
        """Emits a function beside the one that is being written; returns its name."""
        outer, self.lines = self.lines, []
        name = "f" + self.fresh()
        self.emit(0, f"def {name}({head}):")
        emit_body()
        self.functions += self.lines
        self.lines = outer
        return name

    def decode(self, ty, depth):
        """Emits statements that read a value from `b` at `o`; returns the name that holds it."""
        name, value = ty[0], self.fresh()
        if depth > MAX_INLINE_DEPTH and len(ty) > 1:
            function = self.function("b, o", lambda: self.emit(1, f"return {self.decode(ty, 1)}, o"))
            self.emit(depth, f"{value}, o = {function}(b, o)")
            return value
        if name == "int" or name == "float":
            self.emit(depth, f"{value} = {name.upper()}(b, o)[0]; o += 8")
        elif name == "bool":
            self.emit(depth, f"{value} = b[o] == 1; o += 1")
        elif name == "str" or name == "bytes":
            end = self.fresh()
            self.emit(depth, f"o += 4; {end} = o + U32(b, o - 4)[0]")
            self.emit(depth, f"{value} = b[o:{end}]" + (".decode()" if name == "str" else "") + f"; o = {end}")
        elif name == "List" and ty[1][0] in ("int", "float"):
            code = "q" if ty[1][0] == "int" else "d"
            self.emit(depth, f"{value} = U32(b, o)[0]; o += 4")
            self.emit(depth, f"{value}, o = list(unpack(f'<{{{value}}}{code}', b, o)), o + 8 * {value}")
        elif name == "List":
            self.emit(depth, f"{value} = []; o += 4")
            self.emit(depth, f"for _ in range(U32(b, o - 4)[0]):")
            self.emit(depth + 1, f"{value}.append({self.decode(ty[1], depth + 1)})")
        elif name == "Dict":
            self.emit(depth, f"{value} = {{}}; o += 4")
            self.emit(depth, f"for _ in range(U32(b, o - 4)[0]):")
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
        """Emits statements that hand the binary form of the name `value` to `w`, or raise."""
        name = ty[0]
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
            item = self.fresh()
            self.emit(depth, f"if not isinstance({value}, list): raise WrongType")
            self.emit(depth, f"w(pack_u32(len({value})))")
            self.emit(depth, f"for {item} in {value}:")
            self.encode(ty[1], item, depth + 1)
        elif name == "Dict":
            key, item = self.fresh(), self.fresh()
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
        names = [self.fresh() for _ in items]
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
    "as_int": as_int, "as_float": as_float, "WrongType": WrongType,
}


def make_codec(arguments, returns):
    """`decode(bytes, offset) -> [argument, ...]` and `encode(returned, write)` for these types."""
    generator = Generator()
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
    names = dict(CODEC_NAMES)
    exec("\n".join(generator.functions + generator.lines), names)
    return names["decode"], names["encode"]


def explain(ty, value, place=""):
    """Where a value is not of a type, in words; `None` where it is."""
    at = f" at {place}" if place else ""
    wrong = f"{type(value).__name__} where `{print_type(ty)}` is declared{at}"
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
            return f"a tuple of {len(value)} where `{print_type(ty)}` is declared{at}"
        found = (explain(item, v, f"{place}[{i}]") for i, (item, v) in enumerate(zip(ty[1:], value)))
    return next((bad for bad in found if bad), None)


def explain_returned(returns, value):
    """What is wrong with what a procedure returned, in words."""
    if not returns:
        return f"{type(value).__name__} where nothing is declared"
    declared = returns[0] if len(returns) == 1 else ("Tuple", *returns)
    return explain(declared, value) or "a value that changed while it was read"


# ------------------------------------------------------------------------------------- source and signature

def check_source(tree, procedure):
    """What in a parsed source contradicts a procedure's signature: pairs of line and words."""
    name = procedure["name"]
    found = find_definition(tree.body, name)
    if found is None:
        yield 1, f"there is no function `{name}` in this file"
    elif isinstance(found, ast.AsyncFunctionDef):
        yield found.lineno, f"`{name}` is an async function; procedures are plain functions"
    elif isinstance(found, ast.ClassDef):
        yield found.lineno, f"`{name}` is a class; procedures are plain functions"
    elif isinstance(found, ast.FunctionDef):
        yield from check_parameters(found, procedure)
        yield from check_annotations(found, procedure)


def find_definition(body, name):
    """The last statement at the top of a file, also inside `if` and `try`, that gives `name` a value."""
    found = None
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found = statement if statement.name == name else found
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            bound = [alias.asname or alias.name for alias in statement.names]
            found = statement if name in bound or "*" in bound else found
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            found = statement if name in names else found
        else:
            for block in ("body", "orelse", "finalbody"):
                found = find_definition(getattr(statement, block, []), name) or found
            for handler in getattr(statement, "handlers", []):
                found = find_definition(handler.body, name) or found
    return found


def check_parameters(function, procedure):
    declared = procedure["parameters"]
    arguments = function.args
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    keyword_only = [a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is None]
    takes = f"{required}" if required == len(positional) else f"{required} to {len(positional)}"
    if required > len(declared) or (len(positional) < len(declared) and not arguments.vararg):
        plural = "argument" if takes == "1" else "arguments"
        yield function.lineno, f"`{function.name}` takes {takes} {plural}, and {len(declared)} are declared"
        return
    if keyword_only:
        yield function.lineno, f"`{function.name}` needs the keyword argument `{keyword_only[0]}`, which no call gives"
    for parameter, argument in zip(declared, positional):
        if parameter.get("name") and parameter["name"] != argument.arg:
            yield argument.lineno, f"the parameter `{argument.arg}` is declared as `{parameter['name']}`"


def check_annotations(function, procedure):
    positional = function.args.posonlyargs + function.args.args
    for parameter, argument in zip(procedure["parameters"], positional):
        if contradicts(argument.annotation, parse_type(parameter["type"])):
            written = ast.unparse(argument.annotation)
            yield argument.lineno, f"`{argument.arg}: {written}` is declared as `{parameter['type']}`"
    returns = [parse_type(text) for text in procedure["returns"]]
    declared = ("None",) if not returns else returns[0] if len(returns) == 1 else ("Tuple", *returns)
    if contradicts(function.returns, declared):
        written = ast.unparse(function.returns)
        yield function.returns.lineno, f"`-> {written}` is declared as `{print_type(declared)}`"


ANNOTATIONS = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "bytes": "bytes", "list": "List", "List": "List",
    "dict": "Dict", "Dict": "Dict", "tuple": "Tuple", "Tuple": "Tuple", "Optional": "Optional", "None": "None",
}


def contradicts(annotation, ty):
    """Whether an annotation surely means another type. One that is not understood contradicts nothing."""
    written = read_annotation(annotation)
    return written is not None and not agrees(written, ty)


def agrees(written, ty):
    if written is None or (written[0] == "int" and ty[0] == "float"):
        return True
    if written[0] != ty[0]:
        return False
    if len(written) == 1:
        return True
    if written[0] == "Tuple" and len(written) == 3 and written[2] == "...":
        return all(agrees(written[1], item) for item in ty[1:])
    return len(written) == len(ty) and all(agrees(w, t) for w, t in zip(written[1:], ty[1:]))


def read_annotation(node):
    """An annotation as a type, with `None` for each part that is not understood."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return ("None",)
        if node.value is Ellipsis:
            return "..."
        if isinstance(node.value, str):
            try:
                return read_annotation(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return None
        return None
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return (ANNOTATIONS[name],) if name in ANNOTATIONS else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [read_annotation(node.left), read_annotation(node.right)]
        if ("None",) in sides:
            sides.remove(("None",))
            return ("Optional", sides[0])
        return None
    if isinstance(node, ast.Subscript):
        head = read_annotation(node.value)
        inside = node.slice
        inside = getattr(inside, "value", inside) if type(inside).__name__ == "Index" else inside
        items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        return (head[0], *map(read_annotation, items)) if head else None
    return None


# -------------------------------------------------------------------------------------------------- loading

class Refused(Exception):
    """A source that does not load: line and words."""

    def __init__(self, line, message):
        super().__init__(message)
        self.line = line or 1


class Sources:
    """The files of one service at one version, each loaded once."""

    def __init__(self, root):
        self.root = root
        self.trees = {}
        self.modules = {}

    def file(self, path):
        return os.path.join(self.root, path)

    def tree(self, path):
        if path not in self.trees:
            self.trees[path] = self.parse(path)
        return self.trees[path]

    def parse(self, path):
        try:
            with open(self.file(path), "rb") as file:
                return ast.parse(file.read(), self.file(path))
        except SyntaxError as error:
            raise Refused(error.lineno, f"{type(error).__name__}: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise Refused(1, f"{type(error).__name__}: {error}") from None

    def module(self, path):
        if path not in self.modules:
            self.modules[path] = self.load(path)
        return self.modules[path]

    def load(self, path):
        file = self.file(path)
        name = os.path.splitext(path)[0].replace("/", ".")
        module = types.ModuleType(name)
        module.__file__ = file
        code = compile(self.tree(path), file, "exec")
        sys.modules[name] = module
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            del sys.modules[name]
            raise Refused(line_in(error, file), f"{type(error).__name__}: {error}") from None
        return module

    def function(self, procedure):
        path, name = procedure["path"], procedure["name"]
        function = getattr(self.module(path), name, None)
        if not callable(function):
            raise Refused(1, f"there is no function `{name}` in this file")
        return function

    def check(self, procedure):
        """Every finding about one procedure."""
        try:
            findings = list(check_source(self.tree(procedure["path"]), procedure))
            if not findings:
                self.function(procedure)
        except Refused as refused:
            findings = [(refused.line, str(refused))]
        return [
            {"procedure": procedure["key"], "path": procedure["path"], "line": line,
             "message": printable(message)[:MAX_MESSAGE]}
            for line, message in findings
        ]


def line_in(error, file):
    """The line of `file` that an exception came through last."""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    return lines[-1] if lines else 1


# --------------------------------------------------------------------------------------------------- worker

def worker(requests, answers):
    setup = json.loads(read_exactly(requests, U32.unpack(read_exactly(requests, 4))[0]))
    confine(setup)
    os.register_at_fork(after_in_child=lambda: leave_pipes(requests, answers))
    sys.path[:] = [os.path.join(setup["root"], path) for path in setup["import-paths"]] + setup["sys-path"]
    sys.dont_write_bytecode = True
    os.chdir(setup["root"])
    sources = Sources(setup["root"])
    if setup["check"]:
        findings = []
        for procedure in setup["procedures"]:
            send(answers, bytes([LOADING]) + procedure["path"].encode())
            findings += sources.check(procedure)
        if findings:
            return send(answers, bytes([REFUSED]) + json.dumps(findings).encode())
    sources.trees.clear()
    linecache.clearcache()
    send(answers, bytes([READY]))
    serve(requests, answers, sources, setup["procedures"])


def leave_pipes(*pipes):
    """A process that a procedure forked neither takes requests nor answers them."""
    for fd in pipes:
        try:
            os.close(fd)
        except OSError:
            pass


def confine(setup):
    """The place of the cage: after the fork, before any code of a user."""


def serve(requests, answers, sources, procedures):
    handlers = [None] * len(procedures)
    while True:
        data = os.read(requests, READ_BYTES)
        if not data:
            return
        if len(data) < 4:
            data += read_exactly(requests, 4 - len(data))
        missing = 4 + U32.unpack_from(data)[0] - len(data)
        if missing:
            data += read_exactly(requests, missing)
        _, index, number = HEAD.unpack_from(data)
        handler = handlers[index]
        if handler is None:
            handler = handlers[index] = Handler(sources, procedures[index])
        send(answers, U32.pack(number) + handler.call(data))


class Handler:
    """One procedure, loaded at its first call."""

    def __init__(self, sources, procedure):
        self.sources, self.procedure = sources, procedure
        self.function = None
        self.returns = [parse_type(text) for text in procedure["returns"]]
        arguments = [parse_type(parameter["type"]) for parameter in procedure["parameters"]]
        self.decode, self.encode = make_codec(arguments, self.returns)

    def call(self, data):
        try:
            if self.function is None:
                self.function = self.sources.function(self.procedure)
            arguments = self.decode(data, HEAD.size)
            returned = self.function(*arguments)
        except BaseException as error:
            return bytes([RAISED]) + json.dumps(describe(error)).encode()
        finally:
            flush_output()
        parts = [b"\0"]
        try:
            self.encode(returned, parts.append)
            return b"".join(parts)
        except BaseException:
            message = printable(f"`{self.procedure['key']}` returned {self.explain(returned)}")
            return bytes([WRONG_TYPE]) + json.dumps({"message": message[:MAX_MESSAGE]}).encode()

    def explain(self, returned):
        try:
            return explain_returned(self.returns, returned)
        except BaseException as error:
            return f"an object that raises {type(error).__name__} while it is read"


def describe(error):
    """An exception as the caller and the log get it."""
    own = traceback.extract_tb(error.__traceback__)[1:]
    lines = traceback.format_list(own) + traceback.format_exception_only(type(error), error)
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be printed)"
    return {
        "kind": type(error).__name__,
        "message": printable(message),
        "traceback": printable("".join(lines))[-MAX_TRACEBACK:],
    }


def printable(text):
    """The text without what no UTF-8 can hold: lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def flush_output():
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        pass


def send(fd, payload):
    frame = memoryview(U32.pack(len(payload)) + payload)
    while frame:
        frame = frame[os.write(fd, frame):]


def read_exactly(fd, count):
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


# --------------------------------------------------------------------------------------------------- zygote

class Zygote:
    def __init__(self):
        self.control = socket.socket(fileno=0)
        self.workers = {}
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self):
        gc.collect()
        gc.freeze()
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake_read:
                    os.read(self.wake_read, 4096)
                    self.reap()
                elif not self.receive():
                    return self.end()

    def receive(self):
        message, fds, _, _ = socket.recv_fds(self.control, 4096, 3)
        if not message:
            return False
        worker_id = U32.unpack(message)[0]
        pid = os.fork()
        if pid == 0:
            self.become_worker(*fds)
        for fd in fds:
            os.close(fd)
        self.workers[pid] = worker_id
        self.tell({"worker": worker_id, "pid": pid})
        return True

    def become_worker(self, requests, answers, output):
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            os.close(self.wake_read)
            os.close(self.wake_write)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for fd in {null, output} - {0, 1, 2}:
                os.close(fd)
            sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
            sys.stdout = self.text_output(1)
            sys.stderr = self.text_output(2)
            sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
            worker(requests, answers)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            flush_output()
            os._exit(status)

    @staticmethod
    def text_output(fd):
        raw = io.FileIO(fd, "w", closefd=False)
        return io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def reap(self):
        while self.workers:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            pid = ended.si_pid
            kill_group(pid)
            _, status = os.waitpid(pid, 0)
            worker_id = self.workers.pop(pid, None)
            if worker_id is not None:
                self.tell({"worker": worker_id, "exit": os.waitstatus_to_exitcode(status)})

    def tell(self, event):
        try:
            self.control.send(json.dumps(event).encode())
        except OSError:
            self.end()

    def end(self):
        for pid in self.workers:
            try:
                os.kill(pid, signal.SIGKILL)
                kill_group(pid)
                os.waitpid(pid, 0)
            except OSError:
                pass
        os._exit(0)


def kill_group(pid):
    """Kills what a worker left behind. The worker is not reaped, so its id is nobody else's."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


if __name__ == "__main__":
    Zygote().run()
