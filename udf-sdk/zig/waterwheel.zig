//! Functions of Waterwheel in Zig: plain functions, which `plugin` exports with a manifest made at compile time.
//!
//! README.md beside this file is the tutorial, ../ABI.md what crosses the border.

const std = @import("std");
const allocator = std.heap.wasm_allocator;

/// What a function that fails its row returns; made by `fail`.
pub const Error = error{Failed};

/// DATE: days since 1970-01-01.
pub const Date = struct { days: i32 };
/// TIME: milliseconds of the day.
pub const Time = struct { ms: i32 };
/// TIMESTAMP: milliseconds since 1970-01-01T00:00 UTC.
pub const Timestamp = struct { ms: i64 };
/// BYTES; a STRING is a `[]const u8`.
pub const Bytes = struct { data: []const u8 };
/// DECIMAL(p, s): unscaled, so 1.50 with s = 2 is 150.
pub fn Decimal(comptime p: u8, comptime s: u8) type {
    return struct {
        unscaled: i128,
        pub const sql = std.fmt.comptimePrint("DECIMAL({d}, {d})", .{ p, s });
        pub const decimal = true;
    };
}
/// ARRAY<T>, read where it lies. A result may be one, too, or a `[]const T` or `[]const ?T`.
pub fn Array(comptime T: type) type {
    return struct {
        elements: *const Column,
        from: u32,
        len: u32,
        pub const sql = "ARRAY<" ++ sqlName(T) ++ ">";
        pub const Element = T;
        /// Element `i`, null where it is null.
        pub fn get(self: @This(), i: u32) ?T {
            return if (self.elements.isNull(self.from + i)) null else self.elements.read(T, self.from + i);
        }
    };
}

/// MAP<K, V>, read where it lies. A result may be one, too, or an `Entries(K, V)`.
pub fn Map(comptime K: type, comptime V: type) type {
    return struct {
        keys: *const Column,
        values: *const Column,
        from: u32,
        len: u32,
        pub const sql = "MAP<" ++ sqlName(K) ++ ", " ++ sqlName(V) ++ ">";
        pub const Key = K;
        pub const Value = V;
        pub fn key(self: @This(), i: u32) K {
            return self.keys.read(K, self.from + i);
        }
        /// The value of entry `i`, null where it is null.
        pub fn get(self: @This(), i: u32) ?V {
            return if (self.values.isNull(self.from + i)) null else self.values.read(V, self.from + i);
        }
    };
}

/// MAP<K, V> as a result: its entries. V may be optional.
pub fn Entries(comptime K: type, comptime V: type) type {
    return struct {
        items: []const Entry,
        pub const Entry = struct { key: K, value: V };
        pub const sql = "MAP<" ++ sqlName(K) ++ ", " ++ sqlName(Plain(V)) ++ ">";
        pub const Key = K;
        pub const Value = Plain(V);
    };
}

/// A growing list for a result; it lasts as long as the call.
pub fn Rows(comptime T: type) type {
    return struct {
        items: []T = &.{},
        room: usize = 0,
        pub fn append(self: *@This(), item: T) Error!void {
            if (self.items.len == self.room) {
                const room = @max(16, 2 * self.room);
                const larger = arena.allocator().alloc(T, room) catch return fail("no memory for the result");
                @memcpy(larger[0..self.items.len], self.items);
                self.items = larger[0..self.items.len];
                self.room = room;
            }
            self.items = self.items.ptr[0 .. self.items.len + 1];
            self.items[self.items.len - 1] = item;
        }
    };
}
var arena = std.heap.ArenaAllocator.init(allocator);

/// A growing list, for states.
pub fn List(comptime T: type) type {
    return struct {
        items: []T = &.{},
        room: u32 = 0,
        pub const Item = T;
        /// Makes it `len` long; new items are undefined.
        pub fn resize(self: *@This(), len: u32) Error!void {
            if (len > self.room) {
                const room = @max(len, 2 * self.room);
                const larger = allocator.alloc(T, room) catch return fail("no memory for state");
                @memcpy(larger[0..self.items.len], self.items);
                self.free();
                self.items = larger[0..self.items.len];
                self.room = room;
            }
            self.items = self.items.ptr[0..len];
        }
        pub fn set(self: *@This(), items: []const T) Error!void {
            try self.resize(@intCast(items.len));
            @memcpy(self.items, items);
        }
        pub fn append(self: *@This(), item: T) Error!void {
            try self.resize(@intCast(self.items.len + 1));
            self.items[self.items.len - 1] = item;
        }
        pub fn free(self: *@This()) void {
            if (self.room > 0) allocator.free(self.items.ptr[0..self.room]);
            self.* = .{};
        }
    };
}

// ---- errors ----

const Report = extern struct { row: u32, message: u32, bytes: u32 };
const rows_max = 8192;
const no_row = 0xffffffff;
var reports: [rows_max]Report = undefined;
var reported: u32 = 0;
var message: []const u8 = "";
var messages: [65536]u8 = undefined;
var messages_used: usize = 0;

