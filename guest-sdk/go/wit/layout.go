package wit

import (
	"fmt"
	"reflect"
)

var variant = reflect.TypeFor[Variant]()

// layout is the size and alignment of a type in memory, in bytes, and the number of core values that it is without.
type layout struct {
	size, align uint32
	flat        int
}

func aligned(at, align uint32) uint32 { return (at + align - 1) / align * align }

func layoutOf(is reflect.Type) layout {
	switch is.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Uint32,
		reflect.Float32, reflect.Int64, reflect.Uint64, reflect.Float64:
		size := uint32(is.Size())
		return layout{size, size, 1}
	case reflect.String, reflect.Slice:
		return layout{8, 4, 2}
	case reflect.Pointer:
		return cases(is)
	case reflect.Struct:
		if is.Implements(variant) {
			return cases(is)
		}
		var found layout
		for _, it := range offsets(is) {
			found.size = it.offset + it.layout.size
			found.align = max(found.align, it.layout.align)
			found.flat += it.layout.flat
		}
		found.align = max(found.align, 1)
		found.size = aligned(found.size, found.align)
		return found
	}
	panic(fmt.Sprintf("%s is no type of WIT", is))
}

type field struct {
	offset uint32
	layout layout
}

// offsets says where the fields of a record are.
func offsets(is reflect.Type) []field {
	var fields []field
	at := uint32(0)
	for index := range is.NumField() {
		it := layoutOf(is.Field(index).Type)
		at = aligned(at, it.align)
		fields = append(fields, field{at, it})
		at += it.size
	}
	return fields
}

// payloads are the types of the cases of a variant, or of an option, which is a pointer.
func payloads(is reflect.Type) []reflect.Type {
	if is.Kind() == reflect.Pointer {
		return []reflect.Type{reflect.TypeFor[Nothing](), is.Elem()}
	}
	var all []reflect.Type
	for index := range is.NumField() {
		all = append(all, is.Field(index).Type.Elem())
	}
	return all
}

// cases is the layout of a variant: the number of the case, then the payload.
func cases(is reflect.Type) layout {
	var payload layout
	for _, it := range payloads(is) {
		one := layoutOf(it)
		payload = layout{max(payload.size, one.size), max(payload.align, one.align), max(payload.flat, one.flat)}
	}
	number := numberSize(is)
	align := max(payload.align, number)
	return layout{aligned(aligned(number, payload.align)+payload.size, align), align, 1 + payload.flat}
}

// numberSize is how many bytes the number of a case takes.
func numberSize(is reflect.Type) uint32 {
	switch count := len(payloads(is)); {
	case count <= 1<<8:
		return 1
	case count <= 1<<16:
		return 2
	}
	return 4
}

// payloadOffset is where the payload of a variant begins.
func payloadOffset(is reflect.Type) uint32 {
	align := uint32(1)
	for _, it := range payloads(is) {
		align = max(align, layoutOf(it).align)
	}
	return aligned(numberSize(is), align)
}

// chosen is the number of the case of a variant, and its payload.
func chosen(value reflect.Value) (int, reflect.Value) {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return 0, reflect.ValueOf(Nothing{})
		}
		return 1, value.Elem()
	}
	for index := range value.NumField() {
		if payload := value.Field(index); !payload.IsNil() {
			return index, payload.Elem()
		}
	}
	panic(fmt.Sprintf("None of the cases of a %s is given.", value.Type()))
}

// choose makes a variant this case of its type, and gives the place of its payload.
func choose(value reflect.Value, number int) reflect.Value {
	is := value.Type()
	if is.Kind() == reflect.Pointer {
		if number == 0 {
			return reflect.New(reflect.TypeFor[Nothing]()).Elem()
		}
		value.Set(reflect.New(is.Elem()))
		return value.Elem()
	}
	value.Field(number).Set(reflect.New(is.Field(number).Type.Elem()))
	return value.Field(number).Elem()
}
