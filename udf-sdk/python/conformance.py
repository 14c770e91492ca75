"""The functions of the conformance vectors (../conformance), in Python with the SDK."""

import dataclasses
import datetime
import os
from collections.abc import Iterator

from waterwheel import Constant, Decimal, Integer, aggregate, scalar, stream, table


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


@table
def conf_words(text: str) -> Iterator[str]:
    yield from (word for word in text.split(" ") if word)


@dataclasses.dataclass
class Place:
    """A word and where it begins; that of ? is unknown."""

    word: str
    at: Integer | None


@table
def conf_places(text: str) -> list[Place] | None:
    if text == "null":
        return None
    at, places = 0, []
    for word in text.split(" "):
        if word.startswith("!"):
            raise ValueError("no word")
        if word:
            places.append(Place(word, None if word[0] == "?" else at))
        at += 1 + len(word)
    return places


@table
def conf_many(n: Integer | None) -> list[int | None]:
    if n is None:
        return [None]
    if n < 0:
        raise ValueError("n is negative")
    return list(range(n))


@table
def conf_bulk(mib: Integer) -> Iterator[str]:
    for _ in range(mib):
        yield "x" * (1 << 20)


@dataclasses.dataclass
class Everything:
    b: bool | None
    i: Integer | None
    l: int | None
    d: float | None
    n: Decimal(20, 4) | None
    s: str | None
    y: bytes | None
    t: datetime.time | None
    a: datetime.date | None
    ts: datetime.datetime | None
    lists: list[list[str | None] | None] | None
    counts: dict[str, int | None] | None


@scalar
def conf_echo(x: Everything) -> Everything:
    return x


@dataclasses.dataclass
class Sum:
    name: str
    total: int


@scalar
def conf_sums(groups: dict[str, list[Integer] | None]) -> list[Sum]:
    if None in groups.values():
        raise ValueError("a group is NULL")
    return [Sum(name, sum(numbers)) for name, numbers in groups.items()]


@scalar
def conf_scaled(x: float, factor: float = 10, plus: int | None = None) -> float:
    return x * factor + (plus or 0)


@scalar
def conf_joined(separator: str, *texts: str | None) -> str:
    return separator.join("?" if text is None else text for text in texts)


class Since:
    def __init__(self, start):
        self.sum = start


@stream
def conf_since(since: Since, x: float, start: Constant[float] = 100) -> float:
    since.sum += x
    return since.sum


@aggregate
class ConfMost:
    def __init__(self):
        self.most = None

    def update(self, *xs: float):
        there = [x for x in (*xs, self.most) if x is not None]
        self.most = max(there, default=None)

    def merge(self, other):
        self.update(other.most)

    def finish(self) -> float | None:
        return self.most


class LastTwo:
    def __init__(self):
        self.last = None


@stream
def conf_last_two(state: LastTwo, x: float) -> list[float]:
    if x < 0:
        raise ValueError("x is negative")
    both = [x] if state.last is None else [state.last, x]
    state.last = x
    return both


@dataclasses.dataclass
class Pair:
    low: float
    high: float


@aggregate
class ConfExtremes:
    def __init__(self):
        self.low = self.high = None

    def update(self, x: float):
        self.low = x if self.low is None else min(self.low, x)
        self.high = x if self.high is None else max(self.high, x)

    def merge(self, other):
        if other.low is not None:
            self.update(other.low)
            self.update(other.high)

    def finish(self) -> Pair | None:
        if self.low is None:
            return None
        if self.high > 1e300:
            raise ValueError("the highest is too large")
        return Pair(self.low, self.high)


class Size:
    def __init__(self, size):
        if size < 1:
            raise ValueError("size must be at least 1")
        self.size = size


@scalar(start=Size)
def conf_wrapped(made, x: int, size: Constant[int]) -> int:
    return x % made.size

class Upgraded:
    def __init__(self):
        self.sum = 0.0
        self.since = 0.0

    @staticmethod
    def upgrade(version, attributes):
        # Format 1 was that of conf_running.
        return {**attributes, "since": 1000.0}


@stream(state_version=2, reads_state_versions=[1])
def conf_upgraded(state: Upgraded, x: float) -> float:
    state.sum += x
    return state.sum + state.since
