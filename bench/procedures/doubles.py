def doubles(values: list[float]) -> list[float]:
    return values
