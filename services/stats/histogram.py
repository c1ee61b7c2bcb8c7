def histogram(values: list[float], bins: int) -> tuple[list[float], list[int]]:
    if bins < 1:
        raise ValueError("at least one bin")
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(int((value - low) / width), bins - 1)] += 1
    return [low + width * i for i in range(bins + 1)], counts