/// Fails the row: `return fail("x is 0")`. The text must last until the call ends.
pub fn fail(text: []const u8) Error {
    message = text;
    return error.Failed;
}

/// Fails the row with a formatted message.
pub fn failf(comptime format: []const u8, values: anytype) Error {
    const text = std.fmt.bufPrint(messages[messages_used..], format, values) catch return fail("failed; too many messages");
    messages_used += text.len;
    return fail(text);
}

fn report(row: u32) void {
    if (reported == rows_max) return;
    reports[reported] = .{ .row = row, .message = @intCast(@intFromPtr(message.ptr)), .bytes = @intCast(message.len) };
    reported += 1;
}

fn forgetReports() void {
    reported = 0;
    messages_used = 0;
}

// ---- columns ----

/// Section 3 of the ABI.
pub const Column = extern struct {
    rows: u32,
    flags: u32,
    null_count: u32,
    validity: ?[*]u8,
    values: ?[*]u8,
    values_bytes: u32,
    offsets: ?[*]i32,
    children: ?[*]Column,

    fn at(self: *const Column, row: u32) u32 {
        return if (self.flags & 1 != 0) 0 else row;
    }
    pub fn isNull(self: *const Column, row: u32) bool {
        const bits = self.validity orelse return false;
        return bits[row / 8] >> @as(u3, @intCast(row % 8)) & 1 == 0;
    }
    fn setNull(self: *Column, row: u32) void {
        self.validity.?[row / 8] &= ~(@as(u8, 1) << @as(u3, @intCast(row % 8)));
    }
    fn fixed(self: *const Column, comptime T: type, row: u32) *align(1) T {
        return @ptrCast(self.values.? + row * @sizeOf(T));
    }
    fn text(self: *const Column, row: u32) []const u8 {
        const from: u32 = @intCast(self.offsets.?[row]);
        const to: u32 = @intCast(self.offsets.?[row + 1]);
        return if (from == to) "" else self.values.?[from..to];
    }
    fn read(self: *const Column, comptime T: type, row: u32) T {
        return switch (T) {
            bool => self.values.?[row / 8] >> @as(u3, @intCast(row % 8)) & 1 == 1,
            i32, i64, f64 => self.fixed(T, row).*,
            Date => .{ .days = self.fixed(i32, row).* },
            Time => .{ .ms = self.fixed(i32, row).* },
            Timestamp => .{ .ms = self.fixed(i64, row).* },
            []const u8 => self.text(row),
            Bytes => .{ .data = self.text(row) },
            else => switch (comptime shapeOf(T)) {
                .decimal => .{ .unscaled = self.fixed(i128, row).* },
                .array => .{ .elements = &self.children.?[0], .from = self.begin(row), .len = self.begin(row + 1) - self.begin(row) },
                .map => .{
                    .keys = &self.children.?[0],
                    .values = &self.children.?[1],
                    .from = self.begin(row),
                    .len = self.begin(row + 1) - self.begin(row),
                },
                else => self.readStruct(T, row),
            },
        };
    }
    fn begin(self: *const Column, row: u32) u32 {
        return @intCast(self.offsets.?[row]);
    }
    fn readStruct(self: *const Column, comptime T: type, row: u32) T {
        var value: T = undefined;
        inline for (@typeInfo(T).@"struct".field_names, 0..) |name, i| {
            const F = @FieldType(T, name);
            const field = &self.children.?[i];
            if (!field.isNull(row)) {
                @field(value, name) = field.read(Plain(F), row);
            } else if (comptime optional(F)) {
                @field(value, name) = null;
            } else {
                lacks = true;
                message = "the field " ++ name ++ " is NULL";
            }
        }
        return value;
    }
    fn write(self: *Column, row: u32, value: anytype) Error!void {
        switch (@TypeOf(value)) {
            bool => if (value) {
                self.values.?[row / 8] |= @as(u8, 1) << @as(u3, @intCast(row % 8));
            },
            i32, i64, f64 => self.fixed(@TypeOf(value), row).* = value,
            Date => self.fixed(i32, row).* = value.days,
            Time => self.fixed(i32, row).* = value.ms,
            Timestamp => self.fixed(i64, row).* = value.ms,
            []const u8 => try texts.append(value),
            Bytes => try texts.append(value.data),
            else => self.fixed(i128, row).* = value.unscaled,
        }
    }
};

/// Where results of text are put, one after the other.
const Texts = struct {
    bytes: []u8 = &.{},
    used: u32 = 0,
    offsets: [rows_max + 1]i32 = undefined,

    fn append(self: *Texts, more: []const u8) Error!void {
        const used = self.used + more.len;
        if (used > self.bytes.len) {
            const larger = allocator.alloc(u8, 2 * used + 1024) catch return fail("no memory for the result");
            @memcpy(larger[0..self.used], self.bytes[0..self.used]);
            if (self.bytes.len > 0) allocator.free(self.bytes);
            self.bytes = larger;
        }
        @memcpy(self.bytes[self.used..used], more);
        self.used = @intCast(used);
    }
    fn finish(self: *Texts, rows: u32, out: *Column) void {
        self.offsets[rows] = @intCast(self.used);
        out.values = self.bytes.ptr;
        out.values_bytes = self.used;
        out.offsets = &self.offsets;
    }
};
var texts: Texts = .{};

