package waterwheel

import (
	"math"
	"slices"
)

// What is inside of ARRAY, MAP and STRUCT: readers, which `generate` puts together, and columns in the making.

// Field is field i of a STRUCT column.
func Field(c *Column, i int) *Column {
	return Arg(c.children, i)
}

// FieldOf is a field in row i, the zero of its type where it is null.
func FieldOf[T any](c *Column, field, i int, get func(*Column, int) T) T {
	inner := Field(c, field)
	if inner.IsNull(i) {
		var zero T
		return zero
	}
	return get(inner, i)
}

// ArrayOf reads ARRAY columns.
func ArrayOf[T any](get func(*Column, int) T) func(*Column, int) []T {
	return func(c *Column, i int) []T { return GetArray(c, i, get) }
}

// OptionalOf reads columns whose nulls are nil.
func OptionalOf[T any](get func(*Column, int) T) func(*Column, int) *T {
	return func(c *Column, i int) *T { return Optional(c, i, get) }
}

// MapOf reads MAP columns; a value that is null is the zero of its type.
func MapOf[K comparable, V any](key func(*Column, int) K, value func(*Column, int) V) func(*Column, int) map[K]V {
	return func(c *Column, i int) map[K]V {
		offsets := at[int32](c.offsets, int(c.rows)+1)
		entries := make(map[K]V, offsets[i+1]-offsets[i])
		for j := int(offsets[i]); j < int(offsets[i+1]); j++ {
			entries[key(Field(c, 0), j)] = FieldOf(c, 1, j, value)
		}
		return entries
	}
}

// Builder is a column in the making. Only one of numbers and texts is in use.
type Builder struct {
	kind     byte
	rows     int
	validity []byte
	bits     []byte
	narrow   []int32
	wide     []int64
	text     []byte
	offsets  []int32
	inner    []*Builder
	columns  []Column
}

// newBuilder reads a type: b, i, l, d, n, s are BOOLEAN, 32 bits, 64 bits, DOUBLE, DECIMAL, texts; [x] ARRAY, {kv} MAP, (xyz) STRUCT.
func newBuilder(kind string) (*Builder, string) {
	b := &Builder{kind: kind[0], offsets: []int32{0}}
	kind = kind[1:]
	if b.kind != '[' && b.kind != '{' && b.kind != '(' {
		return b, kind
	}
	for kind[0] != ']' && kind[0] != '}' && kind[0] != ')' {
		var inner *Builder
		inner, kind = newBuilder(kind)
		b.inner = append(b.inner, inner)
	}
	b.columns = make([]Column, len(b.inner))
	return b, kind[1:]
}

func appendBit(bits []byte, row int, value bool) []byte {
	if row&7 == 0 {
		bits = append(bits, 0)
	}
	if value {
		bits[row>>3] |= 1 << (row & 7)
	}
	return bits
}

func (b *Builder) count(isThere bool) {
	b.validity = appendBit(b.validity, b.rows, isThere)
	b.rows++
	switch b.kind {
	case 's':
		b.offsets = append(b.offsets, int32(len(b.text)))
	case '[', '{':
		b.offsets = append(b.offsets, int32(b.inner[0].rows))
	}
}

// AddNull adds a null.
func (b *Builder) AddNull() {
	switch b.kind {
	case 'b':
		b.bits = appendBit(b.bits, b.rows, false)
	case 'i':
		b.narrow = append(b.narrow, 0)
	case 'l', 'd':
		b.wide = append(b.wide, 0)
	case 'n':
		b.wide = append(b.wide, 0, 0)
	case '(':
		for _, field := range b.inner {
			field.AddNull()
		}
	}
	b.count(false)
}

// AddBool adds a BOOLEAN.
func AddBool(b *Builder, value bool) {
	b.bits = appendBit(b.bits, b.rows, value)
	b.count(true)
}

// Add32 adds an INTEGER, DATE or TIME.
func Add32[T ~int32](b *Builder, value T) {
	b.narrow = append(b.narrow, int32(value))
	b.count(true)
}

// Add64 adds a BIGINT or TIMESTAMP.
func Add64[T ~int64](b *Builder, value T) {
	b.wide = append(b.wide, int64(value))
	b.count(true)
}

// AddDouble adds a DOUBLE.
func AddDouble(b *Builder, value float64) {
	Add64(b, int64(math.Float64bits(value)))
}

// AddDecimal adds a DECIMAL.
func AddDecimal(b *Builder, value Decimal) {
	b.wide = append(b.wide, int64(value.Low), value.High)
	b.count(true)
}

// AddText adds a STRING or BYTES.
func AddText[T ~string | ~[]byte](b *Builder, value T) {
	b.text = append(b.text, value...)
	b.count(true)
}

// AddOptional adds what a pointer points to, or a null.
func AddOptional[T any](add func(*Builder, T)) func(*Builder, *T) {
	return func(b *Builder, value *T) {
		if value == nil {
			b.AddNull()
		} else {
			add(b, *value)
		}
	}
}

// AddArray adds an ARRAY.
func AddArray[T any](add func(*Builder, T)) func(*Builder, []T) {
	return func(b *Builder, elements []T) {
		for _, element := range elements {
			add(b.inner[0], element)
		}
		b.count(true)
	}
}

// AddMap adds a MAP, its keys in order, so that equal maps are equal columns.
func AddMap[K interface{ ~int32 | ~int64 | ~string }, V any](key func(*Builder, K), value func(*Builder, V)) func(*Builder, map[K]V) {
	return func(b *Builder, entries map[K]V) {
		keys := make([]K, 0, len(entries))
		for each := range entries {
			keys = append(keys, each)
		}
		slices.Sort(keys)
		for _, each := range keys {
			key(b.inner[0], each)
			value(b.inner[1], entries[each])
		}
		b.count(true)
	}
}

// AddField adds a field of the STRUCT that EndStruct ends.
func AddField[T any](b *Builder, field int, value T, add func(*Builder, T)) {
	add(b.inner[field], value)
}

// EndStruct adds a STRUCT, whose fields were added before.
func EndStruct(b *Builder) {
	b.count(true)
}

// column is what the host reads.
func (b *Builder) column() Column {
	c := Column{rows: uint32(b.rows), validity: address(b.validity), children: address(b.columns)}
	switch b.kind {
	case 'b':
		c.values, c.bytes = address(b.bits), uint32(len(b.bits))
	case 'i':
		c.values, c.bytes = address(b.narrow), uint32(4*len(b.narrow))
	case 'l', 'd', 'n':
		c.values, c.bytes = address(b.wide), uint32(8*len(b.wide))
	case 's':
		c.values, c.bytes, c.offsets = address(b.text), uint32(len(b.text)), address(b.offsets)
	case '[', '{':
		c.offsets = address(b.offsets)
	}
	for i, inner := range b.inner {
		b.columns[i] = inner.column()
	}
	return c
}

// Nested are the rows of an ARRAY, MAP or STRUCT column.
type Nested struct {
	Result
	*Builder
}

// nested is kept until the next call, as the host reads it after this one.
var nested Nested

// NewNested is a result of a type that newBuilder reads.
func NewNested(out uint32, kind string) *Nested {
	nested.Result = NewResult(out)
	nested.Builder, _ = newBuilder(kind)
	return &nested
}

// AppendNull gives the next row, a null one.
func (n *Nested) AppendNull() {
	n.Null(n.rows)
	n.AddNull()
}

// Finish tells the host where the rows are.
func (n *Nested) Finish() {
	made := n.Builder.column()
	to := n.Result.column
	to.values, to.bytes, to.offsets, to.children = made.values, made.bytes, made.offsets, made.children
}
