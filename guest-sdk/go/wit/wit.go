// Package wit is what the bindings of components are made of, which `mlflow-host build` writes from a project's own
// `wit/`. Values cross between the two as the component model's canonical ABI lays them out.
//
//	WIT                        Go
//	bool, s8 … u64, f32, f64   bool, int8 … uint64, float32, float64
//	char, string               rune, string
//	list<T>, option<T>         []T, *T
//	record                     a struct of its fields, in order
//	tuple<A, B>                Pair[A, B]; with more or fewer items a struct of them
//	enum, flags                an unsigned integer, in the order of the cases
//	variant                    a struct of a pointer for each case, one of which is not nil; it is a Variant
//	result<T, E>               Result[T, E]
package wit

import (
	"errors"
	"fmt"
)

// Pair is a tuple of two.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Nothing stands where there is no value: as the payload of a case that has none, and what a function without a result
// gives.
type Nothing struct{}

// Variant marks structs that have one case of many.
type Variant interface{ IsVariant() }

// Result is what went well, or what did not.
type Result[T, E any] struct {
	Ok  *T
	Err *E
}

// IsVariant marks it.
func (Result[T, E]) IsVariant() {}

// Failure is an error that is more than a sentence.
type Failure[E any] struct{ Value E }

func (failure Failure[E]) Error() string { return fmt.Sprintf("%+v", failure.Value) }

// Outcome is a result as Go has it: an error that is a string becomes a sentence, any other one a Failure.
func Outcome[T, E any](result Result[T, E]) (T, error) {
	if result.Err == nil {
		return *result.Ok, nil
	}
	var none T
	if sentence, is := any(*result.Err).(string); is {
		return none, errors.New(sentence)
	}
	return none, Failure[E]{*result.Err}
}

// Missing is what a test meets that has put nothing in the place of a component.
func Missing(imported string) string {
	return fmt.Sprintf("There is no component `%s` outside of a stack: in tests, set `Imported` to one of your own.", imported)
}
