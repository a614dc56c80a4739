package contract

import (
	"runtime/debug"
	"unsafe"
)

// The imports, as the component model's canonical ABI lowers them: a string is its address and length; what is more
// than one number is written to the address of the last argument.

//go:wasmimport mlflow-host:stack/graph@0.1.0 declare
func declare(kind, name, properties, options string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/graph@0.1.0 lookup
func lookup(kind, name, properties string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/graph@0.1.0 component
func component(kind, name string, hasParent, parent uint32, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/graph@0.1.0 attribute
func attribute(of uint32, path string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/graph@0.1.0 call
func call(name, operands string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/graph@0.1.0 output
func output(name, value string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/config@0.1.0 get
func get(key string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/config@0.1.0 secret
func secret(key string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/config@0.1.0 stack
func stack(result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/assets@0.1.0 directory
func directory(path, options string, result unsafe.Pointer)

//go:wasmimport mlflow-host:stack/log@0.1.0 write
func write(level uint32, message string)

// area takes a result: `result<string, problem>` is the largest, with 32 bytes.
type area [8]uint32

func (result *area) pointer() unsafe.Pointer { return unsafe.Pointer(result) }

// case_ is the number of the case of a result or an option. It is one byte; the three after it may hold anything.
func (result *area) case_(word int) uint32 { return result[word] & 0xff }

// text is the string whose address and length are at this word.
func (result *area) text(word int) string {
	return string(Received(result[word], result[word+1]))
}

func (result *area) problem() error {
	if result.case_(0) == 0 {
		return nil
	}
	refused := &Refused{Code: result.text(1), Message: result.text(3)}
	if result.case_(5) == 1 {
		refused.Path = result.text(6)
	}
	return refused
}

// received holds what the host has written for the call that is going on, by address.
var received = map[uint32][]byte{}

// early is what the WASI adapter asks for while Go's runtime is not there yet.
var early [1 << 17]byte

var (
	earlyUsed uint32
	started   bool
)

func init() {
	// A stack runs for a millisecond; and a collection reads the clock, which the component model forbids while the
	// host asks for memory.
	debug.SetGCPercent(-1)
	started = true
}

//go:wasmexport cabi_realloc
func reallocate(_, _, align, size uint32) uint32 {
	if !started {
		base := uint32(uintptr(unsafe.Pointer(&early)))
		address := (base + earlyUsed + align - 1) / align * align
		earlyUsed = address + size - base
		return address
	}
	if size == 0 {
		return align
	}
	// Eight bytes at a time, for their alignment.
	words := make([]uint64, (size+7)/8)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
	address := uint32(uintptr(unsafe.Pointer(&words[0])))
	received[address] = bytes
	return address
}

// answered runs a call and reads its result, after which what the host has written is let go.
func answered[T any](call func(unsafe.Pointer), read func(*area) T) T {
	result := new(area)
	call(result.pointer())
	answer := read(result)
	Release()
	return answer
}

// Received is what the host, or a component that the stack uses, has written to this address.
func Received(address, length uint32) []byte {
	if length == 0 {
		return nil
	}
	return received[address][:length]
}

// Release lets go what was received for a call that is over.
func Release() { clear(received) }

type outcome[T any] struct {
	value T
	err   error
}

func number(result *area) outcome[uint32] {
	if err := result.problem(); err != nil {
		return outcome[uint32]{err: err}
	}
	return outcome[uint32]{value: result[1]}
}

func token(result *area) outcome[string] {
	if err := result.problem(); err != nil {
		return outcome[string]{err: err}
	}
	return outcome[string]{value: result.text(1)}
}

func optional(result *area) *string {
	if result.case_(0) == 0 {
		return nil
	}
	found := result.text(1)
	return &found
}

// real is the host that runs the component.
type real struct{}

func (real) Declare(kind, name, properties, options string) (uint32, error) {
	got := answered(func(at unsafe.Pointer) { declare(kind, name, properties, options, at) }, number)
	return got.value, got.err
}

func (real) Lookup(kind, name, properties string) (uint32, error) {
	got := answered(func(at unsafe.Pointer) { lookup(kind, name, properties, at) }, number)
	return got.value, got.err
}

func (real) Component(kind, name string, parent *uint32) (uint32, error) {
	var has, node uint32
	if parent != nil {
		has, node = 1, *parent
	}
	got := answered(func(at unsafe.Pointer) { component(kind, name, has, node, at) }, number)
	return got.value, got.err
}

func (real) Attribute(of uint32, path string) (string, error) {
	got := answered(func(at unsafe.Pointer) { attribute(of, path, at) }, token)
	return got.value, got.err
}

func (real) Call(name, operands string) (string, error) {
	got := answered(func(at unsafe.Pointer) { call(name, operands, at) }, token)
	return got.value, got.err
}

func (real) Output(name, value string) error {
	return answered(func(at unsafe.Pointer) { output(name, value, at) }, (*area).problem)
}

func (real) Get(key string) (string, bool) {
	return found(answered(func(at unsafe.Pointer) { get(key, at) }, optional))
}

func (real) Secret(key string) (string, bool) {
	return found(answered(func(at unsafe.Pointer) { secret(key, at) }, optional))
}

func found(text *string) (string, bool) {
	if text == nil {
		return "", false
	}
	return *text, true
}

func (real) Stack() Info {
	return answered(stack, func(result *area) Info {
		return Info{Name: result.text(0), Project: result.text(2), Region: result.text(4)}
	})
}

func (real) Directory(path, options string) (string, error) {
	got := answered(func(at unsafe.Pointer) { directory(path, options, at) }, func(result *area) outcome[string] {
		if result.case_(0) == 0 {
			return outcome[string]{value: result.text(1)}
		}
		return outcome[string]{err: &Refused{Code: "asset", Message: result.text(1)}}
	})
	return got.value, got.err
}

func (real) Log(level Level, message string) { write(uint32(level), message) }

// result is what the export gives back: it outlives the call.
var (
	result  area
	message []byte
)

//go:wasmexport run
func run() unsafe.Pointer {
	result = area{}
	if err := Start(real{}, registered); err != nil {
		message = []byte(err.Error())
		result[0] = 1
		result[1] = uint32(uintptr(unsafe.Pointer(&message[0])))
		result[2] = uint32(len(message))
	}
	return result.pointer()
}
