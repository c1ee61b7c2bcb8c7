from words import join


def rpc1(a: int, b: list[str]) -> str:
    return f"{a}: {join(b)}"
