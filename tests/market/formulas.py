"""The market indicators by their definitions, in decimals of 60 digits: sums over slices and closed forms, no recurrence.

Each function takes its columns (None: NULL) and parameters, and gives one value a row: a Decimal, a dict of them, or None."""
from decimal import Decimal, getcontext

getcontext().prec = 60


def mean(values):
    return sum(values, Decimal(0)) / len(values)


def over_rows(function):
    """Rows of which a column is NULL are passed over: they have no value, and the others do not see them."""
    def whole(*columns_and_parameters):
        columns = [c for c in columns_and_parameters if isinstance(c, list)]
        parameters = columns_and_parameters[len(columns):]
        full = [i for i, row in enumerate(zip(*columns)) if None not in row]
        out = [None] * len(columns[0])
        answers = function(*([Decimal(c[i]) for i in full] for c in columns), *parameters)
        for place, answer in zip(full, answers):
            out[place] = answer
        return out
    return whole


def smoothed(values, period, weight):
    """A mean of the first `period` values that counts (1-weight)^k after k more, each of which counts weight*(1-weight)^age."""
    out = [None] * len(values)
    keeps = lambda age: (1 - weight) ** age if age else Decimal(1)
    for i in range(period - 1, len(values)):
        out[i] = mean(values[:period]) * keeps(i - period + 1)
        out[i] += sum((weight * keeps(i - j) * values[j] for j in range(period, i + 1)), Decimal(0))
    return out


def ema_of(values, period):
    return smoothed(values, period, Decimal(2) / (period + 1))


def wilder_of(values, period):
    return smoothed(values, period, Decimal(1) / period)


@over_rows
def sma(values, period):
    return [mean(values[i + 1 - period:i + 1]) if i + 1 >= period else None for i in range(len(values))]


@over_rows
def ema(values, period):
    return ema_of(values, period)


@over_rows
def rsi(values, period=14):
    changes = [b - a for a, b in zip(values, values[1:])]
    gains = wilder_of([max(c, Decimal(0)) for c in changes], period)
    losses = wilder_of([max(-c, Decimal(0)) for c in changes], period)
    index = lambda gain, loss: None if gain is None else Decimal(100) if loss == 0 else 100 - 100 / (1 + gain / loss)
    return ([None] + [index(g, l) for g, l in zip(gains, losses)])[:len(values)]


@over_rows
def macd(values, fast=12, slow=26, signal=9):
    lines = [f - s if f is not None and s is not None else None
             for f, s in zip(ema_of(values, fast), ema_of(values, slow))]
    first = next((i for i, line in enumerate(lines) if line is not None), len(lines))
    signals = [None] * first + ema_of(lines[first:], signal)
    return [{"line": l, "signal": s, "histogram": None if s is None else l - s} for l, s in zip(lines, signals)]


@over_rows
def bollinger(values, period=20, width=2):
    out = []
    for i in range(len(values)):
        newest = values[i + 1 - period:i + 1] if i + 1 >= period else []
        middle = mean(newest) if newest else None
        distance = Decimal(width) * mean([(v - middle) ** 2 for v in newest]).sqrt() if newest else None
        out.append({"lower": middle - distance, "middle": middle, "upper": middle + distance} if newest else
                   {"lower": None, "middle": None, "upper": None})
    return out


@over_rows
def atr(high, low, close, period=14):
    ranges = [high[0] - low[0]] if high else []
    for i in range(1, len(high)):
        ranges.append(max(high[i], close[i - 1]) - min(low[i], close[i - 1]))
    return wilder_of(ranges, period)


@over_rows
def vwap(price, volume):
    out = []
    for i in range(len(price)):
        total = sum(volume[:i + 1])
        out.append(sum(p * v for p, v in zip(price[:i + 1], volume[:i + 1])) / total if total else None)
    return out


FORMULAS = {"sma": sma, "ema": ema, "rsi": rsi, "macd": macd, "bollinger": bollinger, "atr": atr, "vwap": vwap}
FIELDS = {"macd": ["line", "signal", "histogram"], "bollinger": ["lower", "middle", "upper"]}
