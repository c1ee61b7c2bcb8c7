"""Checks sources against their signatures and the files of their services. Each file is read and parsed once.

The request and the answers are JSON; `src/request.rs` and `src/finding.rs` define their members.
"""

import gc
import importlib.util
import re
import warnings

from rpc_conformance import (
    TYPES_MODULE, Finding, Unparsable, bindings, check_source, compile_source, parse_source,
)
from rpc_imports import Service, check_imports, unguarded_imports, unknown_types

# Maximum length of a message in characters.
MAX_MESSAGE = 400
# Maximum number of names that may be similar to a wrong one.
MAX_SIMILAR = 200


def answers(request):
    """Yields one answer per file, in the order of the files, as soon as the file is checked."""
    gc.disable()
    warnings.simplefilter("ignore")
    services = {service["name"]: Service(**service) for service in request["services"]}
    for job in request["files"]:
        findings = Source(job, request["max-line"]).check(services)
        yield {"findings": findings[:request["max-findings"]]}


class Source:
    """One file and its checks."""

    def __init__(self, job, max_line):
        self.path, self.uses, self.max_line = job["path"], job["uses"], max_line
        self.content, self.lines = b"", None

    def check(self, services):
        try:
            with open(self.path, "rb") as file:
                self.content = file.read()
            tree = parse_source(self.content, self.path)
            compile_source(tree, self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            return [self.finding("unreadable", (error.strerror or str(error)).lower(), self.uses[0]["place"])]
        except Unparsable as error:
            spot = self.spot(error.line, error.column, error.end_column)
            return [self.finding("syntax", str(error), self.uses[0]["place"], spot)]
        try:
            return [finding for use in self.uses for finding in self.check_use(tree, use, services[use["service"]])]
        except (RecursionError, MemoryError) as error:
            return [self.finding("syntax", f"this file is too large to be checked: {type(error).__name__}",
                                 self.uses[0]["place"], self.spot(1, 1, 1))]

    def check_use(self, tree, use, service):
        """Yields the findings about the use of a parsed file by one service."""
        for procedure in use["procedures"]:
            for found in check_source(tree, procedure, service.types):
                similar = self.functions(tree) if found.rule == "missing" and not found.node else []
                yield self.finding(found.rule, found.message, procedure["place"], self.spot_of(found), similar=similar)
        imports = list(unguarded_imports(tree))
        for statement, message, hint in check_imports(imports, self.path, service):
            found = Finding("import", message, statement)
            yield self.finding("import", message, use["place"], self.spot_of(found), hint=hint)
        for name, node in unknown_types(tree, imports, service.types).items():
            found = Finding("import", f"there is no record and no enumeration `{name}` in this service", node, name)
            meant = {"written": name, "known": list(service.types)[:MAX_SIMILAR]}
            hint = f"`{TYPES_MODULE}` has what the signatures of `{service.name}` mention"
            yield self.finding("import", found.message, use["place"], self.spot_of(found), hint=hint, meant=meant)

    def functions(self, tree):
        """Returns the functions of a file with their names and places."""
        functions = {name: node for name, node in bindings(tree.body) if type(node).__name__ == "FunctionDef"}
        return [{"name": name, "spot": self.spot_of(Finding("", "", node, name))}
                for name, node in list(functions.items())[:MAX_SIMILAR]]

    def finding(self, rule, message, place, spot=None, **more):
        more = {name: printable(value) if isinstance(value, str) else value for name, value in more.items()}
        return {"rule": rule, "message": printable(message), "place": place, "spot": spot, **more}

    def spot_of(self, found):
        """Returns the place of a finding: the name that it marks, or the first line of its node."""
        if not found.node:
            return self.spot(1, 1, 1)
        node = found.node
        line = self.line(node.lineno)
        start = count_characters(line, node.col_offset)
        end = count_characters(line, node.end_col_offset) if node.end_lineno == node.lineno else len(line.rstrip())
        if found.mark:
            marked = re.compile(rf"\b{re.escape(found.mark)}\b").search(line, start)
            start, end = marked.span() if marked else (start, start)
        return self.spot(node.lineno, start + 1, end + 1)

    def spot(self, line, column, end_column):
        text = printable(self.line(line).rstrip()[:self.max_line])
        return {"line": line, "column": column, "end-column": end_column, "text": text}

    def line(self, number):
        if self.lines is None:
            self.lines = decode(self.content).split("\n")
        return self.lines[number - 1] if number <= len(self.lines) else ""


def decode(content):
    try:
        return importlib.util.decode_source(content)
    except (SyntaxError, UnicodeError):
        return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def count_characters(line, byte_count):
    """Returns the number of characters in the first `byte_count` bytes of a line."""
    return len(line.encode("utf-8", "surrogatepass")[:byte_count].decode("utf-8", "replace"))


def printable(text):
    """Returns the beginning of a text. Replaces lone surrogates, which UTF-8 cannot encode."""
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode()
