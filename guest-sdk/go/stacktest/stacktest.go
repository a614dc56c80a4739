// Package stacktest runs a stack against a fake host that records what it is told. For unit tests of stacks.
//
// The fake checks nothing; `mlflow-host preview --offline` does. Tokens read `${URN#path}`, `${secret:KEY}`,
// `${asset:PATH}` and `${FUNCTION[OPERANDS]}`.
package stacktest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mlflow-host/stack/internal/contract"
)

// Declared is a declaration that the fake host received.
type Declared struct {
	// Kind, e.g., `run.googleapis.com/Service`.
	Kind string
	// Name is the logical name.
	Name string
	// Properties by their names in Google's REST body.
	Properties map[string]any
	// Options by their names in the contract, with URNs in place of nodes.
	Options map[string]any
	// Lookup tells whether it is only looked up.
	Lookup bool
}

// URN is the kind and logical name.
func (it *Declared) URN() string { return it.Kind + "::" + it.Name }

// Property gives a property by its path, e.g., `template.containers[0].image`, or nil.
func (it *Declared) Property(path string) any {
	var value any = it.Properties
	for step := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		var index int
		if _, err := fmt.Sscanf(step, "[%d]", &index); err == nil {
			list, _ := value.([]any)
			if index < 0 || index >= len(list) {
				return nil
			}
			value = list[index]
			continue
		}
		fields, _ := value.(map[string]any)
		value = fields[step]
	}
	return value
}

// Recording is what a stack declared.
type Recording struct {
	// Resources in order of declaration.
	Resources []*Declared
	// Components as `KIND::NAME`, in order of declaration.
	Components []string
	// Outputs by name.
	Outputs map[string]any
	// Logs are the messages, each after its level.
	Logs []string
}

// Resource gives the resource with this URN, e.g., `std/Value::greeting`; without one the test fails.
func (it *Recording) Resource(t testing.TB, urn string) *Declared {
	t.Helper()
	var known []string
	for _, resource := range it.Resources {
		if resource.URN() == urn {
			return resource
		}
		known = append(known, resource.URN())
	}
	t.Fatalf("%s is not among the %d resources: %s", urn, len(known), strings.Join(known, ", "))
	return nil
}

// Fake is a fake host with a configuration, by default of the stack `test` in `test-project` and `europe-west1`.
type Fake struct {
	// Config by key, as text.
	Config map[string]string
	// Secrets need no values, for a stack never sees one.
	Secrets []string
	// Stack, Project and Region, where they are not the default.
	Stack, Project, Region string
}

// Run runs the stack and gives what it declared. Its error comes through.
func (it Fake) Run(run func() error) (*Recording, error) {
	host := &fake{Fake: it, recording: &Recording{Outputs: map[string]any{}}}
	_, err := contract.Connected(host, run)
	return host.recording, err
}

type fake struct {
	Fake
	recording *Recording
	urns      []string
}

func (it *fake) Declare(kind, name, properties, options string) (uint32, error) {
	declared := &Declared{Kind: kind, Name: name, Properties: object(properties), Options: object(options)}
	if parent, given := declared.Options["parent"].(float64); given {
		declared.Options["parent"] = it.urns[int(parent)]
	}
	if others, given := declared.Options["dependsOn"].([]any); given {
		for at, other := range others {
			if node, is := other.(float64); is {
				others[at] = it.urns[int(node)]
			}
		}
	}
	return it.record(declared), nil
}

func (it *fake) Lookup(kind, name, properties string) (uint32, error) {
	declared := &Declared{kind, name, object(properties), map[string]any{}, true}
	return it.record(declared), nil
}

func (it *fake) Component(kind, name string, _ *uint32) (uint32, error) {
	it.recording.Components = append(it.recording.Components, kind+"::"+name)
	return it.node(kind + "::" + name), nil
}

func (it *fake) Attribute(of uint32, path string) (string, error) {
	return fmt.Sprintf("${%s#%s}", it.urns[of], path), nil
}

func (it *fake) Call(name, operands string) (string, error) {
	return fmt.Sprintf("${%s%s}", name, operands), nil
}

func (it *fake) Output(name, value string) error {
	var parsed any
	err := json.Unmarshal([]byte(value), &parsed)
	it.recording.Outputs[name] = parsed
	return err
}

func (it *fake) Get(key string) (string, bool) {
	text, set := it.Config[key]
	return text, set
}

func (it *fake) Secret(key string) (string, bool) {
	for _, known := range it.Secrets {
		if known == key {
			return fmt.Sprintf("${secret:%s}", key), true
		}
	}
	return "", false
}

func (it *fake) Stack() contract.Info {
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	return contract.Info{
		Name: or(it.Fake.Stack, "test"), Project: or(it.Project, "test-project"), Region: or(it.Region, "europe-west1"),
	}
}

func (it *fake) Directory(path, _ string) (string, error) {
	digest := strings.Repeat("0", 64)
	return fmt.Sprintf(`{"digest": "%s", "archive": "${asset:%s}", "files": 1}`, digest, path), nil
}

func (it *fake) Log(level contract.Level, message string) {
	names := []string{"debug", "info", "warning", "error"}
	it.recording.Logs = append(it.recording.Logs, names[level]+": "+message)
}

func (it *fake) record(declared *Declared) uint32 {
	it.recording.Resources = append(it.recording.Resources, declared)
	return it.node(declared.URN())
}

func (it *fake) node(urn string) uint32 {
	it.urns = append(it.urns, urn)
	return uint32(len(it.urns) - 1)
}

func object(text string) map[string]any {
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		panic(err)
	}
	return fields
}
