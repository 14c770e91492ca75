"""Functions for Waterwheel in Python: a function is a plain def with a decorator and type hints. README.md beside this
file is the way in.

The SDK is the side of udf-sdk/wit/functions.wit that a plugin has: it reads type hints into a manifest, turns columns into
Python values, calls the function for each row, and turns what it gives, or raises, into a result.
"""

import collections
import collections.abc
import dataclasses
import datetime
import decimal
import functools
import inspect
import json
import re
import types
import typing

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import functions as wit

__all__ = ["Constant", "Decimal", "Functions", "Integer", "aggregate", "scalar", "stream", "table"]

# ---- types: SQL's from Python's ----


class _Sql:
    """The SQL type that an Annotated type stands for."""

    def __init__(self, text):
        self.text = text


class _ConstantMark:
    pass


Integer = typing.Annotated[int, _Sql("INTEGER")]
"""An int of 32 bits, SQL's INTEGER; a plain int is BIGINT."""


def Decimal(precision, scale):
    """The type of a DECIMAL(precision, scale); its values are decimal.Decimal."""
    return typing.Annotated[decimal.Decimal, _Sql(f"DECIMAL({precision}, {scale})"), (precision, scale)]


class Constant:
    """Constant[int]: an argument for which a query must give a constant."""

    def __class_getitem__(cls, item):
        return typing.Annotated[item, _ConstantMark()]


_EPOCH_DAY = datetime.date(1970, 1, 1)
_EPOCH = datetime.datetime(1970, 1, 1)
_MS = datetime.timedelta(milliseconds=1)


class _Codec:
    """One SQL type: how its columns become values, and values columns. `null` fills the place of a null."""

    def __init__(self, sql, case, null, to_python=None, to_wit=None):
        self.sql, self.case, self.null, self.to_python, self.to_wit = sql, case, null, to_python, to_wit

    def decode(self, levels, rows):
        level = next(levels)
        values = level.values.value
        if self.to_python is not None:
            # What stands in the place of a null need not be a value of the type.
            nulls = level.nulls or [False] * len(values)
            return [None if null else self.to_python(value) for value, null in zip(values, nulls)]
        if level.nulls:
            return [None if null else value for value, null in zip(values, level.nulls)]
        return values

    def encode(self, values):
        null, to_wit = self.null, self.to_wit
        if None in values:
            nulls = [value is None for value in values]
            return [wit.Level(nulls, self.case([null if value is None else to_wit(value) for value in values]))]
        return [wit.Level([], self.case([to_wit(value) for value in values]))]


def _int_within(bits, name):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def check(value):
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is not an int")
        if not low <= value <= high:
            raise OverflowError(f"{value} is not within {name}")
        return value

    return check


def _instance(kind):
    def check(value):
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is not {kind.__name__}")
        return value

    return check


