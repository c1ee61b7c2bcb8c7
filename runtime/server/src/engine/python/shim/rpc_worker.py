"""A worker. It loads one service at one version of its sources, and runs one call at a time.

A frame on its pipes is a length (u32, little-endian) and that number of bytes:

    first request   JSON: the service to load
    first answers   LOADING and a path, before each source that is loaded; then READY, or REFUSED and JSON findings
    request         u32 index of the procedure, u32 number of the call, the binary values of the arguments
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
from rpc_names import SOURCES, exception_kind
from rpc_records import MODULE, known_types, make_module
from rpc_signature import parse_type

VALUES, RAISED, WRONG_TYPE, READY, REFUSED, LOADING = range(6)

# The length of a request, the index of the procedure and the number of the call.
REQUEST_HEAD = struct.Struct("<III")

READ_BYTES = 1 << 16

# Maximum numbers of characters. A longer field of a log line loses its end, and the end of a traceback matters most.
MAX_TRACEBACK = 8000
MAX_MESSAGE = 2000
MAX_RAISED_MESSAGE = 8000
MAX_KIND = 200


class Refused(Exception):
    """A source does not load: the line and the reason."""

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
        SOURCES[name] = path
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            del sys.modules[name]
            raise Refused(line_in(error, file), f"{exception_kind(type(error))}: {error}") from None
        return module

    def function(self, procedure):
        path, name = procedure["path"], procedure["name"]
        function = getattr(self.module(path), name, None)
        if not callable(function):
            raise Refused(1, f"there is no function `{name}` in this file")
        return function

    def check(self, procedure, against_signature):
        """Loads a procedure. Returns all findings about it.

        With `against_signature`, the source is checked against the signature first.
        """
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
    """Returns the last line of `file` in the traceback of an exception."""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    return lines[-1] if lines else 1


def work(requests, answers):
    setup = json.loads(read_exactly(requests, U32.unpack(read_exactly(requests, 4))[0]))
    confine(setup)
    os.register_at_fork(after_in_child=lambda: close_pipes(requests, answers))
    sys.path[:] = [os.path.join(setup["root"], path) for path in setup["import-paths"]] + setup["sys-path"]
    sys.dont_write_bytecode = True
    os.chdir(setup["root"])
    sys.modules[MODULE] = make_module(signature_types(setup["procedures"]))
    sources = Sources(setup["root"], known_types(sys.modules[MODULE]))
    findings = []
    set_scheduling(os.SCHED_BATCH)
    for procedure in setup["procedures"]:
        send(answers, bytes([LOADING]) + procedure["path"].encode())
        findings += sources.check(procedure, setup["check"])
    if findings:
        return send(answers, bytes([REFUSED]) + json.dumps(findings).encode())
    sources.trees.clear()
    linecache.clearcache()
    set_scheduling(os.SCHED_OTHER)
    send(answers, bytes([READY]))
    serve(requests, answers, sources, setup["procedures"], setup["answer-limit"])


def set_scheduling(policy):
    """Sets the scheduling policy of this process, so that calls run before workers that load."""
    try:
        os.sched_setscheduler(0, policy, os.sched_param(0))
    except (AttributeError, OSError):
        pass


def signature_types(procedures):
    for procedure in procedures:
        for parameter in procedure["parameters"]:
            yield parse_type(parameter["type"])
        yield from map(parse_type, procedure["returns"])


def close_pipes(*pipes):
    """Closes the pipes in a process that a procedure has forked. It must not take or answer requests."""
    for fd in pipes:
        try:
            os.close(fd)
        except OSError:
            pass


def confine(setup):
    """The place for a sandbox: after the fork, before any code of users runs. It does nothing yet."""


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
        _, index, number = REQUEST_HEAD.unpack_from(data)
        handler = handlers[index]
        if handler is None:
            handler = handlers[index] = Handler(sources, procedures[index], limit)
        send(answers, U32.pack(number) + handler.call(data))


class Handler:
    """A procedure and its codec. It is made at the first call of the procedure."""

    def __init__(self, sources, procedure, limit):
        self.procedure = procedure
        self.limit = limit
        self.function = sources.function(procedure)
        self.returns = [parse_type(text) for text in procedure["returns"]]
        arguments = [parse_type(parameter["type"]) for parameter in procedure["parameters"]]
        self.decode, self.encode = make_codec(arguments, self.returns, sys.modules[MODULE])

    def call(self, data):
        try:
            arguments = self.decode(data, REQUEST_HEAD.size)
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
            problem = self.explain_problem(returned)
        message = printable(f"`{self.procedure['key']}` returned {problem}")
        return bytes([WRONG_TYPE]) + json.dumps({"message": message[:MAX_MESSAGE]}).encode()

    def explain_problem(self, returned):
        try:
            return explain_returned(self.returns, returned)
        except BaseException as error:
            return f"an object that raises {exception_kind(type(error))} while it is read"


def describe(error):
    """Returns the form of an exception that is sent to the caller and the log."""
    try:
        message = str(error)
    except BaseException:
        message = "(its message cannot be printed)"
    return {
        "kind": printable(exception_kind(type(error))[:MAX_KIND]),
        "message": printable(message[:MAX_RAISED_MESSAGE]),
        "traceback": keep_end(printable(print_exception(error))),
    }


def print_exception(error):
    """Returns what Python prints about an exception, without the frame of the worker."""
    try:
        frames = error.__traceback__.tb_next
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException:
        return f"{exception_kind(type(error))} (its traceback cannot be printed)\n"


def keep_end(text):
    """Returns the last lines of a text that is too long, after a line that says how much is left out."""
    left_out = len(text) - MAX_TRACEBACK
    if left_out <= 0:
        return text
    end = text[left_out:]
    end = end[end.find("\n", 0, MAX_TRACEBACK // 2) + 1:]
    return f"(the first {len(text) - len(end)} characters are left out)\n{end}"


def printable(text):
    """Returns the text without lone surrogates, which UTF-8 cannot encode."""
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
