"""Checks a source against its signature: the function, its parameters and its annotations. The source is parsed but never
run."""

import ast
from collections import namedtuple

from rpc_signature import parse_type, print_type

# A contradiction to a signature: the broken rule, a message, and the place. The place is the name `mark` in `node`, or all
# of `node` without a mark, or the whole file without a node.
Finding = namedtuple("Finding", "rule message node mark", defaults=[None, None])

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# The module with the records and enumerations of a service.
TYPES_MODULE = "rpc_types"

# Decorators that do not change the parameters and results of a function.
CACHES = {"cache", "lru_cache"}


class Unparsable(Exception):
    """A source that is not valid Python. Its place is counted in lines and characters, both from 1."""

    def __init__(self, error):
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        super().__init__(f"{type(error).__name__}: {message or 'it is too large or nests too deeply to be parsed'}")
        self.line = getattr(error, "lineno", None) or 1
        self.column = max(getattr(error, "offset", None) or 1, 1)
        one_line = getattr(error, "end_lineno", None) == self.line
        self.end_column = max(getattr(error, "end_offset", None) or 1, self.column) if one_line else self.column


def parse_source(content, file):
    """Returns the syntax tree of a source, which is given as bytes."""
    return compile_any(content, file, ast.PyCF_ONLY_AST)


def compile_source(tree, file):
    """Compiles a syntax tree. This finds mistakes that the parser accepts, such as a `return` outside of a function."""
    return compile_any(tree, file, 0)


def compile_any(source, file, flags):
    try:
        return compile(source, file, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unparsable(error) from None


def check_source(tree, procedure, known):
    """Returns a list of the contradictions between a parsed source and a procedure's signature. `known` has the service's
    records and enumerations: `"record"` or `"enum"` by name."""
    try:
        return list(find_contradictions(tree, procedure, known))
    except RecursionError:
        return [Finding("syntax", "this file nests too deeply to be checked against a signature")]


def line_of(finding):
    return finding.node.lineno if finding.node else 1


def find_contradictions(tree, procedure, known):
    name = procedure["name"]
    found = find_definition(tree.body, name)
    if found is None:
        yield Finding("missing", f"there is no function `{name}` in this file")
    elif isinstance(found, ast.ClassDef):
        yield Finding("missing", f"`{name}` is a class; procedures are plain functions", found, name)
    elif isinstance(found, FUNCTIONS) and not is_wrapped(found):
        yield from check_function(found, procedure, types_by_name(tree, known))


def check_function(function, procedure, names):
    name = function.name
    if isinstance(function, ast.AsyncFunctionDef):
        yield Finding("missing", f"`{name}` is an async function; procedures are plain functions", function, name)
        return
    if is_generator(function):
        yield Finding("missing", f"`{name}` is a generator; procedures return their value at once", function, name)
    yield from check_parameters(function, procedure)
    yield from check_annotations(function, procedure, names)


def is_wrapped(function):
    """Returns whether a decorator may have replaced the function."""
    calls = (getattr(decorator, "func", decorator) for decorator in function.decorator_list)
    return any((getattr(call, "id", None) or getattr(call, "attr", None)) not in CACHES for call in calls)


def is_generator(function):
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def find_definition(body, name):
    """Returns the last top-level statement that gives `name` a value. Statements inside `if` and `try` count as
    top-level."""
    found = None
    for bound, statement in bindings(body):
        if bound in (name, "*"):
            found = statement
    return found


def bindings(body):
    """Yields the names that statements bind, each with its statement."""
    for statement in body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            yield statement.name, statement
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                yield alias.asname or alias.name, statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for node in (node for target in targets for node in ast.walk(target)):
                if isinstance(node, ast.Name):
                    yield node.id, statement
        else:
            for block in blocks(statement):
                yield from bindings(block)


def blocks(statement):
    """Yields the lists of statements inside a compound statement, in their order."""
    yield getattr(statement, "body", [])
    for inner in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
        yield inner.body
    yield getattr(statement, "orelse", [])
    yield getattr(statement, "finalbody", [])


def check_parameters(function, procedure):
    declared = procedure["parameters"]
    name, arguments = function.name, function.args
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    keyword_only = [a for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults) if default is None]
    accepted = f"{required}" if required == len(positional) else f"{required} to {len(positional)}"
    if required > len(declared) or (len(positional) < len(declared) and not arguments.vararg):
        plural = "argument" if accepted == "1" else "arguments"
        verb = "is" if len(declared) == 1 else "are"
        message = f"`{name}` takes {accepted} {plural}, but {len(declared)} {verb} declared"
        yield Finding("arity", message, function, name)
        return
    if keyword_only:
        needed = keyword_only[0]
        message = f"`{name}` needs the keyword argument `{needed.arg}`, which calls do not pass"
        yield Finding("arity", message, needed, needed.arg)
    for parameter, argument in zip(declared, positional):
        if parameter.get("name") and parameter["name"] != argument.arg:
            message = f"the parameter `{argument.arg}` is declared as `{parameter['name']}`"
            yield Finding("parameter", message, argument, argument.arg)