/// While arguments were read: a field that is no optional was null.
var lacks = false;

/// Scratch memory for a result of this row; the next row may get the same.
pub fn scratch(len: usize) Error![]u8 {
    if (len > scratch_bytes.len) {
        if (scratch_bytes.len > 0) allocator.free(scratch_bytes);
        scratch_bytes = &.{};
        scratch_bytes = allocator.alloc(u8, 2 * len) catch return fail("no memory");
    }
    return scratch_bytes[0..len];
}
var scratch_bytes: []u8 = &.{};

// ---- types at compile time ----

fn Plain(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .optional => |o| o.child,
        .error_union => |e| Plain(e.payload),
        else => T,
    };
}

fn sqlName(comptime T: type) []const u8 {
    return switch (T) {
        bool => "BOOLEAN",
        i32 => "INTEGER",
        i64 => "BIGINT",
        f64 => "DOUBLE",
        []const u8 => "STRING",
        Bytes => "BYTES",
        Date => "DATE",
        Time => "TIME",
        Timestamp => "TIMESTAMP",
        else => switch (@typeInfo(T)) {
            .pointer => |p| "ARRAY<" ++ sqlName(Plain(p.child)) ++ ">",
            .@"struct" => |of| if (@hasDecl(T, "sql")) T.sql else fields: {
                var text: []const u8 = "";
                for (of.field_names, 0..) |name, i| {
                    text = text ++ (if (i > 0) ", " else "") ++ name ++ " " ++ sqlName(Plain(@FieldType(T, name)));
                }
                break :fields "STRUCT<" ++ text ++ ">";
            },
            else => @compileError("no SQL type for " ++ @typeName(T)),
        },
    };
}

/// How a column of a type is laid out.
const Shape = enum { boolean, fixed, decimal, text, array, map, structure };

fn shapeOf(comptime T: type) Shape {
    return switch (T) {
        bool => .boolean,
        i32, i64, f64, Date, Time, Timestamp => .fixed,
        []const u8, Bytes => .text,
        else => if (@typeInfo(T) == .pointer)
            .array
        else if (@hasDecl(T, "decimal"))
            .decimal
        else if (@hasDecl(T, "Element"))
            .array
        else if (@hasDecl(T, "Key"))
            .map
        else
            .structure,
    };
}

fn isNested(comptime T: type) bool {
    return switch (shapeOf(T)) {
        .array, .map, .structure => true,
        else => false,
    };
}

fn isText(comptime T: type) bool {
    return T == []const u8 or T == Bytes;
}

fn optional(comptime T: type) bool {
    return @typeInfo(T) == .optional;
}

// ---- functions ----

/// What SQL is told about a function.
pub const About = struct {
    /// The names of the arguments, in order.
    args: []const []const u8,
    doc: []const u8 = "",
    /// Which arguments must be constants of the query.
    constant: []const usize = &.{},
    /// What the last arguments are in a call without them, as JSON: `&.{ "10", "null" }`.
    defaults: []const []const u8 = &.{},
    /// The last argument is an `Array(T)`, whose elements a call may give one by one.
    variadic: bool = false,
};

fn Args(comptime function: anytype) type {
    return std.meta.ArgsTuple(@TypeOf(function));
}

/// Reads the arguments from position `first` of the tuple on; false when one that is no optional is null, an error when a field of one is.
fn readArgs(comptime T: type, comptime first: usize, columns: [*]const Column, row: u32, tuple: *T) Error!bool {
    lacks = false;
    inline for (first..@typeInfo(T).@"struct".field_names.len) |i| {
        const column = &columns[i - first];
        const at = column.at(row);
        const A = @TypeOf(tuple[i]);
        if (column.isNull(at)) {
            if (comptime optional(A)) tuple[i] = null else return false;
        } else tuple[i] = column.read(Plain(A), at);
    }
    return if (lacks) error.Failed else true;
}

