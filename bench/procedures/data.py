def data(values: bytes) -> bytes:
    return values
