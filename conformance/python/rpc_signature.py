"""Parses and prints types in the form that signatures have.

    List[T], Dict[K, V], Optional[T], Tuple[A, ...], int, ...    ("List", ("int",))
    Tally{candidate: str, votes: int}                            ("record", "Tally", (("candidate", ("str",)), ...))
    Level{low, normal, high}                                     ("enum", "Level", ("low", "normal", "high"))

In one text, a record or an enumeration that is already written out may be repeated by its name only.
"""

import functools
import re

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|.", re.DOTALL)


@functools.lru_cache(maxsize=1024)
def parse_type(text):
    """Parses a type: `Dict[str, List[int]]` becomes `("Dict", ("str",), ("List", ("int",)))`."""
    return TypeParser(text).parse()


def print_type(ty):
    """Prints a parsed type. Writes only the names of records and enumerations."""
    name, *items = ty
    if name in ("record", "enum") and items:
        return items[0]
    return f"{name}[{', '.join(map(print_type, items))}]" if items else name


class TypeParser:
    """Parses the text of a type, word by word."""

    def __init__(self, text):
        self.text = text
        self.words = [word for word in WORD.findall(text) if not word.isspace()]
        # The index of the next word.
        self.position = 0
        # The records and enumerations that the text has written out so far, by name.
        self.named = {}

    def parse(self):
        parsed = self.type()
        if self.position < len(self.words):
            raise self.error()
        return parsed

    def type(self):
        name = self.name() if self.peek() != "[" else ""
        if self.peek() == "[":
            return (name, *self.items("[", "]", self.type))
        if self.peek() == "{":
            self.named[name] = self.expansion(name)
        return self.named.get(name, (name,))

    def expansion(self, name):
        """Parses the braces after the name of a record or an enumeration."""
        items = self.items("{", "}", self.member)
        if all(isinstance(item, str) for item in items) and items:
            return ("enum", name, items)
        if any(isinstance(item, str) for item in items):
            raise self.error()
        return ("record", name, items)

    def member(self):
        """Parses a field with its type, or an item of an enumeration."""
        name = self.name()
        if self.peek() != ":":
            return name
        self.take(":")
        return (name, self.type())

    def items(self, opening, closing, item):
        self.take(opening)
        items = []
        while self.peek() != closing:
            if items:
                self.take(",")
            items.append(item())
        self.take(closing)
        return tuple(items)

    def name(self):
        word = self.peek()
        if not word.isidentifier():
            raise self.error()
        self.position += 1
        return word

    def peek(self):
        return self.words[self.position] if self.position < len(self.words) else ""

    def take(self, word):
        if self.peek() != word:
            raise self.error()
        self.position += 1

    def error(self):
        return ValueError(f"not a type: {self.text}")
