// Package stack is for writing mlflow-host stacks in Go.
//
// A stack is a function that declares resources. It runs once, in a sandbox, before any call to the cloud; what it may
// know is its configuration. What it cannot know yet, such as the address of a service, is a token: a string that goes
// into any property and any text.
//
// A declaration never fails on the spot: the host remembers what is wrong with it, and reports all problems of a run
// together, with the lines that they come from. Declare from one goroutine only.
package stack

import (
	"encoding/json"
	"fmt"

	"mlflow-host/stack/internal/contract"
)

// Register names the function that declares the stack: `func init() { stack.Register(run) }`.
func Register(run func() error) { contract.Register(run) }

// Output sets an output of the stack.
func Output(name string, value any) {
	text := toJSON(value)
	contract.Attempt(fmt.Sprintf("the output `%s`", name), func(host contract.Host) (struct{}, error) {
		return struct{}{}, host.Output(name, text)
	})
}

func toJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
