"""A worker: one service at one version of its sources, one call at a time.

Frames on its pipes are a u32 little-endian length and as many bytes:

    first request   JSON: what to load
    first answers   LOADING and a path, before each source that is loaded; then READY, or REFUSED and JSON findings
    request         u32 index of the procedure, u32 number of the call, the arguments' binary values
    answer          the number of the call, one byte (VALUES, RAISED, WRONG_TYPE), the returned values or JSON
"""

import json
import linecache
import os
import struct
import sys
import traceback
import types

from rpc_codec import U32, explain_returned, make_codec
from rpc_conformance import Unparsable, check_source, compile_source, line_of, parse_source
from rpc_records import MODULE, known_types, make_module
from rpc_signature import parse_type

VALUES, RAISED, WRONG_TYPE, READY, REFUSED, LOADING = range(6)

HEAD = struct.Struct("<III")

READ_BYTES = 1 << 16
MAX_TRACEBACK = 8000
MAX_MESSAGE = 2000
MAX_RAISED_MESSAGE = 8000
MAX_KIND = 200


class Refused(Exception):
    """A source that does not load: line and words."""

    def __init__(self, line, message):
        super().__init__(message)
        self.line = line or 1


class Sources:
    """The files of one service at one version, each loaded once."""

    def __init__(self, root, types):
        self.root = root
        self.types = types
        self.trees = {}
        self.modules = {}

    def file(self, path):
        return os.path.join(self.root, path)

    def tree(self, path):
        if path not in self.trees:
            self.trees[path] = self.parse(path)
        return self.trees[path]

    def parse(self, path):
        with open(self.file(path), "rb") as file:
            return parse_source(file.read(), self.file(path))

    def module(self, path):
        if path not in self.modules:
            self.modules[path] = self.load(path)
        return self.modules[path]

    def load(self, path):
        file = self.file(path)
        name = os.path.splitext(path)[0].replace("/", ".")
        module = types.ModuleType(name)
        module.__file__ = file
        code = compile_source(self.tree(path), file)
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

    def check(self, procedure, against_signature):
        """Loads a procedure; every finding about it, also where its source contradicts its signature."""
        try:
            found = check_source(self.tree(procedure["path"]), procedure, self.types) if against_signature else []
            findings = [(line_of(finding), finding.message) for finding in found]
            if not findings:
                self.function(procedure)
        except (Refused, Unparsable) as refused:
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


def work(requests, answers):
    setup = json.loads(read_exactly(requests, U32.unpack(read_exactly(requests, 4))[0]))
    confine(setup)
    os.register_at_fork(after_in_child=lambda: leave_pipes(requests, answers))
    sys.path[:] = [os.path.join(setup["root"], path) for path in setup["import-paths"]] + setup["sys-path"]
    sys.dont_write_bytecode = True
    os.chdir(setup["root"])
    sys.modules[MODULE] = make_module(signature_types(setup["procedures"]))
    sources = Sources(setup["root"], known_types(sys.modules[MODULE]))
    findings = []
    schedule(os.SCHED_BATCH)
    for procedure in setup["procedures"]:
        send(answers, bytes([LOADING]) + procedure["path"].encode())
        findings += sources.check(procedure, setup["check"])
    if findings:
        return send(answers, bytes([REFUSED]) + json.dumps(findings).encode())
    sources.trees.clear()
    linecache.clearcache()
    schedule(os.SCHED_OTHER)
    send(answers, bytes([READY]))
    serve(requests, answers, sources, setup["procedures"], setup["answer-limit"])


def schedule(policy):
    """Calls come before what is loaded."""
    try:
        os.sched_setscheduler(0, policy, os.sched_param(0))
    except (AttributeError, OSError):
        pass


def signature_types(procedures):
    for procedure in procedures:
        for parameter in procedure["parameters"]:
            yield parse_type(parameter["type"])
        yield from map(parse_type, procedure["returns"])


def leave_pipes(*pipes):
    """A process that a procedure forked neither takes requests nor answers them."""
    for fd in pipes:
        try:
            os.close(fd)
        except OSError:
            pass


def confine(setup):
    """The place of the cage: after the fork, before any code of a user."""


def serve(requests, answers, sources, procedures, limit):
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
            handler = handlers[index] = Handler(sources, procedures[index], limit)
        send(answers, U32.pack(number) + handler.call(data))


class Handler:
    """One procedure and its codec, made at its first call."""

    def __init__(self, sources, procedure, limit):
        self.procedure, self.limit = procedure, limit
        self.function = sources.function(procedure)
        self.returns = [parse_type(text) for text in procedure["returns"]]
        arguments = [parse_type(parameter["type"]) for parameter in procedure["parameters"]]
        self.decode, self.encode = make_codec(arguments, self.returns, sys.modules[MODULE])

    def call(self, data):
        try:
            arguments = self.decode(data, HEAD.size)
            returned = self.function(*arguments)
        except BaseException as error:
            return bytes([RAISED]) + json.dumps(describe(error)).encode()
        finally:
            flush_output()
        parts = [b"\0"]
        try:
            self.encode(returned, parts.append)
            answer = b"".join(parts)
            if len(answer) <= self.limit:
                return answer
            problem = f"{len(answer)} bytes, over the limit of {self.limit} bytes for an answer"
        except BaseException:
            problem = self.explain(returned)
        message = printable(f"`{self.procedure['key']}` returned {problem}")
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
        "kind": printable(type(error).__name__[:MAX_KIND]),
        "message": printable(message[:MAX_RAISED_MESSAGE]),
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
