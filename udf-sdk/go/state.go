package waterwheel

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"sort"
	"strconv"
	"unsafe"
)

// How the state of a key becomes bytes: its fields in order, numbers little-endian, lengths before what has one. Equal
// states give equal bytes; maps go by the order of their keys' bytes.

var errShort = errors.New("it is too short")

func encode(to []byte, state any) []byte {
	// A first byte, so that a state without fields is not a fresh one.
	return write(append(to, 1), reflect.ValueOf(state).Elem())
}

func decode(bytes []byte, state any) error {
	rest, err := read(bytes[1:], reflect.ValueOf(state).Elem())
	if err == nil && len(rest) > 0 {
		err = errors.New(strconv.Itoa(len(rest)) + " bytes are left")
	}
	return err
}

// open makes fields that are not exported readable and writable.
func open(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

func write(to []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(to, 1)
		}
		return append(to, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.LittleEndian.AppendUint64(to, uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.LittleEndian.AppendUint64(to, v.Uint())
	case reflect.Float32, reflect.Float64:
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(v.Float()))
	case reflect.String:
		to = binary.LittleEndian.AppendUint32(to, uint32(v.Len()))
		return append(to, v.String()...)
	case reflect.Slice:
		to = binary.LittleEndian.AppendUint32(to, uint32(v.Len()))
		fallthrough
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			to = write(to, v.Index(i))
		}
		return to
	case reflect.Pointer:
		if v.IsNil() {
			return append(to, 0)
		}
		return write(append(to, 1), v.Elem())
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			to = write(to, open(v.Field(i)))
		}
		return to
	case reflect.Map:
		return writeMap(to, v)
	}
	panic("waterwheel: a state cannot hold a " + v.Type().String())
}

func writeMap(to []byte, v reflect.Value) []byte {
	entries := make([]string, 0, v.Len())
	for each := v.MapRange(); each.Next(); {
		entries = append(entries, string(write(write(nil, settable(each.Key())), settable(each.Value()))))
	}
	sort.Strings(entries)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(entries)))
	for _, entry := range entries {
		to = append(to, entry...)
	}
	return to
}

func settable(v reflect.Value) reflect.Value {
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	return copied
}

func number(from []byte, bytes int) (uint64, []byte, error) {
	if len(from) < bytes {
		return 0, nil, errShort
	}
	if bytes == 4 {
		return uint64(binary.LittleEndian.Uint32(from)), from[4:], nil
	}
	if bytes == 1 {
		return uint64(from[0]), from[1:], nil
	}
	return binary.LittleEndian.Uint64(from), from[8:], nil
}

// length is a count that the bytes that are left can hold: each element has at least one.
func length(from []byte) (int, []byte, error) {
	count, from, err := number(from, 4)
	if err == nil && count > uint64(len(from)) {
		err = errShort
	}
	return int(count), from, err
}

func read(from []byte, v reflect.Value) (rest []byte, err error) {
	var bits uint64
	var count int
	switch v.Kind() {
	case reflect.Bool:
		bits, from, err = number(from, 1)
		v.SetBool(bits != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		bits, from, err = number(from, 8)
		v.SetInt(int64(bits))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		bits, from, err = number(from, 8)
		v.SetUint(bits)
	case reflect.Float32, reflect.Float64:
		bits, from, err = number(from, 8)
		v.SetFloat(math.Float64frombits(bits))
	case reflect.String:
		if count, from, err = length(from); err == nil {
			v.SetString(string(from[:count]))
			from = from[count:]
		}
	case reflect.Slice:
		if count, from, err = length(from); err == nil && count > 0 {
			v.Set(reflect.MakeSlice(v.Type(), count, count))
		}
		fallthrough
	case reflect.Array:
		for i := 0; i < v.Len() && err == nil; i++ {
			from, err = read(from, v.Index(i))
		}
	case reflect.Pointer:
		if bits, from, err = number(from, 1); err == nil && bits != 0 {
			v.Set(reflect.New(v.Type().Elem()))
			from, err = read(from, v.Elem())
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && err == nil; i++ {
			from, err = read(from, open(v.Field(i)))
		}
	case reflect.Map:
		from, err = readMap(from, v)
	default:
		err = errors.New("a state cannot hold a " + v.Type().String())
	}
	return from, err
}

func readMap(from []byte, v reflect.Value) ([]byte, error) {
	count, from, err := length(from)
	if err != nil {
		return nil, err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i < count && err == nil; i++ {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if from, err = read(from, key); err == nil {
			from, err = read(from, value)
			v.SetMapIndex(key, value)
		}
	}
	return from, err
}