def _to_time(ms):
    seconds, ms = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    return datetime.time(minutes // 60, minutes % 60, second, ms * 1000)


def _from_time(time):
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000


def _from_datetime(at):
    if at.tzinfo is not None:
        at = at.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return (at - _EPOCH) // _MS


def _decimal_codec(sql, precision, scale):
    limit = 10**precision
    context = decimal.Context(prec=60)
    step = decimal.Decimal(1).scaleb(-scale)

    def to_wit(value):
        unscaled = int(context.quantize(decimal.Decimal(value), step).scaleb(scale, context))
        if not -limit < unscaled < limit:
            raise OverflowError(f"{value} is not within {sql}")
        return (unscaled & 0xFFFF_FFFF_FFFF_FFFF, unscaled >> 64)

    def to_python(halves):
        return decimal.Decimal((halves[1] << 64) | halves[0]).scaleb(-scale, context)

    return _Codec(sql, wit.Values_Decimals, (0, 0), to_python, to_wit)


class _Nested:
    """ARRAY, MAP and STRUCT: levels inside of a level."""

    def __init__(self, sql, inner):
        self.sql, self.inner = sql, inner

    def decode(self, levels, rows):
        level = next(levels)
        lengths = getattr(level.values, "value", None)
        inside = rows if lengths is None else sum(lengths)
        children = [codec.decode(levels, inside) for codec in self.inner]
        nulls = level.nulls or [False] * rows
        return self.rows_of(nulls, lengths, children)

    def encode(self, values):
        nulls = [value is None for value in values]
        values, columns = self.levels_of(values)
        levels = [wit.Level(nulls if True in nulls else [], values)]
        for codec, column in zip(self.inner, columns):
            levels += codec.encode(column)
        return levels


class _Array(_Nested):
    def rows_of(self, nulls, lengths, children):
        rows, at = [], 0
        for null, length in zip(nulls, lengths):
            rows.append(None if null else children[0][at : at + length])
            at += length
        return rows

    def levels_of(self, values):
        rows = [() if value is None else value for value in values]
        return wit.Values_Arrays([len(row) for row in rows]), [[item for row in rows for item in row]]


class _Map(_Nested):
    def rows_of(self, nulls, lengths, children):
        keys, values = children
        rows, at = [], 0
        for null, length in zip(nulls, lengths):
            rows.append(None if null else dict(zip(keys[at : at + length], values[at : at + length])))
            at += length
        return rows

    def levels_of(self, values):
        rows = [{} if value is None else value for value in values]
        keys = [key for row in rows for key in row.keys()]
        return wit.Values_Maps([len(row) for row in rows]), [keys, [item for row in rows for item in row.values()]]


class _Struct(_Nested):
    def __init__(self, sql, inner, kind, names):
        super().__init__(sql, inner)
        self.kind, self.names = kind, names

    def rows_of(self, nulls, lengths, children):
        rows = zip(*children)
        return [None if null else self.kind(*fields) for null, fields in zip(nulls, rows)]

    def levels_of(self, values):
        return wit.Values_Structs(), [
            [None if value is None else getattr(value, name) for value in values] for name in self.names
        ]


_PLAIN = {
    bool: lambda: _Codec("BOOLEAN", wit.Values_Booleans, False, None, bool),
    int: lambda: _Codec("BIGINT", wit.Values_Bigints, 0, None, _int_within(64, "BIGINT")),
    float: lambda: _Codec("DOUBLE", wit.Values_Doubles, 0.0, None, float),
    str: lambda: _Codec("STRING", wit.Values_Strings, "", None, _instance(str)),
    bytes: lambda: _Codec("BYTES", wit.Values_Bytes, b"", None, _instance(bytes)),
    datetime.date: lambda: _Codec(
        "DATE",
        wit.Values_Integers,
        0,
        lambda days: _EPOCH_DAY + datetime.timedelta(days=days),
        lambda day: (day - _EPOCH_DAY).days,
    ),
    datetime.time: lambda: _Codec("TIME", wit.Values_Integers, 0, _to_time, _from_time),
    datetime.datetime: lambda: _Codec(
        "TIMESTAMP", wit.Values_Bigints, 0, lambda ms: _EPOCH + datetime.timedelta(milliseconds=ms), _from_datetime
    ),
}


def _codec(hint, place):
    """The codec of a type hint, whether it takes None, and whether it is marked constant."""
    optional = constant = False
    marks = ()
    while True:
        origin = typing.get_origin(hint)
        if origin in (typing.Union, types.UnionType):
            inner = [each for each in typing.get_args(hint) if each is not type(None)]
            if len(inner) != 1:
                raise TypeError(f"{place}: {hint} is not one type or None")
            optional, hint = optional or len(inner) < len(typing.get_args(hint)), inner[0]
        elif origin is typing.Annotated:
            hint, *more = typing.get_args(hint)
            constant = constant or any(isinstance(mark, _ConstantMark) for mark in more)
            marks += tuple(more)
        else:
            break
    sql = next((mark.text for mark in marks if isinstance(mark, _Sql)), None)
    if sql == "INTEGER":
        codec = _Codec(sql, wit.Values_Integers, 0, None, _int_within(32, sql))
    elif sql is not None:
        codec = _decimal_codec(sql, *next(mark for mark in marks if isinstance(mark, tuple)))
    elif hint in _PLAIN:
        codec = _PLAIN[hint]()
    elif origin in (list, collections.abc.Iterator, collections.abc.Iterable):
        inner = _codec(typing.get_args(hint)[0], place)[0]
        codec = _Array(f"ARRAY<{inner.sql}>", [inner])
    elif origin is dict:
        key, value = (_codec(each, place)[0] for each in typing.get_args(hint))
        codec = _Map(f"MAP<{key.sql}, {value.sql}>", [key, value])
    elif dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        names = [field.name for field in dataclasses.fields(hint)]
        inner = [_codec(hints[name], f"{place}.{name}")[0] for name in names]
        fields = ", ".join(f"{name} {codec.sql}" for name, codec in zip(names, inner))
        codec = _Struct(f"STRUCT<{fields}>", inner, hint, names)
    else:
        raise TypeError(
            f"{place}: no SQL type for {hint!r}: it can be bool, int, Integer, float, Decimal(p, s), str, bytes, "
            "datetime.date, datetime.time, datetime.datetime, list[...], dict[..., ...], a dataclass, and each with | None"
        )
    return codec, optional, constant


# ---- functions ----


def _more(parameter):
    """What a parameter's default or star adds to its entry in the manifest."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return {"variadic": True}
    default = parameter.default
    if default is inspect.Parameter.empty:
        return {}
    if default is None or isinstance(default, (bool, int, float, str)):
        return {"default": default}
    return {"default": default.isoformat() if hasattr(default, "isoformat") else str(default)}


class _Function:
    """A function with the parameters of `takes` and the result of `gives`, called `exported`."""

    def __init__(self, exported, kind, takes, gives, options):
        hints = typing.get_type_hints(takes, include_extras=True)
        parameters = inspect.signature(takes).parameters
        names = list(parameters)
        if kind == "stream":
            if not names or not isinstance(hints.get(names[0]), type):
                raise TypeError(f"{exported}: the first parameter of a stream function is its state, of a class")
            self.state = hints[names[0]]
        self.start = options.pop("start", None) if kind in ("scalar", "table") else None
        if kind in ("stream", "aggregate") or self.start:
            del names[0]
        missing = [name for name in names if name not in hints]
        result = typing.get_type_hints(gives, include_extras=True).get("return")
        if missing or result is None:
            missing = [*missing, *(["return"] if result is None else [])]
            raise TypeError(f"{exported}: no type hint for {', '.join(missing)}")
        self.rest = [name for name in names if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL]
        for name in self.rest:
            # What is given one by one comes as one ARRAY.
            hints[name] = list[hints[name]]
        args = [(name, *_codec(hints[name], f"{exported}({name})")) for name in names]
        self.run, self.kind, self.names = self.spread(takes), kind, names
        self.args = [codec for _, codec, _, _ in args]
        if self.start and not any(constant for _, _, _, constant in args):
            raise TypeError(f"{exported}: start makes something of constants, and no parameter is Constant[...]")
        self.returns = _codec(result, f"{exported} returns")[0]
        entry = {"name": options.pop("name", exported), "kind": kind, "export": exported}
        entry["args"] = [
            {"name": name, "type": codec.sql, **({"constant": True} if constant else {}), **_more(parameters[name])}
            for name, codec, _, constant in args
        ]
        entry["returns"] = self.returns.sql
        if kind == "table":
            if not isinstance(self.returns, _Array):
                raise TypeError(f"{exported}: a table function returns list[T] or Iterator[T]")
            entry["returns"], each = self.returns.inner[0].sql, self.run
            self.run = lambda *given: None if (rows := each(*given)) is None else list(rows)
        if any(optional for _, _, optional, _ in args):
            entry["nulls"] = "pass"
        entry.update(options)
        self.entry = entry

    def spread(self, method):
        """The method, given the ARRAY of its last parameter one by one where that has a star."""
        return (lambda *given: method(*given[:-1], *given[-1])) if self.rest else method

    def columns(self, args, rows):
        return [codec.decode(iter(column), rows) for codec, column in zip(self.args, args)]

    def fresh(self, constants):
        """What makes the state of a new key or group, or, of a function without state, what it is set up with."""
        make = self.start or self.state
        wanted = inspect.signature(make).parameters
        given = {name: value for name, value in constants.items() if name in wanted}
        return lambda: make(**given)


_functions = {}


def _add(exported, function, doc):
    if doc:
        function.entry["doc"] = doc.strip().splitlines()[0]
    if exported in _functions:
        raise TypeError(f"two functions are called {exported}: give overloads other names, and name='...' in common")
    _functions[exported] = function


def _register(kind, run, options):
    _add(run.__name__, _Function(run.__name__, kind, run, run, options), run.__doc__)
    return run


def scalar(run=None, **options):
    """A function of one row. Options go into the manifest: name, volatility. With start=..., a class or function, the first
    parameter is what that makes of the parameters marked Constant[...], once, before any row."""
    if run is None:
        return lambda run: _register("scalar", run, options)
    return _register("scalar", run, options)


def table(run=None, **options):
    """A function of one row that gives its rows: it returns list[T], or Iterator[T] and yields them. A dataclass has several
    columns. Options: as of scalar."""
    if run is None:
        return lambda run: _register("table", run, options)
    return _register("table", run, options)


def stream(run=None, **options):
    """A function of a row and of the state of its key, its first parameter. Options: name, state_version,
    reads_state_versions."""
    if run is None:
        return lambda run: _register("stream", run, options)
    return _register("stream", run, options)


def _register_aggregate(state, options):
    for method in ("update", "merge", "finish"):
        if not callable(getattr(state, method, None)):
            raise TypeError(f"{state.__name__}: an aggregate function has the methods update, merge and finish, not {method}")
    if hasattr(state, "retract"):
        options["retracts"] = True
    # CamelCase is camel_case in SQL.
    exported = re.sub(r"(?<!^)(?=[A-Z])", "_", state.__name__).lower()
    function = _Function(exported, "aggregate", state.update, state.finish, options)
    function.state = state
    _add(exported, function, state.__doc__)
    return state


def aggregate(state=None, **options):
    """A function of the rows of a group: a class, the state of a group, with the methods update(self, ...), merge(self, other),
    finish(self) and, where rows can be taken back, retract(self, ...). Options: those of stream."""
    if state is None:
        return lambda state: _register_aggregate(state, options)
    return _register_aggregate(state, options)


def _message(error):
    text = str(error)
    if isinstance(error, (ValueError, ArithmeticError)) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# ---- state as bytes: JSON, with a tag where JSON has no such value ----


def _plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, collections.deque):
        return {"$deque": [_plain(item) for item in value], "of": value.maxlen}
    if isinstance(value, dict):
        return {"$dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, (set, frozenset)):
        return {"$set": sorted(_plain(item) for item in value)}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"$date": value.isoformat()}
    if isinstance(value, datetime.time):
        return {"$time": value.isoformat()}
    raise TypeError(f"state cannot hold a {type(value).__name__}")


_TAGS = {
    "$deque": lambda tagged: collections.deque(tagged["$deque"], tagged["of"]),
    "$dict": lambda tagged: {key: value for key, value in tagged["$dict"]},
    "$set": lambda tagged: set(tagged["$set"]),
    "$bytes": lambda tagged: bytes.fromhex(tagged["$bytes"]),
    "$decimal": lambda tagged: decimal.Decimal(tagged["$decimal"]),
    "$datetime": lambda tagged: datetime.datetime.fromisoformat(tagged["$datetime"]),
    "$date": lambda tagged: datetime.date.fromisoformat(tagged["$date"]),
    "$time": lambda tagged: datetime.time.fromisoformat(tagged["$time"]),
}


def _untag(tagged):
    return _TAGS[next(iter(tagged))](tagged)


def _dump(state):
    return json.dumps([[name, _plain(value)] for name, value in vars(state).items()], separators=(",", ":")).encode()


# ---- what the host calls ----


class _Opened:
    """The function that this instance is, where it is set up for one: its states, or what was made of its constants."""

    function = fresh = made = None
    states = {}


class Functions(exports.Functions):
    """The exports of the component."""

    def manifest(self):
        entries = [function.entry for function in _functions.values()]
        return json.dumps({"functions": entries})

    def call(self, function, args, rows):
        function = _functions[function]
        columns = function.columns(args, rows)
        run, values, failed = function.run, [], []
        if function.start:
            run = functools.partial(run, _Opened.made)
        for row, given in enumerate(zip(*columns) if columns else [()] * rows):
            try:
                values.append(run(*given))
            except Exception as error:
                values.append(None)
                failed.append(wit.Failure(row, _message(error)))
        try:
            return wit.Outcome(function.returns.encode(values), failed)
        except Exception:
            return self._without_bad_values(function, values, failed)

    def _without_bad_values(self, function, values, failed):
        for row, value in enumerate(values):
            try:
                function.returns.encode([value])
            except Exception as error:
                values[row] = None
                failed.append(wit.Failure(row, f"its result: {_message(error)}"))
        return wit.Outcome(function.returns.encode(values), failed)

    def open(self, function, constants):
        try:
            function = _functions[function]
            values = {
                name: codec.decode(iter(column), 1)[0]
                for name, codec, column in zip(function.names, function.args, constants)
                if column is not None
            }
            if function.kind in ("scalar", "table"):
                _Opened.made = function.fresh(values)() if function.start else None
                return
            fresh = function.fresh(values)
            fresh()
        except Exception as error:
            raise Err(_message(error))
        _Opened.function, _Opened.fresh, _Opened.states = function, fresh, {}

    def push(self, slots, args):
        function, fresh, states = _Opened.function, _Opened.fresh, _Opened.states
        columns = function.columns(args, len(slots))
        run, values, failed = function.run, [], []
        for row, (slot, given) in enumerate(zip(slots, zip(*columns) if columns else [()] * len(slots))):
            state = states.get(slot)
            try:
                if state is None:
                    state = fresh()
                values.append(run(state, *given))
                states[slot] = state
            except Exception as error:
                values.append(None)
                failed.append(wit.Failure(row, _message(error)))
        try:
            return wit.Outcome(function.returns.encode(values), failed)
        except Exception as error:
            # The states are past these rows, so it is the call that fails.
            raise Err(f"its result: {_message(error)}")

    def update(self, slots, args):
        return self._take(_Opened.function.run, slots, args)

    def retract(self, slots, args):
        function = _Opened.function
        return self._take(function.spread(function.state.retract), slots, args)

    def _take(self, method, slots, args):
        function, fresh, states = _Opened.function, _Opened.fresh, _Opened.states
        columns = function.columns(args, len(slots))
        failed = []
        for row, (slot, given) in enumerate(zip(slots, zip(*columns) if columns else [()] * len(slots))):
            state = states.get(slot)
            try:
                if state is None:
                    state = fresh()
                method(state, *given)
                states[slot] = state
            except Exception as error:
                failed.append(wit.Failure(row, _message(error)))
        return failed

    def merge(self, into, from_):
        states = _Opened.states
        try:
            for slot, other in zip(into, from_):
                if other in states:
                    state = states[slot] if slot in states else _Opened.fresh()
                    state.merge(states[other])
                    states[slot] = state
        except Exception as error:
            raise Err(_message(error))

    def finish(self, slots):
        states, fresh = _Opened.states, _Opened.fresh
        values, failed = [], []
        for row, slot in enumerate(slots):
            try:
                state = states[slot] if slot in states else fresh()
                values.append(state.finish())
            except Exception as error:
                values.append(None)
                failed.append(wit.Failure(row, _message(error)))
        try:
            return wit.Outcome(_Opened.function.returns.encode(values), failed)
        except Exception:
            return self._without_bad_values(_Opened.function, values, failed)

    def save(self, slots):
        states = _Opened.states
        try:
            return [_dump(states[slot]) if slot in states else b"" for slot in slots]
        except Exception as error:
            raise Err(_message(error))

    def load(self, slots, states, version):
        function = _Opened.function
        try:
            for slot, saved in zip(slots, states):
                if not saved:
                    _Opened.states.pop(slot, None)
                    continue
                attributes = dict(json.loads(saved, object_hook=_untag))
                if version != function.entry.get("state_version", 1):
                    attributes = function.state.upgrade(version, attributes)
                state = function.state.__new__(function.state)
                state.__dict__.update(attributes)
                _Opened.states[slot] = state
        except Exception as error:
            raise Err(_message(error))

    def forget(self, slots):
        for slot in slots:
            _Opened.states.pop(slot, None)
