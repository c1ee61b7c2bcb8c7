def add(a: list[int], b: list[int]) -> list[int]:
    if len(a) != len(b):
        raise ValueError(f"the lists differ in length: {len(a)} and {len(b)}")
    return [x + y for x, y in zip(a, b)]
