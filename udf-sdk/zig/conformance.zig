//! The functions of the conformance vectors (../conformance), in Zig with the SDK.
const std = @import("std");
const ww = @import("waterwheel");

fn conf_not(x: bool) bool {
    return !x;
}
fn conf_add(a: i32, b: i32) ww.Error!i32 {
    return std.math.add(i32, a, b) catch ww.fail("overflow");
}
fn conf_negate(x: i64) i64 {
    return -x;
}
fn conf_half(x: f64) f64 {
    return x / 2;
}
fn conf_twice(x: ww.Decimal(20, 4)) ww.Decimal(20, 4) {
    return .{ .unscaled = x.unscaled + x.unscaled };
}
fn conf_next_day(day: ww.Date) ww.Date {
    return .{ .days = day.days + 1 };
}
fn conf_later(at: ww.Time, seconds: i32) ww.Time {
    return .{ .ms = @intCast(@mod(at.ms + @as(i64, 1000) * seconds, 86_400_000)) };
}
fn conf_hour(at: ww.Timestamp) ww.Timestamp {
    return .{ .ms = at.ms - @mod(at.ms, 3_600_000) };
}
fn conf_upper(text: []const u8) ww.Error![]const u8 {
    const upper = try ww.scratch(text.len);
    for (text, upper) |c, *to| to.* = std.ascii.toUpper(c);
    return upper;
}
fn conf_reverse(bytes: ww.Bytes) ww.Error!ww.Bytes {
    const reversed = try ww.scratch(bytes.data.len);
    for (bytes.data, 0..) |byte, i| reversed[reversed.len - 1 - i] = byte;
    return .{ .data = reversed };
}
fn conf_sum(numbers: ww.Array(f64)) f64 {
    var sum: f64 = 0;
    for (0..numbers.len) |i| sum += numbers.get(@intCast(i)) orelse 0;
    return sum;
}
fn conf_or_zero(x: ?f64) f64 {
    return x orelse 0;
}
fn conf_positive(x: f64) ?f64 {
    return if (x > 0) x else null;
}
fn conf_reciprocal(x: f64) ww.Error!f64 {
    return if (x == 0) ww.fail("x is 0") else 1 / x;
}
fn conf_spin(on: i32) i32 {
    var turning: i32 = on;
    const turn: *volatile i32 = &turning;
    while (turn.* != 0) {}
    return 0;
}
fn conf_trap(on: i32) i32 {
    if (on != 0) @trap();
    return 0;
}
fn conf_hoard(mib: i32) ww.Error!i32 {
    for (0..@intCast(mib)) |_| {
        const place = std.heap.wasm_allocator.alloc(u8, 1 << 20) catch return ww.fail("no memory");
        std.mem.doNotOptimizeAway(place.ptr);
    }
    return mib;
}

fn conf_running(sum: *f64, x: f64) ww.Error!f64 {
    if (x < 0) return ww.fail("x is negative");
    sum.* += x;
    return sum.*;
}

const Text = ww.List(u8);
const Previous = struct { there: bool = false, text: Text = .{} };
fn conf_previous(state: *Previous, text: []const u8) ww.Error!?[]const u8 {
    const before = try ww.scratch(state.text.items.len);
    @memcpy(before, state.text.items);
    try state.text.set(text);
    defer state.there = true;
    return if (state.there) before else null;
}

fn conf_nth_start(n: i32) ww.Error!void {
    if (n < 1) return ww.fail("n must be at least 1");
}
fn conf_nth(seen: *i32, x: f64, n: i32) ?f64 {
    seen.* += 1;
    if (seen.* < n) return null;
    seen.* = 0;
    return x;
}

const Total = struct {
    sum: f64 = 0,
    rows: i64 = 0,

    pub fn update(self: *Total, x: f64) ww.Error!void {
        if (x < 0) return ww.fail("x is negative");
        self.sum += x;
        self.rows += 1;
    }
    pub fn retract(self: *Total, x: f64) void {
        self.sum -= x;
        self.rows -= 1;
    }
    pub fn merge(self: *Total, other: *const Total) void {
        self.sum += other.sum;
        self.rows += other.rows;
    }
    pub fn finish(self: *const Total) ww.Error!?f64 {
        if (self.sum > 1e300) return ww.fail("the total is too large");
        return if (self.rows == 0) null else self.sum;
    }
};

const Longest = struct {
    there: bool = false,
    text: Text = .{},

    pub fn update(self: *Longest, text: []const u8) ww.Error!void {
        if (self.there and text.len <= self.text.items.len) return;
        try self.text.set(text);
        self.there = true;
    }
    pub fn merge(self: *Longest, other: *const Longest) ww.Error!void {
        if (other.there) try self.update(other.text.items);
    }
    pub fn finish(self: *const Longest) ?[]const u8 {
        return if (self.there) self.text.items else null;
    }
};