/// The result column of functions that return R: a value, an optional or an error of one.
fn Results(comptime R: type) type {
    const T = Plain(R);
    const nested = isNested(T);
    return struct {
        var made: if (nested) Builder(T) else void = if (nested) .{} else {};

        fn start() void {
            begin();
            if (nested) made.cut(0);
        }
        fn skip(out: *Column, row: u32) void {
            out.setNull(row);
            if (nested) made.appendNull() catch @trap();
            if (comptime isText(T)) texts.offsets[row + 1] = @intCast(texts.used);
        }
        /// False when the row failed.
        fn write(result: anytype, out: *Column, row: u32) bool {
            const before = texts.used;
            writeValue(result, out, row) catch {
                report(row);
                texts.used = before;
                if (nested) made.cut(row);
                skip(out, row);
                return false;
            };
            return true;
        }
        fn writeValue(result: anytype, out: *Column, row: u32) Error!void {
            switch (@typeInfo(@TypeOf(result))) {
                .error_union => return writeValue(try result, out, row),
                .optional => if (result) |value| return writeValue(value, out, row) else skip(out, row),
                else => if (nested) return made.append(result) else {
                    try out.write(row, result);
                    if (comptime isText(T)) texts.offsets[row + 1] = @intCast(texts.used);
                },
            }
        }
        fn finish(rows: u32, out: *Column) void {
            if (comptime isText(T)) texts.finish(rows, out);
            if (nested) {
                const column = made.column();
                out.values = column.values;
                out.values_bytes = column.values_bytes;
                out.offsets = column.offsets;
                out.children = column.children;
            }
        }
    };
}

/// A column in the making, for results inside of results.
fn Builder(comptime T: type) type {
    const shape = shapeOf(T);
    const Stored = switch (shape) {
        .fixed => if (T == Date or T == Time) i32 else if (T == Timestamp) i64 else T,
        .decimal => i128,
        else => u8,
    };
    const Inner = switch (shape) {
        .array => @Tuple(&.{Builder(if (@typeInfo(T) == .pointer) Plain(@typeInfo(T).pointer.child) else T.Element)}),
        .map => @Tuple(&.{ Builder(T.Key), Builder(T.Value) }),
        .structure => fields: {
            const names = @typeInfo(T).@"struct".field_names;
            var inner: [names.len]type = undefined;
            for (names, 0..) |name, i| inner[i] = Builder(Plain(@FieldType(T, name)));
            break :fields @Tuple(&inner);
        },
        else => @Tuple(&.{}),
    };
    const has_offsets = shape == .text or shape == .array or shape == .map;
    const inner_count = @typeInfo(Inner).@"struct".field_names.len;
    return struct {
        rows: u32 = 0,
        validity: List(u8) = .{},
        values: List(Stored) = .{},
        offsets: List(i32) = .{},
        inner: Inner = empty(Inner),
        columns: [inner_count]Column = undefined,

        fn count(self: *@This(), is_there: bool) Error!void {
            const row = self.rows;
            if (row % 8 == 0) {
                try self.validity.resize(row / 8 + 1);
                self.validity.items[row / 8] = 0;
            }
            if (is_there) self.validity.items[row / 8] |= @as(u8, 1) << @as(u3, @intCast(row % 8));
            if (has_offsets) {
                try self.offsets.resize(row + 2);
                self.offsets.items[0] = 0;
                self.offsets.items[row + 1] = @intCast(if (shape == .text) self.values.items.len else self.inner[0].rows);
            }
            self.rows += 1;
        }
        fn appendNull(self: *@This()) Error!void {
            switch (shape) {
                .boolean => try self.appendBit(false),
                .fixed, .decimal => try self.values.append(std.mem.zeroes(Stored)),
                .structure => inline for (0..inner_count) |i| try self.inner[i].appendNull(),
                else => {},
            }
            try self.count(false);
        }
        fn appendBit(self: *@This(), value: bool) Error!void {
            const row = self.rows;
            if (row % 8 == 0) {
                try self.values.resize(row / 8 + 1);
                self.values.items[row / 8] = 0;
            }
            if (value) self.values.items[row / 8] |= @as(u8, 1) << @as(u3, @intCast(row % 8));
        }
        fn appendText(self: *@This(), text: []const u8) Error!void {
            const used: u32 = @intCast(self.values.items.len);
            if (text.len > 1 << 28) return fail("no memory for the result");
            try self.values.resize(used + @as(u32, @intCast(text.len)));
            @memcpy(self.values.items[used..], text);
        }
        /// Of a value, or of an optional one.
        fn append(self: *@This(), value: anytype) Error!void {
            const V = @TypeOf(value);
            if (comptime optional(V)) return if (value) |there| self.append(there) else self.appendNull();
            switch (shape) {
                .boolean => try self.appendBit(value),
                .fixed => try self.values.append(switch (V) {
                    Date => value.days,
                    Time, Timestamp => value.ms,
                    else => value,
                }),
                .decimal => try self.values.append(value.unscaled),
                .text => try self.appendText(if (V == Bytes) value.data else value),
                .array => if (comptime @typeInfo(V) == .pointer) {
                    for (value) |item| try self.inner[0].append(item);
                } else {
                    for (0..value.len) |i| try self.inner[0].append(value.get(@intCast(i)));
                },
                .map => if (comptime @hasDecl(V, "Entry")) {
                    for (value.items) |entry| try self.appendEntry(entry.key, entry.value);
                } else {
                    for (0..value.len) |i| try self.appendEntry(value.key(@intCast(i)), value.get(@intCast(i)));
                },
                .structure => inline for (@typeInfo(T).@"struct".field_names, 0..) |name, i| {
                    try self.inner[i].append(@field(value, name));
                },
            }
            try self.count(true);
        }
        fn appendEntry(self: *@This(), key: anytype, value: anytype) Error!void {
            try self.inner[0].append(key);
            try self.inner[1].append(value);
        }
        /// Takes back all rows from `rows` on.
        fn cut(self: *@This(), rows: u32) void {
            if (self.rows < rows) return;
            const within: u32 = if (!has_offsets) rows else if (rows == 0) 0 else @intCast(self.offsets.items[rows]);
            self.rows = rows;
            const held = switch (shape) {
                .boolean => (rows + 7) / 8,
                .fixed, .decimal => rows,
                .text => within,
                else => 0,
            };
            self.values.items = self.values.items.ptr[0..held];
            // Bits of rows that are gone must not be there for those that come.
            if (rows % 8 != 0) {
                const kept = (@as(u8, 1) << @as(u3, @intCast(rows % 8))) - 1;
                self.validity.items[rows / 8] &= kept;
                if (shape == .boolean) self.values.items[rows / 8] &= kept;
            }
            inline for (0..inner_count) |i| self.inner[i].cut(within);
        }
        fn column(self: *@This()) Column {
            inline for (0..inner_count) |i| self.columns[i] = self.inner[i].column();
            const no_rows = struct {
                var offsets = [1]i32{0};
            };
            return .{
                .rows = self.rows,
                .flags = 0,
                .null_count = 0,
                .validity = if (self.rows > 0) self.validity.items.ptr else null,
                .values = @ptrCast(self.values.items.ptr),
                .values_bytes = @intCast(self.values.items.len * @sizeOf(Stored)),
                .offsets = if (!has_offsets) null else if (self.rows > 0) self.offsets.items.ptr else &no_rows.offsets,
                .children = if (inner_count > 0) &self.columns else null,
            };
        }
    };
}

