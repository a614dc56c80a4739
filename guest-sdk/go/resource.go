package stack

import (
	"encoding/json"
	"fmt"

	"mlflow-host/stack/internal/contract"
)

// Component is a named group of resources.
type Component struct {
	node *uint32
}

// NewComponent declares a component; kind is of your choice, e.g., `mlflow:server`.
func NewComponent(kind, name string) *Component { return declareComponent(kind, name, nil) }

// Component declares a component inside this one.
func (it *Component) Component(kind, name string) *Component {
	return declareComponent(kind, name, it.node)
}

func declareComponent(kind, name string, parent *uint32) *Component {
	node, declared := contract.Attempt(kind+"::"+name, func(host contract.Host) (uint32, error) {
		return host.Component(kind, name, parent)
	})
	if !declared {
		return &Component{}
	}
	return &Component{&node}
}

// Dependency is what a resource can wait for: another resource, or a URN.
type Dependency interface {
	dependency() any
}

// URN names a resource by kind and logical name, e.g., `run.googleapis.com/Service::mlflow`.
type URN string

func (it URN) dependency() any { return string(it) }

// Options say how a resource is to be treated. All may be left out.
type Options struct {
	// Parent is the component that it belongs to.
	Parent *Component
	// DependsOn is what must be there first, besides what the properties refer to.
	DependsOn []Dependency
	// Protect refuses to delete or replace it.
	Protect bool
	// RetainOnDelete leaves it in the cloud when it leaves the stack.
	RetainOnDelete bool
	// DeleteFirst deletes before creating when it must be replaced.
	DeleteFirst bool
	// ReplaceOn replaces it when one of these values changes.
	ReplaceOn []any
	// IgnoreChanges are paths of properties that are left alone after creation, e.g., `settings.tier`.
	IgnoreChanges []string
	// Aliases are earlier URNs of it: what is recorded under one of them is this resource.
	Aliases []URN
	// Import takes over an existing resource, by its full name, e.g., `projects/p/global/networks/main`.
	Import string
	// TimeoutMinutes is how long an operation on it may take before the run goes on without it.
	TimeoutMinutes float64
	// Properties go by their names in Google's REST body, where the typed fields do not reach.
	Properties map[string]any
}

// json gives the options as the contract spells them.
func (it Options) json() string {
	shape := struct {
		Parent         *uint32  `json:"parent,omitempty"`
		DependsOn      []any    `json:"dependsOn,omitempty"`
		Protect        bool     `json:"protect,omitempty"`
		RetainOnDelete bool     `json:"retainOnDelete,omitempty"`
		DeleteFirst    bool     `json:"deleteFirst,omitempty"`
		ReplaceOn      []any    `json:"replaceOn,omitempty"`
		IgnoreChanges  []string `json:"ignoreChanges,omitempty"`
		Aliases        []URN    `json:"aliases,omitempty"`
		Import         string   `json:"import,omitempty"`
		TimeoutMinutes float64  `json:"timeoutMinutes,omitempty"`
	}{
		nil, nil, it.Protect, it.RetainOnDelete, it.DeleteFirst, it.ReplaceOn, it.IgnoreChanges, it.Aliases, it.Import,
		it.TimeoutMinutes,
	}
	if it.Parent != nil {
		shape.Parent = it.Parent.node
	}
	for _, other := range it.DependsOn {
		if dependency := other.dependency(); dependency != nil {
			shape.DependsOn = append(shape.DependsOn, dependency)
		}
	}
	return toJSON(shape)
}

// Handle is a declared resource. The typed handles of the kinds hold one.
type Handle struct {
	urn URN
	// Nil: the host refused the declaration, and the run fails when it ends.
	node *uint32
}

func (it *Handle) dependency() any {
	if it.node == nil {
		return nil
	}
	return *it.node
}

// URN is the kind and logical name.
func (it *Handle) URN() URN { return it.urn }

// Attribute is an attribute by its path in Google's REST body, e.g., `ipAddresses[0].ipAddress`. It is known only
// later: what it holds meanwhile is a token of the host, for any property and any text. Do not cut it or change its case.
func (it *Handle) Attribute(path string) string {
	if it.node == nil {
		return contract.Nothing
	}
	token, given := contract.Attempt(string(it.urn), func(host contract.Host) (string, error) {
		return host.Attribute(*it.node, path)
	})
	if !given {
		return contract.Nothing
	}
	return token
}

// Declare declares a resource of a kind without a type of its own; the kinds' own Declare is made of it.
func Declare(kind, name string, properties any, options ...Options) *Handle {
	chosen := one(options)
	body := withMore(toJSON(properties), chosen.Properties)
	return handle(kind, name, func(host contract.Host) (uint32, error) {
		return host.Declare(kind, name, body, chosen.json())
	})
}

// Lookup refers to a resource that exists already, to be read and never changed.
func Lookup(kind, name string, properties any) *Handle {
	body := toJSON(properties)
	return handle(kind, name, func(host contract.Host) (uint32, error) { return host.Lookup(kind, name, body) })
}

func handle(kind, name string, call func(contract.Host) (uint32, error)) *Handle {
	urn := URN(kind + "::" + name)
	node, declared := contract.Attempt(string(urn), call)
	if !declared {
		return &Handle{urn, nil}
	}
	return &Handle{urn, &node}
}

func one(options []Options) Options {
	switch len(options) {
	case 0:
		return Options{}
	case 1:
		return options[0]
	default:
		panic(fmt.Sprintf("A resource takes one stack.Options, not %d.", len(options)))
	}
}

func withMore(body string, more map[string]any) string {
	if len(more) == 0 {
		return body
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		panic(err)
	}
	for name, value := range more {
		all[name] = json.RawMessage(toJSON(value))
	}
	return toJSON(all)
}
