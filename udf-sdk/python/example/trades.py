"""Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one."""

import dataclasses
from collections.abc import Iterator

from waterwheel import Constant, Integer, aggregate, scalar, stream, table


class Previous:
    def __init__(self):
        self.price = None


@stream
def diff(previous: Previous, price: float) -> float | None:
    """the price less the price before; NULL in a key's first row"""
    change = None if previous.price is None else price - previous.price
    previous.price = price
    return change


class Last:
    def __init__(self, rows):
        if not 1 <= rows <= 10_000:
            raise ValueError("rows must be 1 to 10000")
        self.prices = []


@stream
def moving_avg(last: Last, price: float, rows: Constant[Integer]) -> float:
    """the mean of a key's last prices"""
    last.prices.append(price)
    del last.prices[:-rows]
    return sum(last.prices) / len(last.prices)


class Traded:
    def __init__(self):
        self.money = self.volume = 0.0


@stream
def running_vwap(traded: Traded, price: float, volume: int) -> float:
    """the mean price of a key so far, weighted by volume"""
    if volume <= 0:
        # Before the state is changed: a row that fails leaves it as it was.
        raise ValueError("volume must be more than 0")
    traded.money += price * volume
    traded.volume += volume
    return traded.money / traded.volume


@aggregate
class Vwap:
    """the mean price of a group, weighted by volume"""

    def __init__(self):
        self.money = self.volume = 0.0

    def update(self, price: float, volume: int):
        if volume <= 0:
            raise ValueError("volume must be more than 0")
        self.money += price * volume
        self.volume += volume

    def retract(self, price: float, volume: int):
        self.money -= price * volume
        self.volume -= volume

    def merge(self, other):
        self.money += other.money
        self.volume += other.volume

    def finish(self) -> float | None:
        return self.money / self.volume if self.volume > 0 else None


@scalar
def risk_score(price: float, average: float, volume: int) -> float:
    """how unusual a trade is, 0 to 1"""
    if not average > 0:
        raise ValueError("average must be more than 0")
    strain = abs(price / average - 1) * (1 + volume / 10_000)
    return strain / (strain + 0.05)


@dataclasses.dataclass
class Fill:
    """A part of an order that was carried out."""

    price: float
    volume: int


@table
def fills(report: str) -> Iterator[Fill]:
    """the fills of an order, written as `price x volume; price x volume; ...`"""
    for text in report.split(";"):
        if not text.strip():
            continue
        try:
            price, volume = text.split("x")
            yield Fill(float(price), int(volume))
        except ValueError:
            raise ValueError(f"`{text.strip()}` is no price x volume") from None