/// A tuple of builders without rows.
fn empty(comptime Tuple: type) Tuple {
    var tuple: Tuple = undefined;
    inline for (0..@typeInfo(Tuple).@"struct".field_names.len) |i| tuple[i] = .{};
    return tuple;
}

fn Result(comptime function: anytype) type {
    return @typeInfo(@TypeOf(function)).@"fn".return_type.?;
}

fn begin() void {
    forgetReports();
    texts.used = 0;
    texts.offsets[0] = 0;
    _ = arena.reset(.{ .retain_with_limit = 1 << 18 });
}

fn manifestEntry(
    comptime name: []const u8,
    comptime kind: []const u8,
    comptime function: anytype,
    comptime first: usize,
    comptime returns: type,
    comptime about: About,
) []const u8 {
    comptime {
        var pass = false;
        var args: []const u8 = "";
        for (about.args, 0..) |arg, i| {
            const A = @FieldType(Args(function), std.fmt.comptimePrint("{d}", .{i + first}));
            if (optional(A)) pass = true;
            var constant = false;
            for (about.constant) |c| constant = constant or c == i;
            args = args ++ (if (i > 0) "," else "") ++ "{\"name\":\"" ++ arg ++ "\",\"type\":\"" ++ sqlName(Plain(A)) ++ "\"" ++
                (if (constant) ",\"constant\":true" else "") ++
                (if (i + about.defaults.len >= about.args.len) ",\"default\":" ++ about.defaults[i + about.defaults.len - about.args.len] else "") ++
                (if (about.variadic and i + 1 == about.args.len) ",\"variadic\":true" else "") ++ "}";
        }
        return "{\"name\":\"" ++ name ++ "\",\"kind\":\"" ++ kind ++ "\",\"args\":[" ++ args ++ "],\"returns\":\"" ++
            sqlName(Plain(returns)) ++ "\"" ++ (if (pass) ",\"nulls\":\"pass\"" else "") ++
            (if (about.doc.len > 0) ",\"doc\":\"" ++ about.doc ++ "\"" else "") ++ "}";
    }
}

/// A scalar function: `fn (args...) T`, `?T`, `Error!T` or `Error!?T`.
pub fn scalar(comptime name: []const u8, comptime function: anytype, comptime about: About) type {
    return ofOneRow(name, "scalar", function, null, Plain(Result(function)), about);
}

/// A scalar function that is set up with the constants of the query: `start` is a function of these that gives `T` or `Error!T`, once,
/// before any row, and a `*const T` is the first parameter of the function. Texts in it must be copies.
pub fn scalarWith(comptime name: []const u8, comptime function: anytype, comptime start: anytype, comptime about: About) type {
    return ofOneRow(name, "scalar", function, start, Plain(Result(function)), about);
}

/// A table function: `fn (args...) []const T`, whose items are the rows that a row gives; also as optional and error. Rows of several
/// columns are structs. `Rows(T)` collects them.
pub fn table(comptime name: []const u8, comptime function: anytype, comptime about: About) type {
    return ofOneRow(name, "table", function, null, RowOf(function), about);
}

