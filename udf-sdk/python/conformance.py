"""The functions of the conformance vectors (../conformance), in Python with the SDK."""

import datetime
import os

from waterwheel import Constant, Decimal, Integer, aggregate, scalar, stream


@scalar
def conf_not(x: bool) -> bool:
    return not x


@scalar
def conf_add(a: Integer, b: Integer) -> Integer:
    if not -(2**31) <= a + b < 2**31:
        raise ValueError("overflow")
    return a + b


@scalar
def conf_negate(x: int) -> int:
    return -x


@scalar
def conf_half(x: float) -> float:
    return x / 2


@scalar
def conf_twice(x: Decimal(20, 4)) -> Decimal(20, 4):
    return x + x


@scalar
def conf_next_day(day: datetime.date) -> datetime.date:
    return day + datetime.timedelta(days=1)


@scalar
def conf_later(at: datetime.time, seconds: Integer) -> datetime.time:
    later = datetime.datetime.combine(datetime.date(2000, 1, 2), at) + datetime.timedelta(seconds=seconds)
    return later.time()


@scalar
def conf_hour(at: datetime.datetime) -> datetime.datetime:
    return at.replace(minute=0, second=0, microsecond=0)


@scalar
def conf_upper(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


@scalar
def conf_reverse(bytes: bytes) -> bytes:
    return bytes[::-1]


@scalar
def conf_sum(numbers: list[float]) -> float:
    return sum((number for number in numbers if number is not None), 0.0)


@scalar
def conf_or_zero(x: float | None) -> float:
    return 0.0 if x is None else x


@scalar
def conf_positive(x: float) -> float | None:
    return x if x > 0 else None


@scalar
def conf_reciprocal(x: float) -> float:
    if x == 0:
        raise ValueError("x is 0")
    return 1 / x


@scalar
def conf_spin(on: Integer) -> Integer:
    while on:
        pass
    return 0


@scalar
def conf_trap(on: Integer) -> Integer:
    if on:
        os.abort()
    return 0


hoard = []


@scalar
def conf_hoard(mib: Integer) -> Integer:
    for _ in range(mib):
        hoard.append(bytearray(1 << 20))
    return mib


class Running:
    def __init__(self):
        self.sum = 0.0


@stream
def conf_running(running: Running, x: float) -> float:
    if x < 0:
        raise ValueError("x is negative")
    running.sum += x
    return running.sum


class Previous:
    def __init__(self):
        self.text = None


@stream
def conf_previous(previous: Previous, text: str) -> str | None:
    before, previous.text = previous.text, text
    return before


class Nth:
    def __init__(self, n):
        if n < 1:
            raise ValueError("n must be at least 1")
        self.seen = 0


@stream
def conf_nth(nth: Nth, x: float, n: Constant[Integer]) -> float | None:
    nth.seen += 1
    if nth.seen < n:
        return None
    nth.seen = 0
    return x


@aggregate
class ConfTotal:
    def __init__(self):
        self.sum = 0.0
        self.rows = 0

    def update(self, x: float):
        if x < 0:
            raise ValueError("x is negative")
        self.sum += x
        self.rows += 1

    def retract(self, x: float):
        self.sum -= x
        self.rows -= 1

    def merge(self, other):
        self.sum += other.sum
        self.rows += other.rows

    def finish(self) -> float | None:
        if self.sum > 1e300:
            raise ValueError("the total is too large")
        return self.sum if self.rows else None


@aggregate
class ConfLongest:
    def __init__(self):
        self.text = None

    def update(self, text: str):
        if self.text is None or len(text) > len(self.text):
            self.text = text

    def merge(self, other):
        if other.text is not None:
            self.update(other.text)

    def finish(self) -> str | None:
        return self.text


@aggregate
class ConfReached:
    def __init__(self, least):
        if least < 0:
            raise ValueError("least must be at least 0")
        self.rows = 0

    def update(self, x: float, least: Constant[float]):
        self.rows += x >= least

    def retract(self, x: float, least: Constant[float]):
        self.rows -= x >= least

    def merge(self, other):
        self.rows += other.rows

    def finish(self) -> int:
        return self.rows
