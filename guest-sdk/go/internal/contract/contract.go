// Package contract holds the calls of the contract, to whichever host runs the stack: the real one in Wasm, a fake one
// in tests.
package contract

import (
	"errors"
	"fmt"
)

// Nothing stands for the value that a refused call would have given. The host accepts it in a run that fails anyway.
const Nothing = "\ue000\ue001"

// Refused is the host's answer to a call that it does not accept.
type Refused struct {
	Code, Message, Path string
}

func (refused *Refused) Error() string { return refused.Message }

// Info is the stack and its target.
type Info struct {
	// Name of the stack, e.g., `dev`.
	Name string
	// Project is the project's id.
	Project string
	// Region, e.g., `europe-west1`.
	Region string
}

// Host is the contract in `wit/stack.wit`. Errors of the first six, and of Directory, are of the type *Refused.
type Host interface {
	Declare(kind, name, properties, options string) (uint32, error)
	Lookup(kind, name, properties string) (uint32, error)
	Component(kind, name string, parent *uint32) (uint32, error)
	Attribute(of uint32, path string) (string, error)
	Call(name, operands string) (string, error)
	Output(name, value string) error
	Get(key string) (string, bool)
	Secret(key string) (string, bool)
	Stack() Info
	Directory(path, options string) (string, error)
	Log(level Level, message string)
}

// Level says how much a message matters, as the contract numbers it.
type Level uint32

// The levels, in the contract's order.
const (
	Debug Level = iota
	Information
	Warning
	Failure
)

type session struct {
	host     Host
	refusals []string
}

var sessions []*session

func current() *session {
	if len(sessions) == 0 {
		panic("There is no host yet: declare resources and read the configuration inside of the stack's function, not " +
			"while packages are initialised. In tests, run the stack with `stacktest.Fake`.")
	}
	return sessions[len(sessions)-1]
}

// Connected runs a stack with all its calls sent to host, and gives the places of the calls that the host refuses.
func Connected(host Host, run func() error) ([]string, error) {
	opened := &session{host: host}
	sessions = append(sessions, opened)
	defer func() { sessions = sessions[:len(sessions)-1] }()
	err := run()
	return opened.refusals, err
}

// Current is the host that runs the stack.
func Current() Host { return current().host }

// Attempt gives the host's answer, and whether it gave one. It remembers why it refused, and here is remembered where.
func Attempt[T any](what string, call func(Host) (T, error)) (T, bool) {
	opened := current()
	answer, err := call(opened.host)
	if err == nil {
		return answer, true
	}
	var refused *Refused
	if !errors.As(err, &refused) {
		panic(err)
	}
	path := ""
	if refused.Path != "" {
		path = fmt.Sprintf(" `%s`", refused.Path)
	}
	opened.refusals = append(opened.refusals, fmt.Sprintf("%s: %s%s (%s)", Location(), what, path, refused.Code))
	var none T
	return none, false
}
