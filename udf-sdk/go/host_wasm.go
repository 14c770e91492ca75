package waterwheel

import "unsafe"

//go:wasmimport ww asset_bytes
func hostAssetBytes(name unsafe.Pointer, nameBytes uint32) int64

//go:wasmimport ww asset_read
func hostAssetRead(name unsafe.Pointer, nameBytes uint32, from int64, at unsafe.Pointer, count uint32) int32

//go:wasmimport ww now_ms
func hostNowMs() int64

//go:wasmimport ww random
func hostRandom(at unsafe.Pointer, bytes uint32)

//go:wasmimport ww log
func hostLog(level uint32, at unsafe.Pointer, bytes uint32)

func assetBytes(name string) int64 {
	return hostAssetBytes(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)))
}

func assetRead(name string, from int64, into []byte) int32 {
	return hostAssetRead(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), from, unsafe.Pointer(unsafe.SliceData(into)), uint32(len(into)))
}

func nowMs() int64 { return hostNowMs() }

func random(bytes []byte) {
	hostRandom(unsafe.Pointer(unsafe.SliceData(bytes)), uint32(len(bytes)))
}

func log(level Level, text string) {
	hostLog(uint32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}
