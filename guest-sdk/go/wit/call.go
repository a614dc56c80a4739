package wit

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// The most core values that arguments and results may be; more go through memory.
const (
	maximumArguments = 16
	maximumResults   = 1
)

// memory is where a component and the stack see the same addresses.
type memory interface {
	// allocate gives room, filled with zeros, that stays where it is until the call is over.
	allocate(size, align uint32) (uint32, []byte)
	// received is what the other side has written to an address that it was given.
	received(address, length uint32) []byte
}

// call lowers the arguments, has the import called with the core values, and lifts its result.
func call[R any](memory memory, imported func([]uint64) uint64, arguments []any) R {
	var core []uint64
	fields := make([]reflect.StructField, len(arguments))
	for index, argument := range arguments {
		value := reflect.ValueOf(argument)
		fields[index] = reflect.StructField{Name: fmt.Sprintf("A%d", index), Type: value.Type()}
		core = append(core, flatten(memory, value)...)
	}
	if len(core) > maximumArguments {
		record := reflect.New(reflect.StructOf(fields)).Elem()
		for index, argument := range arguments {
			record.Field(index).Set(reflect.ValueOf(argument))
		}
		core = []uint64{stored(memory, record)}
	}

	var result R
	into := reflect.ValueOf(&result).Elem()
	is := layoutOf(into.Type())
	if is.flat <= maximumResults {
		number := imported(core)
		if is.flat == 1 {
			unflatten(number, into)
		}
		return result
	}
	address, room := memory.allocate(is.size, is.align)
	imported(append(core, uint64(address)))
	load(memory, room, into)
	return result
}

// stored puts a value into memory of its own, and gives the address.
func stored(memory memory, value reflect.Value) uint64 {
	is := layoutOf(value.Type())
	address, room := memory.allocate(is.size, is.align)
	store(memory, room, value)
	return uint64(address)
}

// flatten gives the core values of a value: a float by its bits, an integer without its sign's extension to 64 bits.
func flatten(memory memory, value reflect.Value) []uint64 {
	is := value.Type()
	switch is.Kind() {
	case reflect.String, reflect.Slice:
		address, length := elements(memory, value)
		return []uint64{uint64(address), uint64(length)}
	case reflect.Struct:
		if !is.Implements(variant) {
			var core []uint64
			for index := range value.NumField() {
				core = append(core, flatten(memory, value.Field(index))...)
			}
			return core
		}
		fallthrough
	case reflect.Pointer:
		number, payload := chosen(value)
		core := append([]uint64{uint64(number)}, flatten(memory, payload)...)
		return append(core, make([]uint64, layoutOf(is).flat-len(core))...)
	case reflect.Int8, reflect.Int16:
		return []uint64{uint64(uint32(value.Int()))}
	}
	return []uint64{bits(value)}
}

// unflatten is the way back for types of one core value.
func unflatten(number uint64, into reflect.Value) {
	is := into.Type()
	switch {
	case is.Kind() == reflect.Struct && is.Implements(variant):
		choose(into, int(number))
	case is.Kind() == reflect.Struct:
		for index := range is.NumField() {
			if layoutOf(is.Field(index).Type).flat == 1 {
				unflatten(number, into.Field(index))
			}
		}
	default:
		setBits(number, into)
	}
}

func store(memory memory, room []byte, value reflect.Value) {
	is := value.Type()
	switch is.Kind() {
	case reflect.String, reflect.Slice:
		address, length := elements(memory, value)
		put(room[:4], uint64(address))
		put(room[4:8], uint64(length))
	case reflect.Struct:
		if !is.Implements(variant) {
			for index, it := range offsets(is) {
				store(memory, room[it.offset:it.offset+it.layout.size], value.Field(index))
			}
			return
		}
		fallthrough
	case reflect.Pointer:
		number, payload := chosen(value)
		put(room[:numberSize(is)], uint64(number))
		store(memory, room[payloadOffset(is):], payload)
	default:
		put(room[:is.Size()], bits(value))
	}
}

func load(memory memory, room []byte, into reflect.Value) {
	is := into.Type()
	switch is.Kind() {
	case reflect.String:
		into.SetString(string(memory.received(uint32(get(room[:4])), uint32(get(room[4:8])))))
	case reflect.Slice:
		count := int(get(room[4:8]))
		size := int(layoutOf(is.Elem()).size)
		items := memory.received(uint32(get(room[:4])), uint32(count*size))
		into.Set(reflect.MakeSlice(is, count, count))
		for index := range count {
			load(memory, items[index*size:(index+1)*size], into.Index(index))
		}
	case reflect.Struct:
		if !is.Implements(variant) {
			for index, it := range offsets(is) {
				load(memory, room[it.offset:it.offset+it.layout.size], into.Field(index))
			}
			return
		}
		fallthrough
	case reflect.Pointer:
		payload := choose(into, int(get(room[:numberSize(is)])))
		load(memory, room[payloadOffset(is):], payload)
	default:
		setBits(get(room[:is.Size()]), into)
	}
}

// elements puts what a string or a list holds into memory; gives the address and the number of elements.
func elements(memory memory, value reflect.Value) (uint32, int) {
	if value.Kind() == reflect.String {
		address, room := memory.allocate(uint32(value.Len()), 1)
		copy(room, value.String())
		return address, value.Len()
	}
	is := layoutOf(value.Type().Elem())
	address, room := memory.allocate(is.size*uint32(value.Len()), is.align)
	for index := range value.Len() {
		store(memory, room[uint32(index)*is.size:][:is.size], value.Index(index))
	}
	return address, value.Len()
}

// bits is a number as it lies in memory.
func bits(value reflect.Value) uint64 {
	switch {
	case value.Kind() == reflect.Bool && value.Bool():
		return 1
	case value.Kind() == reflect.Bool:
		return 0
	case value.Kind() == reflect.Float32:
		return uint64(math.Float32bits(float32(value.Float())))
	case value.Kind() == reflect.Float64:
		return math.Float64bits(value.Float())
	case value.CanInt():
		return uint64(value.Int()) & (1<<(8*value.Type().Size()) - 1)
	}
	return value.Uint()
}

func setBits(number uint64, into reflect.Value) {
	switch {
	case into.Kind() == reflect.Bool:
		into.SetBool(number&0xff != 0)
	case into.Kind() == reflect.Float32:
		into.SetFloat(float64(math.Float32frombits(uint32(number))))
	case into.Kind() == reflect.Float64:
		into.SetFloat(math.Float64frombits(number))
	case into.CanInt():
		shift := 64 - 8*into.Type().Size()
		into.SetInt(int64(number<<shift) >> shift)
	default:
		into.SetUint(number)
	}
}

// put and get write and read an integer of as many bytes as there is room.
func put(room []byte, number uint64) {
	var all [8]byte
	binary.LittleEndian.PutUint64(all[:], number)
	copy(room, all[:])
}

func get(room []byte) uint64 {
	var all [8]byte
	copy(all[:], room)
	return binary.LittleEndian.Uint64(all[:])
}