fn conf_reached_start(least: f64) ww.Error!void {
    if (least < 0) return ww.fail("least must be at least 0");
}
const Reached = struct {
    rows: i64 = 0,

    pub fn update(self: *Reached, x: f64, least: f64) void {
        self.rows += @intFromBool(x >= least);
    }
    pub fn retract(self: *Reached, x: f64, least: f64) void {
        self.rows -= @intFromBool(x >= least);
    }
    pub fn merge(self: *Reached, other: *const Reached) void {
        self.rows += other.rows;
    }
    pub fn finish(self: *const Reached) i64 {
        return self.rows;
    }
};

fn conf_words(text: []const u8) ww.Error![]const []const u8 {
    var words: ww.Rows([]const u8) = .{};
    var parts = std.mem.tokenizeScalar(u8, text, ' ');
    while (parts.next()) |word| try words.append(word);
    return words.items;
}

/// A word and where it begins; that of ? is unknown.
const Place = struct { word: []const u8, at: ?i32 };
fn conf_places(text: []const u8) ww.Error!?[]const Place {
    if (std.mem.eql(u8, text, "null")) return null;
    var places: ww.Rows(Place) = .{};
    var parts = std.mem.tokenizeScalar(u8, text, ' ');
    while (parts.next()) |word| {
        if (word[0] == '!') return ww.fail("no word");
        const at: i32 = @intCast(parts.index - word.len);
        try places.append(.{ .word = word, .at = if (word[0] == '?') null else at });
    }
    return places.items;
}

fn conf_many(n: ?i32) ww.Error![]const ?i64 {
    var numbers: ww.Rows(?i64) = .{};
    const count = n orelse {
        try numbers.append(null);
        return numbers.items;
    };
    if (count < 0) return ww.fail("n is negative");
    for (0..@intCast(count)) |i| try numbers.append(@intCast(i));
    return numbers.items;
}

fn conf_bulk(mib: i32) ww.Error![]const []const u8 {
    var texts: ww.Rows([]const u8) = .{};
    const text = try ww.scratch(1 << 20);
    @memset(text, 'x');
    for (0..@intCast(mib)) |_| try texts.append(text);
    return texts.items;
}

const Everything = struct {
    b: ?bool,
    i: ?i32,
    l: ?i64,
    d: ?f64,
    n: ?ww.Decimal(20, 4),
    s: ?[]const u8,
    y: ?ww.Bytes,
    t: ?ww.Time,
    a: ?ww.Date,
    ts: ?ww.Timestamp,
    lists: ?ww.Array(ww.Array([]const u8)),
    counts: ?ww.Map([]const u8, i64),
};
fn conf_echo(x: Everything) Everything {
    return x;
}

const Sum = struct { name: []const u8, total: i64 };
fn conf_sums(groups: ww.Map([]const u8, ww.Array(i32))) ww.Error![]const Sum {
    var sums: ww.Rows(Sum) = .{};
    for (0..groups.len) |i| {
        const numbers = groups.get(@intCast(i)) orelse return ww.fail("a group is NULL");
        var total: i64 = 0;
        for (0..numbers.len) |j| total += numbers.get(@intCast(j)) orelse 0;
        try sums.append(.{ .name = groups.key(@intCast(i)), .total = total });
    }
    return sums.items;
}

fn conf_scaled(x: f64, factor: f64, plus: ?i64) f64 {
    return x * factor + @as(f64, @floatFromInt(plus orelse 0));
}

fn conf_joined(separator: []const u8, texts: ww.Array([]const u8)) ww.Error![]const u8 {
    var joined: ww.Rows(u8) = .{};
    for (0..texts.len) |i| {
        if (i > 0) for (separator) |c| try joined.append(c);
        for (texts.get(@intCast(i)) orelse "?") |c| try joined.append(c);
    }
    return joined.items;
}

fn conf_last_two(last: *?f64, x: f64) ww.Error![]const f64 {
    if (x < 0) return ww.fail("x is negative");
    var both: ww.Rows(f64) = .{};
    if (last.*) |before| try both.append(before);
    try both.append(x);
    last.* = x;
    return both.items;
}

const Extremes = struct {
    there: bool = false,
    low: f64 = 0,
    high: f64 = 0,

    const Pair = struct { low: f64, high: f64 };

    pub fn update(self: *Extremes, x: f64) void {
        self.merge(&.{ .there = true, .low = x, .high = x });
    }
    pub fn merge(self: *Extremes, other: *const Extremes) void {
        if (!other.there) return;
        self.low = if (self.there) @min(self.low, other.low) else other.low;
        self.high = if (self.there) @max(self.high, other.high) else other.high;
        self.there = true;
    }
    pub fn finish(self: *const Extremes) ww.Error!?Pair {
        if (self.high > 1e300) return ww.fail("the highest is too large");
        return if (self.there) .{ .low = self.low, .high = self.high } else null;
    }
};

const Upgraded = struct {
    sum: f64 = 0,
    since: f64 = 0,

    /// Version 1 was the state of conf_running.
    pub fn upgrade(_: u32, saved: *ww.Saved) ww.Error!Upgraded {
        return .{ .sum = try saved.read(f64), .since = 1000 };
    }
};

