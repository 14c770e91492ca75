package waterwheel

import (
	"errors"
	"unicode/utf8"
)

// What the plugin's sidecar gives it: assets, and where it grants them the clock, random bytes and lines in the log (section 12 of
// ABI.md). A plugin imports only what it calls, and is not loaded where the grant for that is missing. In tests on your own machine
// there are no assets, and the rest is the machine's.

// Level says how much a line of the log matters.
type Level uint32

const (
	LogError Level = iota
	LogWarn
	LogInfo
	LogDebug
)

// Asset is the content of the asset of this name, and whether there is one.
func Asset(name string) ([]byte, bool) {
	bytes := assetBytes(name)
	if bytes < 0 {
		return nil, false
	}
	content := make([]byte, bytes)
	for read := 0; read < len(content); {
		more := assetRead(name, int64(read), content[read:])
		if more <= 0 {
			return nil, false
		}
		read += int(more)
	}
	return content, true
}

// AssetText is the asset of this name as text.
func AssetText(name string) (string, error) {
	content, ok := Asset(name)
	if !ok {
		return "", errors.New("the sidecar has no asset '" + name + "'")
	}
	if !utf8.Valid(content) {
		return "", errors.New("the asset '" + name + "' is not UTF-8")
	}
	return string(content), nil
}

// NowMs is the time in milliseconds since 1970-01-01T00:00 UTC. Needs the grant `clock`.
func NowMs() int64 { return nowMs() }

// Random fills the bytes, at most 1 MiB, with random ones. Needs the grant `random`.
func Random(bytes []byte) { random(bytes) }

// Log writes a line to the log for each line of the text. Needs the grant `log`.
func Log(level Level, text string) { log(level, text) }
