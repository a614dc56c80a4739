// Package standard holds the kinds without an API behind them. Written by hand: the host, not Google, describes them.
package standard

import "mlflow-host/stack"

// Value is a value that becomes an attribute, e.g., to replace resources when it changes.
type Value struct {
	Value any `json:"value,omitempty"`
}

// ValueHandle is a declared Value.
type ValueHandle struct{ *stack.Handle }

// Declare declares it.
func (it Value) Declare(name string, options ...stack.Options) ValueHandle {
	return ValueHandle{stack.Declare("std/Value", name, it, options...)}
}

// Value is the attribute `value`.
func (it ValueHandle) Value() string { return it.Attribute("value") }

// RandomID is random letters, chosen once and known before anything is created: Length of them (6 when not set) after a
// prefix.
type RandomID struct {
	Length stack.Integer `json:"length,omitempty"`
	Prefix string        `json:"prefix,omitempty"`
}

// RandomIDHandle is a declared RandomID.
type RandomIDHandle struct{ *stack.Handle }

// Declare declares it.
func (it RandomID) Declare(name string, options ...stack.Options) RandomIDHandle {
	return RandomIDHandle{stack.Declare("std/RandomId", name, it, options...)}
}

// Result is the attribute `result`.
func (it RandomIDHandle) Result() string { return it.Attribute("result") }

// RandomPassword is a random password, made once and kept sealed in the state: Length characters (32 when not set), with
// special ones among them unless that is false.
type RandomPassword struct {
	Length  stack.Integer `json:"length,omitempty"`
	Special stack.Boolean `json:"special,omitempty"`
}

// RandomPasswordHandle is a declared RandomPassword.
type RandomPasswordHandle struct{ *stack.Handle }

// Declare declares it.
func (it RandomPassword) Declare(name string, options ...stack.Options) RandomPasswordHandle {
	return RandomPasswordHandle{stack.Declare("std/RandomPassword", name, it, options...)}
}

// Result is the attribute `result`.
func (it RandomPasswordHandle) Result() string { return it.Attribute("result") }

// StackReference is another stack of the same cloud and project: its attributes are the outputs of that stack, by their
// names.
type StackReference struct {
	Stack string `json:"stack"`
}

// Lookup reads the outputs that the stack's last run has recorded; name is the reference's own.
func (it StackReference) Lookup(name string) *stack.Handle {
	return stack.Lookup("std/StackReference", name, it)
}
