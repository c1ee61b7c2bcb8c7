"""Whether a source fits its signature: the function, its parameters, its annotations. Reads, never runs."""

import ast

from rpc_codec import parse_type, print_type


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
