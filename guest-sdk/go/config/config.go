// Package config holds what a stack may know: its configuration and its target.
package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"mlflow-host/stack/internal/contract"
)

// Info is the stack and its target.
type Info = contract.Info

// Stack gives the stack and its target.
func Stack() Info { return contract.Current().Stack() }

// Get gives the value of a key, if it is set: a string as it is, anything else as its JSON text.
func Get(key string) (string, bool) { return contract.Current().Get(key) }

// Text gives the value of a key, or another one if it is not set.
func Text(key, otherwise string) string {
	if text, set := Get(key); set {
		return text
	}
	return otherwise
}

// Require gives the value of a key that must be set.
func Require(key string) (string, error) {
	if text, set := Get(key); set {
		return text, nil
	}
	return "", missing(key, "configuration key", "")
}

// Integer gives a whole number, or another one if the key is not set.
func Integer(key string, otherwise int64) (int64, error) {
	return parsed(key, "a whole number", otherwise, func(text string) (int64, error) {
		return strconv.ParseInt(text, 10, 64)
	})
}

// Number gives a number, or another one if the key is not set.
func Number(key string, otherwise float64) (float64, error) {
	return parsed(key, "a number", otherwise, func(text string) (float64, error) {
		value, err := strconv.ParseFloat(text, 64)
		if err == nil && (math.IsInf(value, 0) || math.IsNaN(value)) {
			return 0, strconv.ErrRange
		}
		return value, err
	})
}

// Boolean gives `true` or `false`, or another value if the key is not set.
func Boolean(key string, otherwise bool) (bool, error) {
	return parsed(key, "`true` or `false`", otherwise, func(text string) (bool, error) {
		if text != "true" && text != "false" {
			return false, strconv.ErrSyntax
		}
		return text == "true", nil
	})
}

// Strings gives a list, empty if the key is not set: a list in the file, or one string with commas.
func Strings(key string) ([]string, error) {
	return parsed(key, "a list of strings", nil, func(text string) (items []string, err error) {
		if strings.HasPrefix(text, "[") {
			err = json.Unmarshal([]byte(text), &items)
			return items, err
		}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items, nil
	})
}

// Secret gives a token for a secret, if it is set. The program never sees its value.
func Secret(key string) (string, bool) { return contract.Current().Secret(key) }

// RequireSecret gives a token for a secret that must be set.
func RequireSecret(key string) (string, error) {
	if token, set := Secret(key); set {
		return token, nil
	}
	return "", missing(key, "secret", "--secret ")
}

func parsed[T any](key, expected string, otherwise T, parse func(string) (T, error)) (T, error) {
	text, set := Get(key)
	if !set {
		return otherwise, nil
	}
	value, err := parse(strings.TrimSpace(text))
	if err != nil {
		return otherwise, located("The configuration key `%s` must be %s, not `%s`.", key, expected, text)
	}
	return value, nil
}

func missing(key, what, flag string) error {
	return located("The %s `%s` is not set: run `mlflow-host config set %s%s VALUE`.", what, key, flag, key)
}

// located is an error with the author's line: Go's errors do not know theirs.
func located(format string, words ...any) error {
	return fmt.Errorf(format+"\n    %s", append(words, contract.Location())...)
}