fn conf_upgraded(state: *Upgraded, x: f64) f64 {
    state.sum += x;
    return state.sum + state.since;
}

const Size = struct {
    size: i64,

    fn of(size: i64) ww.Error!Size {
        if (size < 1) return ww.fail("size must be at least 1");
        return .{ .size = size };
    }
};

fn conf_wrapped(size: *const Size, x: i64, _: i64) i64 {
    return @mod(x, size.size);
}

fn conf_since(sum: *?f64, x: f64, start: f64) f64 {
    sum.* = (sum.* orelse start) + x;
    return sum.*.?;
}

const Most = struct {
    most: ?f64 = null,

    pub fn update(self: *Most, xs: ww.Array(f64)) void {
        for (0..xs.len) |i| {
            const x = xs.get(@intCast(i)) orelse continue;
            self.most = @max(self.most orelse x, x);
        }
    }
    pub fn merge(self: *Most, other: *const Most) void {
        const x = other.most orelse return;
        self.most = @max(self.most orelse x, x);
    }
    pub fn finish(self: *const Most) ?f64 {
        return self.most;
    }
};

comptime {
    @setEvalBranchQuota(100_000);
    ww.plugin("1.0.0", .{
        ww.scalar("conf_not", conf_not, .{ .args = &.{"x"} }),
        ww.scalar("conf_add", conf_add, .{ .args = &.{ "a", "b" } }),
        ww.scalar("conf_negate", conf_negate, .{ .args = &.{"x"} }),
        ww.scalar("conf_half", conf_half, .{ .args = &.{"x"} }),
        ww.scalar("conf_twice", conf_twice, .{ .args = &.{"x"} }),
        ww.scalar("conf_next_day", conf_next_day, .{ .args = &.{"day"} }),
        ww.scalar("conf_later", conf_later, .{ .args = &.{ "at", "seconds" } }),
        ww.scalar("conf_hour", conf_hour, .{ .args = &.{"at"} }),
        ww.scalar("conf_upper", conf_upper, .{ .args = &.{"text"} }),
        ww.scalar("conf_reverse", conf_reverse, .{ .args = &.{"bytes"} }),
        ww.scalar("conf_sum", conf_sum, .{ .args = &.{"numbers"} }),
        ww.scalar("conf_or_zero", conf_or_zero, .{ .args = &.{"x"} }),
        ww.scalar("conf_positive", conf_positive, .{ .args = &.{"x"} }),
        ww.scalar("conf_reciprocal", conf_reciprocal, .{ .args = &.{"x"} }),
        ww.scalar("conf_spin", conf_spin, .{ .args = &.{"on"} }),
        ww.scalar("conf_trap", conf_trap, .{ .args = &.{"on"} }),
        ww.scalar("conf_hoard", conf_hoard, .{ .args = &.{"mib"} }),
        ww.stream("conf_running", conf_running, null, .{ .args = &.{"x"} }),
        ww.stream("conf_previous", conf_previous, null, .{ .args = &.{"text"} }),
        ww.stream("conf_nth", conf_nth, conf_nth_start, .{ .args = &.{ "x", "n" }, .constant = &.{1} }),
        ww.aggregate("conf_total", Total, null, .{ .args = &.{"x"} }),
        ww.aggregate("conf_longest", Longest, null, .{ .args = &.{"text"} }),
        ww.aggregate("conf_reached", Reached, conf_reached_start, .{ .args = &.{ "x", "least" }, .constant = &.{1} }),
        ww.table("conf_words", conf_words, .{ .args = &.{"text"} }),
        ww.table("conf_places", conf_places, .{ .args = &.{"text"} }),
        ww.table("conf_many", conf_many, .{ .args = &.{"n"} }),
        ww.table("conf_bulk", conf_bulk, .{ .args = &.{"mib"} }),
        ww.scalar("conf_echo", conf_echo, .{ .args = &.{"x"} }),
        ww.scalar("conf_sums", conf_sums, .{ .args = &.{"groups"} }),
        ww.scalar("conf_scaled", conf_scaled, .{ .args = &.{ "x", "factor", "plus" }, .defaults = &.{ "10", "null" } }),
        ww.scalar("conf_joined", conf_joined, .{ .args = &.{ "separator", "texts" }, .variadic = true }),
        ww.stream("conf_since", conf_since, null, .{ .args = &.{ "x", "start" }, .constant = &.{1}, .defaults = &.{"100"} }),
        ww.aggregate("conf_most", Most, null, .{ .args = &.{"xs"}, .variadic = true }),
        ww.scalarWith("conf_wrapped", conf_wrapped, Size.of, .{ .args = &.{ "x", "size" }, .constant = &.{1} }),
        ww.stream("conf_last_two", conf_last_two, null, .{ .args = &.{"x"} }),
        ww.aggregate("conf_extremes", Extremes, null, .{ .args = &.{"x"} }),
        ww.stream("conf_upgraded", conf_upgraded, null, .{ .args = &.{"x"}, .state_version = 2, .reads_state_versions = &.{1} }),
    });
}

