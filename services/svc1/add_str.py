def add(a: str, b: str) -> str:
    return a + b
