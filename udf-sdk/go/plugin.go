package waterwheel

import (
	"errors"
	"unsafe"
)

// Manifest is what the plugin says of itself; set by what `generate` writes.
var Manifest string

//go:wasmexport ww_abi
func abi() int32 { return 1 }

//go:wasmexport ww_manifest
func manifest() int64 {
	at := uint32(uintptr(unsafe.Pointer(unsafe.StringData(Manifest))))
	return int64(at)<<32 | int64(len(Manifest))
}

// lent are the blocks that the host has, so that they are not collected.
var lent = map[uint32][]uint64{}

// Of words of 8 bytes, as many more as the alignment wants.
//
//go:wasmexport ww_alloc
func alloc(bytes, align uint32) uint32 {
	block := make([]uint64, (uint64(bytes)+uint64(align)+7)/8)
	start := (address(block) + align - 1) &^ (align - 1)
	lent[start] = block
	return start
}

//go:wasmexport ww_free
func free(start, bytes, align uint32) {
	delete(lent, start)
}

// report is what the host reads of a row that failed.
type report struct {
	row, at, bytes uint32
}

const noRow = ^uint32(0)

var (
	reports  []report
	messages []string
)

//go:wasmexport ww_last_error
func lastError() int64 {
	return int64(address(reports))<<32 | int64(len(reports))
}

// Begin forgets what the call before reported.
func Begin() {
	reports, messages = reports[:0], messages[:0]
}

// Fail reports row i as failed.
func Fail(i int, err error) {
	say(uint32(i), err.Error())
}

func say(row uint32, message string) {
	if len(message) > 1024 {
		message = message[:1024]
	}
	// Many rows often fail for one reason, and then share its words.
	if n := len(messages); n == 0 || messages[n-1] != message {
		messages = append(messages, message)
	}
	kept := messages[len(messages)-1]
	at := uint32(uintptr(unsafe.Pointer(unsafe.StringData(kept))))
	reports = append(reports, report{row, at, uint32(len(kept))})
}

// Done is the status of a call whose rows are done.
func Done() int32 {
	if len(reports) > 0 {
		return 1
	}
	return 0
}

// Refuse is the status of a call that failed as a whole.
func Refuse(err error) int32 {
	Begin()
	say(noRow, err.Error())
	return 2
}

// States are the states of a stream or aggregate function by slot; a fresh one is not there.
type States[S any] struct {
	start func(*S) error
	all   []*S
}

// Open begins with no states. A fresh one is made by start, which may refuse the constants of the query.
func (s *States[S]) Open(start func(*S) error) int32 {
	Begin()
	s.start, s.all = start, nil
	var probe S
	if err := start(&probe); err != nil {
		return Refuse(err)
	}
	return 0
}

// Of is the state of a slot, and whether it is a fresh one, which Keep is to be told of once a row went well.
func (s *States[S]) Of(slot uint32) *S {
	if int(slot) < len(s.all) && s.all[slot] != nil {
		return s.all[slot]
	}
	fresh := new(S)
	// It went well in Open, with the same constants.
	_ = s.start(fresh)
	return fresh
}

// Keep is called with what Of gave after a row that did not fail.
func (s *States[S]) Keep(slot uint32, state *S) {
	for int(slot) >= len(s.all) {
		s.all = append(s.all, make([]*S, int(slot)+1-len(s.all))...)
	}
	s.all[slot] = state
}

// Save gives the state of each slot.
func (s *States[S]) Save(slots, count, out uint32) int32 {
	Begin()
	saved := NewTexts(out)
	for _, slot := range Slots(slots, count) {
		if int(slot) < len(s.all) && s.all[slot] != nil {
			saved.data = encode(saved.data, s.all[slot])
		}
		saved.Append(nil)
	}
	saved.Finish()
	return 0
}

// Load replaces the states of slots.
func (s *States[S]) Load(slots, count, states uint32) int32 {
	return s.load(slots, count, states, func(state *S, saved []byte) error { return decode(saved, state) })
}

// LoadOlder takes back states of a version that upgrade makes states of this one of.
func (s *States[S]) LoadOlder(slots, count, states, version uint32, upgrade func(state *S, version uint32, saved Saved) error) int32 {
	return s.load(slots, count, states, func(state *S, saved []byte) error { return upgrade(state, version, Saved{saved}) })
}

// Saved is the state of a key in the format of an older version.
type Saved struct{ bytes []byte }

// Read reads it as what it was: a pointer to a struct with the fields of then.
func (s Saved) Read(old any) error { return decode(s.bytes, old) }

func (s *States[S]) load(slots, count, states uint32, read func(*S, []byte) error) int32 {
	Begin()
	saved := Arg(states, 0)
	for i, slot := range Slots(slots, count) {
		bytes := GetBytes(saved, i)
		if len(bytes) == 0 {
			s.Drop([]uint32{slot})
			continue
		}
		state := new(S)
		if err := read(state, bytes); err != nil {
			return Refuse(errors.New("the state of a key cannot be read: " + err.Error()))
		}
		s.Keep(slot, state)
	}
	return 0
}

// Drop forgets slots.
func (s *States[S]) Drop(slots []uint32) int32 {
	Begin()
	for _, slot := range slots {
		if int(slot) < len(s.all) {
			s.all[slot] = nil
		}
	}
	return 0
}

// Merge adds the states of slots to those of others.
func (s *States[S]) Merge(into, from, count uint32, merge func(into, from *S) error) int32 {
	Begin()
	others := Slots(from, count)
	for i, slot := range Slots(into, count) {
		if int(others[i]) >= len(s.all) || s.all[others[i]] == nil {
			continue
		}
		state := s.Of(slot)
		if err := merge(state, s.all[others[i]]); err != nil {
			return Refuse(err)
		}
		s.Keep(slot, state)
	}
	return 0
}
