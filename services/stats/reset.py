calls = 0


def reset() -> None:
    global calls
    calls = 0
