//go:build !wasm

package waterwheel

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"
)

func assetBytes(string) int64 { return -1 }

func assetRead(string, int64, []byte) int32 { return -1 }

func nowMs() int64 { return time.Now().UnixMilli() }

// It never gives an error.
func random(bytes []byte) { _, _ = rand.Read(bytes) }

func log(level Level, text string) {
	names := [...]string{"ERROR", "WARN", "INFO", "DEBUG"}
	fmt.Fprintln(os.Stderr, names[min(level, LogDebug)], text)
}
