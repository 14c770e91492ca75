//! A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it.
const std = @import("std");
const ww = @import("waterwheel");

fn clock_and_dice() i64 {
    var drawn: [2][16]u8 = undefined;
    for (&drawn) |*bytes| ww.host.random(bytes);
    ww.host.log(.debug, "the dice are drawn");
    const now = ww.host.nowMs();
    return if (std.mem.eql(u8, &drawn[0], &drawn[1])) -now else now;
}

fn asset(name: []const u8) ww.Error![]const u8 {
    const content = try ww.host.asset(name);
    defer ww.host.free(content);
    // The result outlives `content`.
    const result = try ww.scratch(content.len);
    @memcpy(result, content);
    return result;
}

comptime {
    ww.plugin("1.0.0", .{
        ww.scalar("clock_and_dice", clock_and_dice, .{ .volatility = .@"volatile", .doc = "the time of now; negative where the host draws equal bytes twice" }),
        ww.scalar("asset", asset, .{ .args = &.{"name"}, .doc = "an asset as text" }),
    });
}
