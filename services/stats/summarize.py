from rpc_types import Summary, Trend


def summarize(values: list[float]) -> Summary:
    if not values:
        raise ValueError("no values")
    rise = values[-1] - values[0]
    trend = Trend.rising if rise > 0 else Trend.falling if rise < 0 else Trend.steady
    return Summary(mean=sum(values) / len(values), trend=trend)
