//! Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one.
const std = @import("std");
const ww = @import("waterwheel");

/// The state is the price before; null in a key's first row.
fn diff(before: *?f64, price: f64) ?f64 {
    defer before.* = price;
    return price - (before.* orelse return null);
}

/// A ring of the last prices.
const Ring = struct { prices: ww.List(f64) = .{}, next: u32 = 0 };

fn movingAvgStart(rows: i32) ww.Error!void {
    if (rows < 1 or rows > 10_000) return ww.failf("rows is {d}: it must be 1 to 10000", .{rows});
}

fn movingAvg(ring: *Ring, price: f64, rows: i32) ww.Error!f64 {
    if (ring.prices.items.len < rows) {
        try ring.prices.append(price);
    } else {
        ring.prices.items[ring.next] = price;
        ring.next = (ring.next + 1) % @as(u32, @intCast(rows));
    }
    var sum: f64 = 0;
    for (ring.prices.items) |p| sum += p;
    return sum / @as(f64, @floatFromInt(ring.prices.items.len));
}

const Traded = struct { money: f64 = 0, volume: f64 = 0 };

fn runningVwap(all: *Traded, price: f64, volume: i64) ww.Error!f64 {
    if (volume <= 0) return ww.failf("volume is {d}: it must be more than 0", .{volume});
    all.money += price * @as(f64, @floatFromInt(volume));
    all.volume += @floatFromInt(volume);
    return all.money / all.volume;
}

/// The same of a group, which rows of a table can leave again.
const Vwap = struct {
    money: f64 = 0,
    volume: f64 = 0,

    pub fn update(self: *Vwap, price: f64, volume: i64) ww.Error!void {
        if (volume <= 0) return ww.failf("volume is {d}: it must be more than 0", .{volume});
        self.money += price * @as(f64, @floatFromInt(volume));
        self.volume += @floatFromInt(volume);
    }
    pub fn retract(self: *Vwap, price: f64, volume: i64) void {
        self.money -= price * @as(f64, @floatFromInt(volume));
        self.volume -= @floatFromInt(volume);
    }
    pub fn merge(self: *Vwap, other: *const Vwap) void {
        self.money += other.money;
        self.volume += other.volume;
    }
    pub fn finish(self: *const Vwap) ?f64 {
        return if (self.volume > 0) self.money / self.volume else null;
    }
};

fn riskScore(price: f64, average: f64, volume: i64) ww.Error!f64 {
    if (!(average > 0)) return ww.failf("average is {d}: it must be more than 0", .{average});
    const strain = @abs(price / average - 1) * (1 + @as(f64, @floatFromInt(volume)) / 10_000);
    return strain / (strain + 0.05);
}

/// A part of an order that was carried out.
const Fill = struct { price: f64, volume: i64 };

fn fills(report: []const u8) ww.Error![]const Fill {
    var all: ww.Rows(Fill) = .{};
    var texts = std.mem.splitScalar(u8, report, ';');
    while (texts.next()) |text| {
        const fill = std.mem.trim(u8, text, " ");
        if (fill.len == 0) continue;
        const x = std.mem.indexOfScalar(u8, fill, 'x') orelse return ww.failf("`{s}` is no price x volume", .{fill});
        const price = std.fmt.parseFloat(f64, std.mem.trim(u8, fill[0..x], " "));
        const volume = std.fmt.parseInt(i64, std.mem.trim(u8, fill[x + 1 ..], " "), 10);
        try all.append(.{
            .price = price catch return ww.failf("`{s}` is no price x volume", .{fill}),
            .volume = volume catch return ww.failf("`{s}` is no price x volume", .{fill}),
        });
    }
    return all.items;
}

comptime {
    @setEvalBranchQuota(100_000);
    ww.plugin("1.0.0", .{
        ww.stream("diff", diff, null, .{ .args = &.{"price"}, .doc = "the price less the price before; NULL in a key's first row" }),
        ww.stream("moving_avg", movingAvg, movingAvgStart, .{
            .args = &.{ "price", "rows" },
            .constant = &.{1},
            .doc = "the mean of a key's last prices",
        }),
        ww.stream("running_vwap", runningVwap, null, .{ .args = &.{ "price", "volume" }, .doc = "the mean price of a key so far, weighted by volume" }),
        ww.aggregate("vwap", Vwap, null, .{ .args = &.{ "price", "volume" }, .doc = "the mean price of a group, weighted by volume" }),
        ww.scalar("risk_score", riskScore, .{ .args = &.{ "price", "average", "volume" }, .doc = "how unusual a trade is, 0 to 1" }),
        ww.table("fills", fills, .{ .args = &.{"report"}, .doc = "the fills of an order, written as `price x volume; price x volume; ...`" }),
    });
}
