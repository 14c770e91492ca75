// A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it.
package main

import (
	"bytes"

	"waterwheel"
)

// the time of now; negative where the host draws equal bytes twice
//
//waterwheel:scalar volatility=volatile
func clock_and_dice() int64 {
	var drawn [2][16]byte
	for i := range drawn {
		waterwheel.Random(drawn[i][:])
	}
	waterwheel.Log(waterwheel.LogDebug, "the dice are drawn")
	now := waterwheel.NowMs()
	if bytes.Equal(drawn[0][:], drawn[1][:]) {
		return -now
	}
	return now
}

// an asset as text
//
//waterwheel:scalar
func asset(name string) (string, error) {
	return waterwheel.AssetText(name)
}
