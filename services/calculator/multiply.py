def multiply(a: float, b: float) -> float:
    return a * b
