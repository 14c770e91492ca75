// The functions of the conformance vectors (../../conformance), in Go with the SDK.
package main

import (
	"errors"
	"math/bits"
	"slices"
	"strings"

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

//waterwheel:table
func conf_words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
}

// A word and where it begins; that of ? is unknown.
type place struct {
	word string
	at   *int32
}

//waterwheel:table
func conf_places(text string) (*[]place, error) {
	if text == "null" {
		return nil, nil
	}
	places := []place{}
	from := int32(0)
	for _, word := range strings.Split(text, " ") {
		at := from
		from += int32(len(word)) + 1
		if word == "" {
			continue
		}
		if word[0] == '!' {
			return nil, errors.New("no word")
		}
		found := place{word, &at}
		if word[0] == '?' {
			found.at = nil
		}
		places = append(places, found)
	}
	return &places, nil
}

//waterwheel:table
func conf_many(n *int32) ([]*int64, error) {
	if n == nil {
		return []*int64{nil}, nil
	}
	if *n < 0 {
		return nil, errors.New("n is negative")
	}
	var numbers []*int64
	for i := range int64(*n) {
		numbers = append(numbers, &i)
	}
	return numbers, nil
}

//waterwheel:table
func conf_bulk(mib int32) []string {
	var texts []string
	for range mib {
		texts = append(texts, strings.Repeat("x", 1<<20))
	}
	return texts
}

type everything struct {
	b      *bool
	i      *int32
	l      *int64
	d      *float64
	n      *waterwheel.Decimal `sql:"DECIMAL(20, 4)"`
	s      *string
	y      *[]byte
	t      *waterwheel.Time
	a      *waterwheel.Date
	ts     *waterwheel.Timestamp
	lists  *[]*[]*string
	counts *map[string]*int64
}

//waterwheel:scalar
func conf_echo(x everything) everything { return x }

type sum struct {
	name  string
	total int64
}

//waterwheel:scalar
func conf_sums(groups map[string]*[]int32) ([]sum, error) {
	var sums []sum
	for name, numbers := range groups {
		if numbers == nil {
			return nil, errors.New("a group is NULL")
		}
		each := sum{name: name}
		for _, number := range *numbers {
			each.total += int64(number)
		}
		sums = append(sums, each)
	}
	slices.SortFunc(sums, func(a, b sum) int { return strings.Compare(a.name, b.name) })
	return sums, nil
}

//waterwheel:scalar default:factor=10 default:plus=null
func conf_scaled(x, factor float64, plus *int64) float64 {
	if plus == nil {
		return x * factor
	}
	return x*factor + float64(*plus)
}

//waterwheel:scalar
func conf_joined(separator string, texts ...*string) string {
	var there []string
	for _, text := range texts {
		if text == nil {
			there = append(there, "?")
		} else {
			there = append(there, *text)
		}
	}
	return strings.Join(there, separator)
}

type since struct{ sum float64 }

func (s *since) Start(start float64) error {
	s.sum = start
	return nil
}

//waterwheel:stream constant=start default:start=100
func conf_since(state *since, x, start float64) float64 {
	state.sum += x
	return state.sum
}

//waterwheel:aggregate
type conf_most struct{ most *float64 }

func (m *conf_most) Update(xs ...*float64) {
	for _, x := range xs {
		if x != nil && (m.most == nil || *x > *m.most) {
			m.most = x
		}
	}
}

func (m *conf_most) Merge(other *conf_most) {
	m.Update(other.most)
}

func (m *conf_most) Finish() *float64 {
	return m.most
}

type size struct {
	size int64
}

func (s *size) Start(size int64) error {
	if size < 1 {
		return errors.New("size must be at least 1")
	}
	s.size = size
	return nil
}

//waterwheel:scalar constant=size
func conf_wrapped(made *size, x, size int64) int64 {
	return (x%made.size + made.size) % made.size
}

type upgraded struct{ sum, since float64 }

// Format 1 was that of conf_running.
func (u *upgraded) Upgrade(version uint32, saved waterwheel.Saved) error {
	var old running
	if err := saved.Read(&old); err != nil {
		return err
	}
	u.sum, u.since = old.sum, 1000
	return nil
}

//waterwheel:stream state_version=2 reads_state_versions=1
func conf_upgraded(state *upgraded, x float64) float64 {
	state.sum += x
	return state.sum + state.since
}

type lastTwo struct{ last *float64 }

//waterwheel:stream
func conf_last_two(state *lastTwo, x float64) ([]float64, error) {
	if x < 0 {
		return nil, errors.New("x is negative")
	}
	both := []float64{x}
	if state.last != nil {
		both = []float64{*state.last, x}
	}
	state.last = &x
	return both, nil
}

// The lowest and the highest number.
type pair struct{ low, high float64 }

//waterwheel:aggregate
type conf_extremes struct {
	there     bool
	low, high float64
}

func (e *conf_extremes) Update(x float64) {
	e.Merge(&conf_extremes{true, x, x})
}

func (e *conf_extremes) Merge(other *conf_extremes) {
	if !other.there {
		return
	}
	if !e.there {
		*e = *other
		return
	}
	e.low, e.high = min(e.low, other.low), max(e.high, other.high)
}

func (e *conf_extremes) Finish() (*pair, error) {
	if e.high > 1e300 {
		return nil, errors.New("the highest is too large")
	}
	if !e.there {
		return nil, nil
	}
	return &pair{e.low, e.high}, nil
}
