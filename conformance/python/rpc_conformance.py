"""Whether a source fits its signature: the function, its parameters, its annotations. Reads, never runs."""

import ast
from collections import namedtuple

from rpc_signature import parse_type, print_type

# What contradicts a signature: which rule, in words, and where: the name `mark` in `node`, or all of `node`. Without a
# node it is the whole file.
Finding = namedtuple("Finding", "rule message node mark", defaults=[None, None])

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# The module that has a service's records and enumerations.
TYPES_MODULE = "rpc_types"

# Decorators that leave a function's parameters and results as they are.
CACHES = {"cache", "lru_cache"}


class Unparsable(Exception):
    """A source that is no Python: a place, counted in lines and characters from 1, and words."""

    def __init__(self, error):
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        super().__init__(f"{type(error).__name__}: {said or 'it is too large or nests too deeply to be parsed'}")
        self.line = getattr(error, "lineno", None) or 1
        self.column = max(getattr(error, "offset", None) or 1, 1)
        one_line = getattr(error, "end_lineno", None) == self.line
        self.end_column = max(getattr(error, "end_offset", None) or 1, self.column) if one_line else self.column


def parse_source(content, file):
    """The tree of a source's bytes."""
    return compile_any(content, file, ast.PyCF_ONLY_AST)


def compile_source(tree, file):
    """The code of a tree, which finds what no parser does, such as a `return` outside of every function."""
    return compile_any(tree, file, 0)


def compile_any(source, file, flags):
    try:
        return compile(source, file, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unparsable(error) from None


def check_source(tree, procedure, known):
    """What in a parsed source contradicts a procedure's signature: a list of findings. `known` has the service's records
    and enumerations: `"record"` or `"enum"` by name."""
    try:
        return list(find_contradictions(tree, procedure, known))
    except RecursionError:
        return [Finding("syntax", "this file nests too deeply to be held against a signature")]


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
    """Whether a decorator may have put something else in the place of a function."""
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
    """The last statement at the top of a file, also inside `if` and `try`, that gives `name` a value."""
    found = None
    for bound, statement in bindings(body):
        if bound in (name, "*"):
            found = statement
    return found


def bindings(body):
    """The names that statements bind, each with its statement."""
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
    """The lists of statements inside a compound statement, in their order."""
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
    takes = f"{required}" if required == len(positional) else f"{required} to {len(positional)}"
    if required > len(declared) or (len(positional) < len(declared) and not arguments.vararg):
        plural = "argument" if takes == "1" else "arguments"
        yield Finding("arity", f"`{name}` takes {takes} {plural}, and {len(declared)} are declared", function, name)
        return
    if keyword_only:
        needed = keyword_only[0]
        message = f"`{name}` needs the keyword argument `{needed.arg}`, which no call gives"
        yield Finding("arity", message, needed, needed.arg)
    for parameter, argument in zip(declared, positional):
        if parameter.get("name") and parameter["name"] != argument.arg:
            message = f"the parameter `{argument.arg}` is declared as `{parameter['name']}`"
            yield Finding("parameter", message, argument, argument.arg)


def types_by_name(tree, known):
    """The records and enumerations by what a source calls them. A name that it gives to something else says nothing."""
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
    """What an import from `rpc_types` gives that name to; `None` for every other statement."""
    if isinstance(statement, ast.ImportFrom) and statement.module == TYPES_MODULE:
        return next((alias.name for alias in statement.names if bound == (alias.asname or alias.name)), None)
    return None


def check_annotations(function, procedure, names):
    positional = function.args.posonlyargs + function.args.args
    for parameter, argument in zip(procedure["parameters"], positional):
        declared = parse_type(parameter["type"])
        if contradicts(read_annotation(argument.annotation, names), declared, takes):
            written = ast.unparse(argument.annotation)
            message = f"`{argument.arg}: {written}` is declared as `{print_type(declared)}`"
            yield Finding("annotation", message, argument)
    returns = [parse_type(text) for text in procedure["returns"]]
    declared = ("None",) if not returns else returns[0] if len(returns) == 1 else ("Tuple", *returns)
    if contradicts(read_annotation(function.returns, names), declared, gives):
        written = ast.unparse(function.returns)
        message = f"`-> {written}` is declared as `{print_type(declared)}`"
        yield Finding("annotation", message, function.returns)


ANNOTATIONS = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "bytes": "bytes", "list": "List", "List": "List",
    "dict": "Dict", "Dict": "Dict", "tuple": "Tuple", "Tuple": "Tuple", "Optional": "Optional", "None": "None",
}


def contradicts(written, ty, also):
    """Whether an annotation surely means another type. One that is not understood contradicts nothing."""
    return written is not None and not agrees(written, ty, also)


def agrees(written, ty, also):
    """Whether an annotation says what is declared, or what `also` lets it say, here or in any part of it."""
    if written is None or also(written, ty):
        return True
    if written[0] != ty[0]:
        return False
    if len(written) == 1:
        return True
    if written[0] in ("record", "enum"):
        return written[1] == ty[1]
    if written[0] == "Tuple" and len(written) == 3 and written[2] == "...":
        return all(agrees(written[1], item, also) for item in ty[1:])
    return len(written) == len(ty) and all(agrees(w, t, also) for w, t in zip(written[1:], ty[1:]))


def takes(written, ty):
    """What the annotation of a parameter may say besides: it may take more than what is declared."""
    if written[0] == "Optional" and len(written) == 2 and ty[0] != "Optional":
        return agrees(written[1], ty, takes)
    return (written[0], ty[0]) in {("int", "float"), ("float", "int"), ("str", "enum"), ("enum", "str")}


def gives(written, ty):
    """What the annotation of a result may say besides: it may be less than what is declared."""
    if ty[0] == "Optional" and written[0] != "Optional":
        return written == ("None",) or agrees(written, ty[1], gives)
    return (written[0], ty[0]) in {("int", "float"), ("str", "enum"), ("enum", "str"), ("Dict", "record")}


def read_annotation(node, names):
    """An annotation as a type, with `None` for each part that is not understood. A record and an enumeration are read by
    name alone: `("record", "Tally")`."""
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
    """The expression that is written in a string; `None` where that is none."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
