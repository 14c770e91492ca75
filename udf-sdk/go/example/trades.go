// Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one.
package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

type previous struct {
	price *float64
}

// the price less the price before; NULL in a key's first row
//
//waterwheel:stream
func diff(state *previous, price float64) *float64 {
	before := state.price
	state.price = &price
	if before == nil {
		return nil
	}
	change := price - *before
	return &change
}

type last struct {
	prices []float64
}

func (*last) Start(rows int32) error {
	if rows < 1 || rows > 10_000 {
		return errors.New("rows must be 1 to 10000")
	}
	return nil
}

// the mean of a key's last prices
//
//waterwheel:stream constant=rows
func moving_avg(state *last, price float64, rows int32) float64 {
	state.prices = append(state.prices, price)
	if len(state.prices) > int(rows) {
		state.prices = append(state.prices[:0], state.prices[1:]...)
	}
	sum := 0.0
	for _, each := range state.prices {
		sum += each
	}
	return sum / float64(len(state.prices))
}

type traded struct {
	money, volume float64
}

// the mean price of a key so far, weighted by volume
//
//waterwheel:stream
func running_vwap(state *traded, price float64, volume int64) (float64, error) {
	if volume <= 0 {
		// Before the state is changed: a row that fails leaves it as it was.
		return 0, errors.New("volume must be more than 0")
	}
	state.money += price * float64(volume)
	state.volume += float64(volume)
	return state.money / state.volume, nil
}

// the mean price of a group, weighted by volume
//
//waterwheel:aggregate
type vwap struct {
	money, volume float64
}

func (v *vwap) Update(price float64, volume int64) error {
	if volume <= 0 {
		return errors.New("volume must be more than 0")
	}
	v.money += price * float64(volume)
	v.volume += float64(volume)
	return nil
}

func (v *vwap) Retract(price float64, volume int64) {
	v.money -= price * float64(volume)
	v.volume -= float64(volume)
}

func (v *vwap) Merge(other *vwap) {
	v.money += other.money
	v.volume += other.volume
}

func (v *vwap) Finish() *float64 {
	if v.volume <= 0 {
		return nil
	}
	price := v.money / v.volume
	return &price
}

// how unusual a trade is, 0 to 1
//
//waterwheel:scalar
func risk_score(price, average float64, volume int64) (float64, error) {
	if !(average > 0) {
		return 0, errors.New("average must be more than 0")
	}
	strain := math.Abs(price/average-1) * (1 + float64(volume)/10_000)
	return strain / (strain + 0.05), nil
}

// fill is a part of an order that was carried out.
type fill struct {
	price  float64
	volume int64
}

// the fills of an order, written as `price x volume; price x volume; ...`
//
//waterwheel:table
func fills(report string) ([]fill, error) {
	var all []fill
	for _, text := range strings.Split(report, ";") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		price, volume, _ := strings.Cut(text, "x")
		p, err := strconv.ParseFloat(strings.TrimSpace(price), 64)
		v, err2 := strconv.ParseInt(strings.TrimSpace(volume), 10, 64)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("`%s` is no price x volume", text)
		}
		all = append(all, fill{p, v})
	}
	return all, nil
}
