package contract

import (
	"errors"
	"fmt"
	"strings"
)

// Start runs a stack; what is wrong comes with the author's lines.
func Start(host Host, run func() error) (err error) {
	var refusals []string
	defer func() {
		if reason := recover(); reason != nil {
			err = lines(fmt.Sprintf("panic: %v", reason), Trace())
		}
	}()
	refusals, err = Connected(host, run)
	if err != nil {
		var earlier []string
		for _, refusal := range refusals {
			earlier = append(earlier, "before that, the host refused "+refusal)
		}
		return lines(err.Error(), earlier)
	}
	if len(refusals) > 0 {
		return lines("the host refused what these lines declare", refusals)
	}
	return nil
}

func lines(first string, rest []string) error {
	return errors.New(strings.Join(append([]string{first}, rest...), "\n    "))
}
