def mean(values: list[float]) -> float:
    if not values:
        raise ValueError("the mean of no values is not defined")
    return sum(values) / len(values)