/// As `table`, set up as `scalarWith`.
pub fn tableWith(comptime name: []const u8, comptime function: anytype, comptime start: anytype, comptime about: About) type {
    return ofOneRow(name, "table", function, start, RowOf(function), about);
}

fn RowOf(comptime function: anytype) type {
    const T = Plain(Result(function));
    return if (@typeInfo(T) == .pointer) Plain(@typeInfo(T).pointer.child) else T.Element;
}

fn ofOneRow(
    comptime name: []const u8,
    comptime kind: []const u8,
    comptime function: anytype,
    comptime start: anytype,
    comptime returns: type,
    comptime about: About,
) type {
    const results = Results(Result(function));
    const is_set_up = @TypeOf(start) != @TypeOf(null);
    const first: usize = if (is_set_up) 1 else 0;
    return struct {
        pub const entry = manifestEntry(name, kind, function, first, returns, about);

        var made: if (is_set_up) Plain(Result(start)) else void = undefined;

        fn new(columns: [*]const Column) callconv(.c) i32 {
            begin();
            if (!is_set_up) return 0;
            const given = readConstants(start, columns, about) catch return 2;
            made = @as(Error!@TypeOf(made), @call(.auto, start, given)) catch {
                report(no_row);
                return 2;
            };
            return 0;
        }

        fn call(columns: [*]const Column, rows: u32, out: *Column) callconv(.c) i32 {
            results.start();
            var status: i32 = 0;
            for (0..rows) |i| {
                const row: u32 = @intCast(i);
                if (!row_of(columns, row, out)) status = 1;
            }
            results.finish(rows, out);
            return status;
        }
        fn row_of(columns: [*]const Column, row: u32, out: *Column) bool {
            var args: Args(function) = undefined;
            const there = readArgs(Args(function), first, columns, row, &args) catch |e| return results.write(@as(Error!Plain(Result(function)), e), out, row);
            if (is_set_up) args[0] = &made;
            if (there) return results.write(@call(.auto, function, args), out, row);
            results.skip(out, row);
            return true;
        }
        pub fn exportAll() void {
            @export(&call, .{ .name = name });
            if (about.constant.len > 0) @export(&new, .{ .name = name ++ "_new" });
        }
    };
}

/// The constants that `start` takes; an error, which is reported, where one is null.
fn readConstants(comptime start: anytype, columns: [*]const Column, comptime about: About) Error!Args(start) {
    var args: Args(start) = undefined;
    inline for (about.constant, 0..) |at, i| {
        if (columns[at].isNull(0)) {
            message = "a constant is null";
            report(no_row);
            return error.Failed;
        }
        args[i] = columns[at].read(@TypeOf(args[i]), 0);
    }
    return args;
}

/// The states of one function by slot, and the exports that all functions with state have. `start` is a function of the constants.
fn States(comptime State: type, comptime start: anytype, comptime about: About) type {
    return struct {
        var there: []?State = &.{};

        fn of(slot: u32) Error!*?State {
            if (slot >= there.len) {
                const larger = allocator.alloc(?State, 2 * slot + 64) catch return fail("no memory for state");
                @memcpy(larger[0..there.len], there);
                @memset(larger[there.len..], null);
                if (there.len > 0) allocator.free(there);
                there = larger;
            }
            return &there[slot];
        }
        /// The state of a slot, a fresh one where there is none.
        fn begun(slot: u32) *State {
            const place = of(slot) catch @trap();
            if (place.* == null) place.* = fresh(State);
            return &place.*.?;
        }
        fn clear(slot: *?State) void {
            if (slot.*) |*state| freeState(State, state);
            slot.* = null;
        }
        fn new(columns: [*]const Column) callconv(.c) i32 {
            begin();
            if (@TypeOf(start) == @TypeOf(null)) return 0;
            const args = readConstants(start, columns, about) catch return 2;
            @call(.auto, start, args) catch {
                report(no_row);
                return 2;
            };
            return 0;
        }
        fn save(slots: [*]const u32, count: u32, out: *Column) callconv(.c) i32 {
            begin();
            for (0..count) |i| {
                texts.offsets[i] = @intCast(texts.used);
                const place = of(slots[i]) catch return 2;
                if (place.*) |*state| saveState(State, state) catch return 2;
            }
            texts.finish(count, out);
            return 0;
        }
        fn load(slots: [*]const u32, count: u32, states: *const Column, version: u32) callconv(.c) i32 {
            _ = version;
            begin();
            for (0..count) |i| {
                const place = of(slots[i]) catch return 2;
                clear(place);
                var bytes = states.text(@intCast(i));
                if (bytes.len == 0) continue;
                place.* = fresh(State);
                loadState(State, &place.*.?, &bytes) catch {
                    report(no_row);
                    return 2;
                };
            }
            return 0;
        }
        fn drop(slots: [*]const u32, count: u32) callconv(.c) i32 {
            begin();
            for (0..count) |i| {
                if (slots[i] < there.len) clear(&there[slots[i]]);
            }
            return 0;
        }
        fn exportAll(comptime name: []const u8) void {
            @export(&new, .{ .name = name ++ "_new" });
            @export(&save, .{ .name = name ++ "_save" });
            @export(&load, .{ .name = name ++ "_load" });
            @export(&drop, .{ .name = name ++ "_drop" });
        }
    };
}