def types_by_name(tree, known):
    """Returns the records and enumerations by the names that a source has for them. A name that the source gives to
    something else maps to `None`."""
    if not known:
        return {}
    types = {name: (kind, name) for name, kind in known.items()}
    names = {**types, **{f"{TYPES_MODULE}.{name}": ty for name, ty in types.items()}}
    for bound, statement in bindings(tree.body):
        if bound == "*" and statement.module != TYPES_MODULE:
            return {}
        names[bound] = types.get(original_name(statement, bound))
    return names


def original_name(statement, bound):
    """Returns the original name of what an import from `rpc_types` binds to `bound`; `None` for any other statement."""
    if isinstance(statement, ast.ImportFrom) and statement.module == TYPES_MODULE:
        return next((alias.name for alias in statement.names if bound == (alias.asname or alias.name)), None)
    return None


def check_annotations(function, procedure, names):
    positional = function.args.posonlyargs + function.args.args
    for parameter, argument in zip(procedure["parameters"], positional):
        declared = parse_type(parameter["type"])
        if contradicts(read_annotation(argument.annotation, names), declared, parameter_may_be):
            written = ast.unparse(argument.annotation)
            message = f"`{argument.arg}: {written}` is declared as `{print_type(declared)}`"
            yield Finding("annotation", message, argument)
    returns = [parse_type(text) for text in procedure["returns"]]
    declared = ("None",) if not returns else returns[0] if len(returns) == 1 else ("Tuple", *returns)
    if contradicts(read_annotation(function.returns, names), declared, result_may_be):
        written = ast.unparse(function.returns)
        message = f"`-> {written}` is declared as `{print_type(declared)}`"
        yield Finding("annotation", message, function.returns)


# The built-in types by the names that annotations have for them.
ANNOTATIONS = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "bytes": "bytes", "list": "List", "List": "List",
    "dict": "Dict", "Dict": "Dict", "tuple": "Tuple", "Tuple": "Tuple", "Optional": "Optional", "None": "None",
}


def contradicts(written, ty, may_be):
    """Returns whether an annotation certainly means another type. An annotation that is not understood contradicts
    nothing."""
    return written is not None and not agrees(written, ty, may_be)


def agrees(written, ty, may_be):
    """Returns whether an annotation means the declared type. `may_be` allows other types, for the whole annotation and for
    each of its parts."""
    if written is None or may_be(written, ty):
        return True
    if written[0] != ty[0]:
        return False
    if len(written) == 1:
        return True
    if written[0] in ("record", "enum"):
        return written[1] == ty[1]
    if written[0] == "Tuple" and len(written) == 3 and written[2] == "...":
        return all(agrees(written[1], item, may_be) for item in ty[1:])
    return len(written) == len(ty) and all(agrees(w, t, may_be) for w, t in zip(written[1:], ty[1:]))


def parameter_may_be(written, ty):
    """Returns whether a parameter may have an annotation other than the declared type: it may accept more than the type."""
    if written[0] == "Optional" and len(written) == 2 and ty[0] != "Optional":
        return agrees(written[1], ty, parameter_may_be)
    return (written[0], ty[0]) in {("int", "float"), ("float", "int"), ("str", "enum"), ("enum", "str")}


def result_may_be(written, ty):
    """Returns whether a result may have an annotation other than the declared type: it may be narrower than the type."""
    if ty[0] == "Optional" and written[0] != "Optional":
        return written == ("None",) or agrees(written, ty[1], result_may_be)
    return (written[0], ty[0]) in {("int", "float"), ("str", "enum"), ("enum", "str"), ("Dict", "record")}


def read_annotation(node, names):
    """Converts an annotation to a type, with `None` for each part that is not understood. Records and enumerations have
    only their names: `("record", "Tally")`."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return ("None",)
        if node.value is Ellipsis:
            return "..."
        return read_annotation(parse_annotation(node.value), names) if isinstance(node.value, str) else None
    if isinstance(node, (ast.Name, ast.Attribute)):
        return read_name(node, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [read_annotation(node.left, names), read_annotation(node.right, names)]
        if ("None",) in sides:
            sides.remove(("None",))
            return ("Optional", sides[0])
        return None
    if isinstance(node, ast.Subscript):
        head = read_annotation(node.value, names)
        inside = node.slice
        inside = getattr(inside, "value", inside) if type(inside).__name__ == "Index" else inside
        items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        return (head[0], *(read_annotation(item, names) for item in items)) if head and len(head) == 1 else None
    return None


def read_name(node, names):
    name = node.id if isinstance(node, ast.Name) else node.attr
    if name in ANNOTATIONS:
        return (ANNOTATIONS[name],)
    if isinstance(node, ast.Attribute):
        name = f"{getattr(node.value, 'id', '')}.{name}"
    return names.get(name)


def parse_annotation(text):
    """Returns the expression in a string; `None` if the string is not an expression."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
