"""Types as a signature prints them.

    List[T], Dict[K, V], Optional[T], Tuple[A, ...], int, ...    ("List", ("int",))
    Tally{candidate: str, votes: int}                            ("record", "Tally", (("candidate", ("str",)), ...))
    Level{low, normal, high}                                     ("enum", "Level", ("low", "normal", "high"))

Inside one text, a record or an enumeration that was written out before may stand by its name alone.
"""

import functools
import re

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|.", re.DOTALL)


@functools.lru_cache(maxsize=1024)
def parse_type(text):
    """`Dict[str, List[int]]` becomes `("Dict", ("str",), ("List", ("int",)))`."""
    return TypeText(text).parse()


def print_type(ty):
    """The reverse of `parse_type`, with records and enumerations by their names."""
    name, *items = ty
    if name in ("record", "enum") and items:
        return items[0]
    return f"{name}[{', '.join(map(print_type, items))}]" if items else name


class TypeText:
    """A text that is being read, word by word."""

    def __init__(self, text):
        self.text = text
        self.words = [word for word in WORD.findall(text) if not word.isspace()]
        self.at = 0
        self.named = {}

    def parse(self):
        parsed = self.type()
        if self.at < len(self.words):
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
        """What stands in the braces behind the name of a record or an enumeration."""
        items = self.items("{", "}", self.member)
        if all(isinstance(item, str) for item in items) and items:
            return ("enum", name, items)
        if any(isinstance(item, str) for item in items):
            raise self.error()
        return ("record", name, items)

    def member(self):
        """A record's field with its type, or an enumeration's variant."""
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
        self.at += 1
        return word

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, word):
        if self.peek() != word:
            raise self.error()
        self.at += 1

    def error(self):
        return ValueError(f"not a type: {self.text}")
