package wit

import (
	"math"
	"unsafe"

	"mlflow-host/stack/internal/contract"
)

// linear is the memory of the stack. What is allocated is kept in it, for a call sees only addresses.
type linear struct{ kept [][]uint64 }

func (it *linear) allocate(size, align uint32) (uint32, []byte) {
	if size == 0 {
		return align, nil
	}
	// Eight bytes at a time, for their alignment.
	words := make([]uint64, (size+7)/8)
	it.kept = append(it.kept, words)
	start := unsafe.Pointer(&words[0])
	return uint32(uintptr(start)), unsafe.Slice((*byte)(start), size)
}

func (it *linear) received(address, length uint32) []byte { return contract.Received(address, length) }

// Call calls a function of a component: it is given the core values of the arguments and the address for its result,
// as far as its signature has these, and gives back the result's only core value, if it is one.
func Call[R any](imported func([]uint64) uint64, arguments ...any) R {
	defer contract.Release()
	return call[R](&linear{}, imported, arguments)
}

// Float32 is a core value that is a float.
func Float32(core uint64) float32 { return math.Float32frombits(uint32(core)) }

// Float64 is a core value that is a float.
func Float64(core uint64) float64 { return math.Float64frombits(core) }

// FromFloat32 is the core value of a float.
func FromFloat32(value float32) uint64 { return uint64(math.Float32bits(value)) }

// FromFloat64 is the core value of a float.
func FromFloat64(value float64) uint64 { return math.Float64bits(value) }
