// Package functions holds functions of values that are known only later. The host applies them; each gives a token.
package functions

import (
	"encoding/json"
	"fmt"

	"mlflow-host/stack/internal/contract"
)

// Base64 is the text in base64, standard alphabet with padding.
func Base64(text string) string { return call("base64", text) }

// Join is the parts with the separator between them. A part that is a list counts as its items.
func Join(separator string, parts ...any) string {
	return call("join", append([]any{separator}, parts...)...)
}

// JSON is the value as compact JSON with sorted keys.
func JSON(value any) string { return call("json", value) }

// Lower is the text in lower case.
func Lower(text string) string { return call("lower", text) }

// SHA256 is the SHA-256 of the text, in hexadecimal.
func SHA256(text string) string { return call("sha256", text) }

// URLEncode is the text as a component of a URL: every byte but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
func URLEncode(text string) string { return call("url-encode", text) }

func call(name string, operands ...any) string {
	list, err := json.Marshal(operands)
	if err != nil {
		panic(err)
	}
	token, given := contract.Attempt(fmt.Sprintf("the call of `%s`", name), func(host contract.Host) (string, error) {
		return host.Call(name, string(list))
	})
	if !given {
		return contract.Nothing
	}
	return token
}
