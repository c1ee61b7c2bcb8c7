def strings(values: list[str]) -> list[str]:
    return values
