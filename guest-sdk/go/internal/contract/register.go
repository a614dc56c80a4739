package contract

var registered = func() error {
	panic("There is no stack: `func init() { stack.Register(run) }` names its function.")
}

// Register names the function that declares the stack.
func Register(run func() error) { registered = run }
