package contract

import (
	"errors"
	"strings"
	"testing"
)

// refusing is a host that refuses every declaration.
type refusing struct{ Host }

func (refusing) Declare(_, _, _, _ string) (uint32, error) {
	return 0, &Refused{Code: "unknown-property", Message: "There is no property `x`.", Path: "x"}
}

func declareSomething() {
	Attempt("std/Value::one", func(host Host) (uint32, error) { return host.Declare("", "", "", "") })
}

func TestRefusalsEndTheRunTogether(t *testing.T) {
	err := Start(refusing{}, func() error { declareSomething(); declareSomething(); return nil })
	if err == nil || strings.Count(err.Error(), "std/Value::one `x` (unknown-property)") != 2 {
		t.Errorf("%v", err)
	}
	err = Start(refusing{}, func() error { declareSomething(); return errors.New("no") })
	if err == nil || !strings.HasPrefix(err.Error(), "no\n    before that, the host refused ") {
		t.Errorf("%v", err)
	}
}

func TestAPanicIsAnError(t *testing.T) {
	err := Start(refusing{}, func() error { panic("at the disco") })
	if err == nil || !strings.HasPrefix(err.Error(), "panic: at the disco") {
		t.Errorf("%v", err)
	}
}