/// A stream function: `fn (state: *State, args...)`, results as of `scalar`. A fresh state is `State{}` (or null, 0 and false), and
/// is saved field by field. `start` is a function of the constants that fails to refuse them, or `null`.
pub fn stream(comptime name: []const u8, comptime function: anytype, comptime start: anytype, comptime about: About) type {
    const Tuple = Args(function);
    const states = States(@typeInfo(@FieldType(Tuple, "0")).pointer.child, start, about);
    const results = Results(Result(function));
    return struct {
        pub const entry = manifestEntry(name, "stream", function, 1, Result(function), about);

        fn one(slot: u32, tuple: *Tuple) Result(function) {
            tuple[0] = states.begun(slot);
            return @call(.auto, function, tuple.*);
        }
        fn row_of(slot: u32, columns: [*]const Column, row: u32, out: *Column) bool {
            var args: Tuple = undefined;
            const there = readArgs(Tuple, 1, columns, row, &args) catch |e| return results.write(@as(Error!Plain(Result(function)), e), out, row);
            if (there) return results.write(one(slot, &args), out, row);
            results.skip(out, row);
            return true;
        }
        fn push(slots: [*]const u32, columns: [*]const Column, rows: u32, out: *Column) callconv(.c) i32 {
            results.start();
            var status: i32 = 0;
            for (0..rows) |i| {
                const row: u32 = @intCast(i);
                if (!row_of(slots[i], columns, row, out)) status = 1;
            }
            results.finish(rows, out);
            return status;
        }
        pub fn exportAll() void {
            @export(&push, .{ .name = name ++ "_push" });
            states.exportAll(name);
        }
    };
}

/// An aggregate function: its state, a struct with the methods `update(self: *State, args...)`, `merge(self: *State, other: *const State)`,
/// `finish(self: *const State)` and, where rows can be taken back, `retract(self: *State, args...)`. They give nothing, or `Error!void`;
/// `finish` gives a result as `scalar` does. `start` and what becomes of states are those of `stream`.
pub fn aggregate(comptime name: []const u8, comptime State: type, comptime start: anytype, comptime about: About) type {
    const states = States(State, start, about);
    const results = Results(Result(State.finish));
    return struct {
        pub const entry = manifestEntry(name, "aggregate", State.update, 1, Result(State.finish), about);

        fn take(comptime method: anytype, slots: [*]const u32, columns: [*]const Column, rows: u32) i32 {
            begin();
            var status: i32 = 0;
            for (0..rows) |i| {
                const row: u32 = @intCast(i);
                var args: Args(method) = undefined;
                const there = readArgs(Args(method), 1, columns, row, &args) catch {
                    report(row);
                    status = 1;
                    continue;
                };
                if (!there) continue;
                args[0] = states.begun(slots[i]);
                if (!done(@call(.auto, method, args), row)) status = 1;
            }
            return status;
        }
        fn update(slots: [*]const u32, columns: [*]const Column, rows: u32) callconv(.c) i32 {
            return take(State.update, slots, columns, rows);
        }
        fn retract(slots: [*]const u32, columns: [*]const Column, rows: u32) callconv(.c) i32 {
            return take(State.retract, slots, columns, rows);
        }
        fn merge(into: [*]const u32, from: [*]const u32, count: u32) callconv(.c) i32 {
            begin();
            for (0..count) |i| {
                // The place of `into` first: making it may move the others.
                const place = states.of(into[i]) catch @trap();
                if (from[i] >= states.there.len or states.there[from[i]] == null) continue;
                if (place.* == null) place.* = fresh(State);
                if (!done(State.merge(&place.*.?, &states.there[from[i]].?), no_row)) return 2;
            }
            return 0;
        }
        fn finish(slots: [*]const u32, count: u32, out: *Column) callconv(.c) i32 {
            results.start();
            var status: i32 = 0;
            const none = fresh(State);
            for (0..count) |i| {
                const row: u32 = @intCast(i);
                const there = slots[i] < states.there.len and states.there[slots[i]] != null;
                const state = if (there) &states.there[slots[i]].? else &none;
                if (!results.write(State.finish(state), out, row)) status = 1;
            }
            results.finish(count, out);
            return status;
        }
        pub fn exportAll() void {
            @export(&update, .{ .name = name ++ "_update" });
            if (comptime @hasDecl(State, "retract")) @export(&retract, .{ .name = name ++ "_retract" });
            @export(&merge, .{ .name = name ++ "_merge" });
            @export(&finish, .{ .name = name ++ "_finish" });
            states.exportAll(name);
        }
    };
}

