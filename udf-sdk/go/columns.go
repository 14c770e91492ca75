// Package waterwheel is the SDK for functions in Go. README.md beside this file is the way in.
//
// Authors write plain functions; what `generate` writes for them calls what is here: columns as udf-sdk/ABI.md section 3
// lays them out, read where the host put them and written where it finds them.
package waterwheel

import "unsafe"

// Decimal is an unscaled DECIMAL of 128 bits: 1.50 with scale 2 is 150.
type Decimal struct {
	Low  uint64
	High int64
}

// Date is a number of days since 1970-01-01.
type Date int32

// Time is a number of milliseconds of the day, 0 to 86399999.
type Time int32

// Timestamp is a number of milliseconds since 1970-01-01T00:00 UTC.
type Timestamp int64

// fixed are the types whose values are in memory as they are in a column.
type fixed interface {
	~int32 | ~int64 | float64 | Decimal
}

// Column is a column in memory, 32 bytes.
type Column struct {
	rows, flags, nulls, validity, values, bytes, offsets, children uint32
}

func at[T any](address uint32, count int) []T {
	if count == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(uintptr(address))), count)
}

func address[T any](slice []T) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(slice))))
}

// Arg is argument i of a call.
func Arg(args uint32, i int) *Column {
	return (*Column)(unsafe.Pointer(uintptr(args) + uintptr(i)*unsafe.Sizeof(Column{})))
}

// Slots are the slots of a call.
func Slots(slots, count uint32) []uint32 {
	return at[uint32](slots, int(count))
}

func bit(bits []byte, i int) bool {
	return bits[i>>3]>>(i&7)&1 == 1
}

// IsNull says whether row i is null.
func (c *Column) IsNull(i int) bool {
	return c.validity != 0 && !bit(at[byte](c.validity, (int(c.rows)+7)/8), i)
}

// IsConstant says whether the argument is a constant of the query, in the start of a stream function.
func (c *Column) IsConstant() bool {
	return c.flags&1 == 1
}

// Get is row i of a column of fixed width.
func Get[T fixed](c *Column, i int) T {
	return at[T](c.values, int(c.rows))[i]
}

// GetBool is row i of a BOOLEAN column.
func GetBool(c *Column, i int) bool {
	return bit(at[byte](c.values, int(c.bytes)), i)
}

// GetBytes is row i of a BYTES column, where it lies: it lasts as long as the call.
func GetBytes(c *Column, i int) []byte {
	offsets := at[int32](c.offsets, int(c.rows)+1)
	return at[byte](c.values, int(c.bytes))[offsets[i]:offsets[i+1]:offsets[i+1]]
}

// GetString is row i of a STRING column.
func GetString(c *Column, i int) string {
	return string(GetBytes(c, i))
}

// GetArray is row i of an ARRAY column; get gives an element, of which a null one is the zero of its type.
func GetArray[T any](c *Column, i int, get func(*Column, int) T) []T {
	offsets := at[int32](c.offsets, int(c.rows)+1)
	inner := Arg(c.children, 0)
	elements := make([]T, 0, offsets[i+1]-offsets[i])
	for j := int(offsets[i]); j < int(offsets[i+1]); j++ {
		var element T
		if !inner.IsNull(j) {
			element = get(inner, j)
		}
		elements = append(elements, element)
	}
	return elements
}

// Optional is row i, nil where it is null.
func Optional[T any](c *Column, i int, get func(*Column, int) T) *T {
	if c.IsNull(i) {
		return nil
	}
	value := get(c, i)
	return &value
}

// Result is the column that a call gives. The host lends its validity, and the values where they are of fixed width.
type Result struct {
	column *Column
}

// NewResult is the result at an address.
func NewResult(out uint32) Result {
	return Result{(*Column)(unsafe.Pointer(uintptr(out)))}
}

// Null makes row i null.
func (r Result) Null(i int) {
	at[byte](r.column.validity, (int(r.column.rows)+7)/8)[i>>3] &^= 1 << (i & 7)
}

// Set sets row i of a column of fixed width.
func Set[T fixed](r Result, i int, value T) {
	at[T](r.column.values, int(r.column.rows))[i] = value
}

// SetBool sets row i of a BOOLEAN column, whose bits are all clear before.
func SetBool(r Result, i int, value bool) {
	if value {
		at[byte](r.column.values, int(r.column.bytes))[i>>3] |= 1 << (i & 7)
	}
}

// Texts are the rows of a STRING or BYTES column, one after the other.
type Texts struct {
	Result
	offsets []int32
	data    []byte
}

// texts are kept until the next call, as the host reads them after this one.
var texts Texts

// NewTexts is a result of STRING or BYTES.
func NewTexts(out uint32) *Texts {
	texts = Texts{NewResult(out), append(texts.offsets[:0], 0), texts.data[:0]}
	return &texts
}

// Append gives the next row.
func (t *Texts) Append(text []byte) {
	t.data = append(t.data, text...)
	t.offsets = append(t.offsets, int32(len(t.data)))
}

// AppendNull gives the next row, a null one.
func (t *Texts) AppendNull() {
	t.Null(len(t.offsets) - 1)
	t.Append(nil)
}

// Finish tells the host where the rows are.
func (t *Texts) Finish() {
	t.column.offsets = address(t.offsets)
	t.column.values = address(t.data)
	t.column.bytes = uint32(len(t.data))
}
