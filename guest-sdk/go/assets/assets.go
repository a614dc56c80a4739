// Package assets holds files that go with a stack.
package assets

import (
	"encoding/json"
	"fmt"

	"mlflow-host/stack/internal/contract"
)

// Directory is a directory, packed by the host.
type Directory struct {
	// Digest is the SHA-256 of its content, 64 hexadecimal digits: it changes when a file does.
	Digest string `json:"digest"`
	// Archive is a token for the packed files, for a property that takes an archive.
	Archive string `json:"archive"`
	// Files is how many there are.
	Files int `json:"files"`
}

// Pack packs a directory beside the stack's file, without what the patterns match; they are written as in a
// `.gitignore` file. The error says that it does not exist, or leads out of the stack's own directory.
func Pack(path string, ignore ...string) (directory Directory, err error) {
	options, err := json.Marshal(map[string][]string{"ignore": append([]string{}, ignore...)})
	if err != nil {
		return directory, err
	}
	answer, err := contract.Current().Directory(path, string(options))
	if err != nil {
		return directory, fmt.Errorf("%w\n    %s", err, contract.Location())
	}
	return directory, json.Unmarshal([]byte(answer), &directory)
}
