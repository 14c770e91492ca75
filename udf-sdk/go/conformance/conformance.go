// The functions of the conformance vectors (../../conformance), in Go with the SDK.
package main

import (
	"errors"
	"math/bits"

	"waterwheel"
)

//waterwheel:scalar
func conf_not(x bool) bool { return !x }

//waterwheel:scalar
func conf_add(a, b int32) (int32, error) {
	sum := int64(a) + int64(b)
	if sum != int64(int32(sum)) {
		return 0, errors.New("overflow")
	}
	return int32(sum), nil
}

//waterwheel:scalar
func conf_negate(x int64) int64 { return -x }

//waterwheel:scalar
func conf_half(x float64) float64 { return x / 2 }

//waterwheel:scalar x=DECIMAL(20,4) returns=DECIMAL(20,4)
func conf_twice(x waterwheel.Decimal) waterwheel.Decimal {
	low, carry := bits.Add64(x.Low, x.Low, 0)
	return waterwheel.Decimal{Low: low, High: x.High + x.High + int64(carry)}
}

//waterwheel:scalar
func conf_next_day(day waterwheel.Date) waterwheel.Date { return day + 1 }

//waterwheel:scalar
func conf_later(at waterwheel.Time, seconds int32) waterwheel.Time {
	const day = 86_400_000
	later := (int64(at) + 1000*int64(seconds)) % day
	if later < 0 {
		later += day
	}
	return waterwheel.Time(later)
}

//waterwheel:scalar
func conf_hour(at waterwheel.Timestamp) waterwheel.Timestamp {
	past := at % 3_600_000
	if past < 0 {
		past += 3_600_000
	}
	return at - past
}

//waterwheel:scalar
func conf_upper(text string) string {
	upper := []byte(text)
	for i, c := range upper {
		if c >= 'a' && c <= 'z' {
			upper[i] = c - 32
		}
	}
	return string(upper)
}

//waterwheel:scalar
func conf_reverse(bytes []byte) []byte {
	reversed := make([]byte, len(bytes))
	for i, b := range bytes {
		reversed[len(bytes)-1-i] = b
	}
	return reversed
}

//waterwheel:scalar
func conf_sum(numbers []float64) float64 {
	sum := 0.0
	for _, number := range numbers {
		sum += number
	}
	return sum
}

//waterwheel:scalar
func conf_or_zero(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

//waterwheel:scalar
func conf_positive(x float64) *float64 {
	if x > 0 {
		return &x
	}
	return nil
}

//waterwheel:scalar
func conf_reciprocal(x float64) (float64, error) {
	if x == 0 {
		return 0, errors.New("x is 0")
	}
	return 1 / x, nil
}

//waterwheel:scalar
func conf_spin(on int32) int32 {
	for on != 0 {
	}
	return 0
}

//waterwheel:scalar
func conf_trap(on int32) int32 {
	if on != 0 {
		panic("as asked")
	}
	return 0
}

var hoard [][]byte

//waterwheel:scalar
func conf_hoard(mib int32) int32 {
	for i := int32(0); i < mib; i++ {
		block := make([]byte, 1<<20)
		block[0] = 1
		hoard = append(hoard, block)
	}
	return mib
}

type running struct{ sum float64 }

//waterwheel:stream
func conf_running(state *running, x float64) (float64, error) {
	if x < 0 {
		return 0, errors.New("x is negative")
	}
	state.sum += x
	return state.sum, nil
}

type previous struct{ text *string }

//waterwheel:stream
func conf_previous(state *previous, text string) *string {
	before := state.text
	state.text = &text
	return before
}

type nth struct{ seen int32 }

func (*nth) Start(n int32) error {
	if n < 1 {
		return errors.New("n must be at least 1")
	}
	return nil
}

//waterwheel:stream constant=n
func conf_nth(state *nth, x float64, n int32) *float64 {
	state.seen++
	if state.seen < n {
		return nil
	}
	state.seen = 0
	return &x
}

//waterwheel:aggregate
type conf_total struct {
	sum  float64
	rows int64
}

func (t *conf_total) Update(x float64) error {
	if x < 0 {
		return errors.New("x is negative")
	}
	t.sum += x
	t.rows++
	return nil
}

func (t *conf_total) Retract(x float64) {
	t.sum -= x
	t.rows--
}

func (t *conf_total) Merge(other *conf_total) {
	t.sum += other.sum
	t.rows += other.rows
}

func (t *conf_total) Finish() (*float64, error) {
	if t.sum > 1e300 {
		return nil, errors.New("the total is too large")
	}
	if t.rows == 0 {
		return nil, nil
	}
	return &t.sum, nil
}

//waterwheel:aggregate
type conf_longest struct{ text *string }

func (l *conf_longest) Update(text string) {
	if l.text == nil || len(text) > len(*l.text) {
		l.text = &text
	}
}

func (l *conf_longest) Merge(other *conf_longest) {
	if other.text != nil {
		l.Update(*other.text)
	}
}

func (l *conf_longest) Finish() *string {
	return l.text
}

//waterwheel:aggregate constant=least
type conf_reached struct{ rows int64 }

func (*conf_reached) Start(least float64) error {
	if least < 0 {
		return errors.New("least must be at least 0")
	}
	return nil
}

func (r *conf_reached) Update(x, least float64) {
	if x >= least {
		r.rows++
	}
}

func (r *conf_reached) Retract(x, least float64) {
	if x >= least {
		r.rows--
	}
}

func (r *conf_reached) Merge(other *conf_reached) {
	r.rows += other.rows
}

func (r *conf_reached) Finish() int64 {
	return r.rows
}
