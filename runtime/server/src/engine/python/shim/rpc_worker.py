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
import resource
import struct
import sys
import traceback
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location

from rpc_codec import U32, explain_returned, make_codec
from rpc_conformance import Unparsable, check_source, compile_source, line_of, parse_source
from rpc_modules import install, replace_main
from rpc_names import exception_kind
from rpc_process import ProcessState, flush_output, move_up
from rpc_records import MODULE, known_types
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

    def __init__(self, root, names, types):
        self.root = root
        self.names = names
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
        name = self.names[path]
        code = compile_source(self.tree(path), file)
        module = module_from_spec(spec_from_file_location(name, file, loader=SourceFileLoader(name, file)))
        sys.modules[name] = module
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
    requests, answers = move_up(requests), move_up(answers)
    os.register_at_fork(after_in_child=lambda: close_pipes(requests, answers))
    sys.path[:] = setup["sys-path"]
    os.chdir(setup["root"])
    replace_main(setup["main"])
    names = install(setup)
    records = sys.modules[MODULE]
    sources = Sources(setup["root"], names, known_types(records))
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
    state = ProcessState()
    send(answers, bytes([READY]))
    make_handler = lambda procedure: Handler(sources, procedure, records, state, setup["answer-limit"])
    serve(requests, answers, state, make_handler, setup["procedures"])


def set_scheduling(policy):
    """Sets the scheduling policy of this process, so that calls run before workers that load."""
    try:
        os.sched_setscheduler(0, policy, os.sched_param(0))
    except (AttributeError, OSError):
        pass


def close_pipes(*pipes):
    """Closes the pipes in a process that a procedure has forked. It must not take or answer requests."""
    for fd in pipes:
        try:
            os.close(fd)
        except OSError:
            pass


def confine(setup):
    """Limits what the code of users can take. It runs after the fork, before any of that code."""
    # Private memory that can be written. A limit of the address space would refuse programs that reserve more than they use.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = setup["memory-limit"]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def serve(requests, answers, state, make_handler, procedures):
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
            handler = handlers[index] = make_handler(procedures[index])
        send(answers, U32.pack(number) + handler.call(data))
        state.restore()


class Handler:
    """A procedure and its codec. It is made at the first call of the procedure."""

    def __init__(self, sources, procedure, records, state, limit):
        self.procedure = procedure
        self.state = state
        self.limit = limit
        self.function = sources.function(procedure)
        self.returns = [parse_type(text) for text in procedure["returns"]]
        arguments = [parse_type(parameter["type"]) for parameter in procedure["parameters"]]
        self.decode, self.encode = make_codec(arguments, self.returns, records)

    def call(self, data):
        try:
            arguments = self.decode(data, REQUEST_HEAD.size)
            returned = self.function(*arguments)
        except BaseException as error:
            if self.state.is_child():
                end_child(error)
            return bytes([RAISED]) + json.dumps(describe(error)).encode()
        finally:
            flush_output()
        if self.state.is_child():
            end_child(None)
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


def end_child(error):
    """Ends a process that a procedure has forked and that has come to the end of the call. It must not answer."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else bool(error.code)
    elif error is not None:
        sys.stderr.write(print_exception(error))
        status = 1
    flush_output()
    os._exit(status & 0xFF)


def describe(error):
    """Returns the form of an exception that is sent to the caller and the log."""
    try:
        message = str(error)
    except BaseException:
        message = "(its message cannot be printed)"
    if isinstance(error, MemoryError) and not message:
        limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
        message = f"a worker may use {limit >> 20} MiB of memory (--max-worker-memory)"
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
