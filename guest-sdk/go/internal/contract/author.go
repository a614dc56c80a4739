package contract

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

const module = "mlflow-host/stack"

// Location is the line of the author's that called the SDK, e.g., `main.go:12 in run`.
func Location() string {
	if places := Trace(); len(places) > 0 {
		return places[0]
	}
	return "an unknown line"
}

// Trace gives the author's lines that led here, the innermost first.
func Trace() []string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	var places []string
	for {
		frame, more := frames.Next()
		if isAuthors(frame.Function) {
			_, function := path.Split(frame.Function)
			if _, name, found := strings.Cut(function, "."); found {
				function = name
			}
			places = append(places, fmt.Sprintf("%s:%d in %s", path.Base(frame.File), frame.Line, function))
		}
		if !more {
			return places
		}
	}
}

// isAuthors tells the author's functions from those of this module, of Go itself, and what `init` brings. Tests of this
// module are as good as an author.
func isAuthors(function string) bool {
	if strings.HasPrefix(function, module+"_test.") || strings.HasPrefix(function, "main.") {
		return !strings.HasPrefix(function, "main._")
	}
	own := strings.HasPrefix(function, module+".") || strings.HasPrefix(function, module+"/")
	first, _, _ := strings.Cut(function, "/")
	library := !strings.Contains(first, ".") || !strings.Contains(function, "/")
	return !own && !library
}