/// Whether a method of an aggregate function did its work; it is reported when not.
fn done(result: anytype, row: u32) bool {
    if (comptime @typeInfo(@TypeOf(result)) != .error_union) return true;
    result catch {
        report(row);
        return false;
    };
    return true;
}

// ---- states: field by field ----

fn fresh(comptime T: type) T {
    return switch (@typeInfo(T)) {
        .@"struct" => .{},
        .optional => null,
        .bool => false,
        else => 0,
    };
}

fn saveState(comptime T: type, value: *const T) Error!void {
    switch (@typeInfo(T)) {
        .bool => try texts.append(&.{@intFromBool(value.*)}),
        .int, .float => try texts.append(std.mem.asBytes(value)),
        .optional => |o| {
            try texts.append(&.{@intFromBool(value.* != null)});
            if (value.*) |*inner| try saveState(o.child, inner);
        },
        .@"struct" => if (@hasDecl(T, "Item")) {
            const len: u32 = @intCast(value.items.len);
            try texts.append(std.mem.asBytes(&len));
            for (value.items) |*item| try saveState(T.Item, item);
        } else inline for (@typeInfo(T).@"struct".field_names) |field| {
            try saveState(@FieldType(T, field), &@field(value, field));
        },
        else => @compileError("no state of " ++ @typeName(T)),
    }
}

fn taken(bytes: *[]const u8, len: usize) Error![]const u8 {
    if (bytes.len < len) return fail("the saved state is cut off");
    defer bytes.* = bytes.*[len..];
    return bytes.*[0..len];
}

fn loadState(comptime T: type, value: *T, bytes: *[]const u8) Error!void {
    switch (@typeInfo(T)) {
        .bool => value.* = (try taken(bytes, 1))[0] != 0,
        .int, .float => @memcpy(std.mem.asBytes(value), try taken(bytes, @sizeOf(T))),
        .optional => |o| if ((try taken(bytes, 1))[0] != 0) {
            value.* = @as(o.child, undefined);
            try loadState(o.child, &value.*.?, bytes);
        } else {
            value.* = null;
        },
        .@"struct" => if (@hasDecl(T, "Item")) {
            var len: u32 = 0;
            try loadState(u32, &len, bytes);
            if (len > bytes.len) return fail("the saved state is cut off");
            try value.resize(len);
            for (value.items) |*item| try loadState(T.Item, item, bytes);
        } else inline for (@typeInfo(T).@"struct".field_names) |field| {
            try loadState(@FieldType(T, field), &@field(value, field), bytes);
        },
        else => @compileError("no state of " ++ @typeName(T)),
    }
}

fn freeState(comptime T: type, value: *T) void {
    switch (@typeInfo(T)) {
        .@"struct" => if (@hasDecl(T, "Item")) value.free() else inline for (@typeInfo(T).@"struct".field_names) |field| {
            freeState(@FieldType(T, field), &@field(value, field));
        },
        .optional => |o| if (value.*) |*inner| freeState(o.child, inner),
        else => {},
    }
}

// ---- the plugin ----

fn abi() callconv(.c) i32 {
    return 1;
}
fn hostAlloc(bytes: u32, alignment: u32) callconv(.c) u32 {
    _ = alignment;
    const place = allocator.alignedAlloc(u8, .@"16", bytes) catch return 0;
    return @intCast(@intFromPtr(place.ptr));
}
fn hostFree(address: u32, bytes: u32, alignment: u32) callconv(.c) void {
    _ = alignment;
    const place: [*]align(16) u8 = @ptrFromInt(address);
    allocator.free(place[0..bytes]);
}
fn lastError() callconv(.c) u64 {
    return @as(u64, @intFromPtr(&reports)) << 32 | reported;
}

/// Exports the functions, once per plugin: `comptime { ww.plugin("1.0.0", .{ww.scalar(...), ww.table(...), ww.stream(...), ww.aggregate(...)}); }`.
pub fn plugin(comptime version: []const u8, comptime functions: anytype) void {
    comptime {
        @setEvalBranchQuota(100_000);
        var text: []const u8 = "{\"version\":\"" ++ version ++ "\",\"functions\":[";
        for (functions, 0..) |function, i| text = text ++ (if (i > 0) "," else "") ++ function.entry;
        text = text ++ "]}";
        const all = text;
        const Manifest = struct {
            fn manifest() callconv(.c) u64 {
                return @as(u64, @intFromPtr(all.ptr)) << 32 | all.len;
            }
        };
        @export(&abi, .{ .name = "ww_abi" });
        @export(&hostAlloc, .{ .name = "ww_alloc" });
        @export(&hostFree, .{ .name = "ww_free" });
        @export(&lastError, .{ .name = "ww_last_error" });
        @export(&Manifest.manifest, .{ .name = "ww_manifest" });
        for (functions) |function| function.exportAll();
    }
}
