package stack_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"mlflow-host/stack"
	"mlflow-host/stack/assets"
	"mlflow-host/stack/config"
	"mlflow-host/stack/functions"
	"mlflow-host/stack/kinds/sqladmin"
	"mlflow-host/stack/kinds/standard"
	"mlflow-host/stack/log"
	"mlflow-host/stack/stacktest"
)

func recorded(t *testing.T, fake stacktest.Fake, run func() error) *stacktest.Recording {
	t.Helper()
	recording, err := fake.Run(run)
	if err != nil {
		t.Fatal(err)
	}
	return recording
}

func same(t *testing.T, got, expected any) {
	t.Helper()
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got      %#v\nexpected %#v", got, expected)
	}
}

func TestAStackIsRecorded(t *testing.T) {
	recording := recorded(t, stacktest.Fake{Config: map[string]string{"greeting": "hello"}}, func() error {
		group := stack.NewComponent("test:group", "all")
		inner := group.Component("test:inner", "one")
		id := standard.RandomID{Length: stack.Int(8)}.Declare("id")
		password := standard.RandomPassword{}.Declare("password", stack.Options{Parent: inner})
		greeting, err := config.Require("greeting")
		value := standard.Value{Value: map[string]string{"text": greeting + " " + id.Result()}}.Declare(
			"greeting",
			stack.Options{
				DependsOn: []stack.Dependency{password, stack.URN("std/Value::other")},
				ReplaceOn: []any{functions.SHA256(password.Result())},
				Protect:   true,
				Import:    "projects/p/x",
			},
		)
		stack.Output("greeting", value.Value())
		log.Warning("careful")
		return err
	})
	greeting := recording.Resource(t, "std/Value::greeting")
	same(t, greeting.Property("value.text"), "hello ${std/RandomId::id#result}")
	same(t, greeting.Property("value.absent[3].more"), nil)
	same(t, greeting.Options, map[string]any{
		"dependsOn": []any{"std/RandomPassword::password", "std/Value::other"},
		"replaceOn": []any{`${sha256["${std/RandomPassword::password#result}"]}`},
		"protect":   true,
		"import":    "projects/p/x",
	})
	same(t, recording.Resources[1].Options, map[string]any{"parent": "test:inner::one"})
	same(t, recording.Outputs, map[string]any{"greeting": "${std/Value::greeting#value}"})
	same(t, recording.Components, []string{"test:group::all", "test:inner::one"})
	same(t, recording.Logs, []string{"warning: careful"})
}

func TestPropertiesHaveGooglesNamesAndTypes(t *testing.T) {
	recording := recorded(t, stacktest.Fake{}, func() error {
		sqladmin.Instance{
			Settings: &sqladmin.Settings{DataDiskSizeGb: stack.Long(10), Tier: "db-f1-micro"},
		}.Declare("main", stack.Options{Properties: map[string]any{"future": []int{1}}})
		standard.StackReference{Stack: "network"}.Lookup("net")
		return nil
	})
	same(t, recording.Resources[0].Properties, map[string]any{
		"settings": map[string]any{"dataDiskSizeGb": "10", "tier": "db-f1-micro"},
		"future":   []any{1.0},
	})
	same(t, recording.Resources[1].Lookup, true)
}

func TestAnAttributeFitsWhatIsNoText(t *testing.T) {
	recording := recorded(t, stacktest.Fake{}, func() error {
		main := sqladmin.Instance{Settings: &sqladmin.Settings{
			ActivationPolicy:       sqladmin.SettingsActivationPolicyNever,
			StorageAutoResize:      stack.Bool(false),
			StorageAutoResizeLimit: stack.Long(0),
		}}.Declare("main")
		sqladmin.Instance{Settings: &sqladmin.Settings{
			DataDiskSizeGb:    stack.Token(main.Attribute("settings.dataDiskSizeGb")),
			StorageAutoResize: stack.Token(main.Attribute("settings.storageAutoResize")),
		}}.Declare("replica")
		return nil
	})
	same(t, recording.Resources[0].Property("settings"), map[string]any{
		"activationPolicy": "NEVER", "storageAutoResize": false, "storageAutoResizeLimit": "0",
	})
	same(t, recording.Resources[1].Property("settings"), map[string]any{
		"dataDiskSizeGb":    "${sqladmin.googleapis.com/Instance::main#settings.dataDiskSizeGb}",
		"storageAutoResize": "${sqladmin.googleapis.com/Instance::main#settings.storageAutoResize}",
	})
}

func TestConfigurationIsParsed(t *testing.T) {
	fake := stacktest.Fake{
		Config:  map[string]string{"three": "3", "half": "0.5", "yes": "true", "plain": " a,b c ,", "list": `["a, b"]`},
		Secrets: []string{"key"},
		Stack:   "dev",
	}
	recorded(t, fake, func() error {
		three, one := config.Integer("three", 1)
		same(t, []any{three, one}, []any{int64(3), nil})
		absent, _ := config.Integer("absent", 1)
		same(t, absent, int64(1))
		half, _ := config.Number("half", 1)
		same(t, half, 0.5)
		yes, _ := config.Boolean("yes", false)
		same(t, yes, true)
		plain, _ := config.Strings("plain")
		same(t, plain, []string{"a", "b c"})
		list, _ := config.Strings("list")
		same(t, list, []string{"a, b"})
		token, _ := config.RequireSecret("key")
		same(t, token, "${secret:key}")
		same(t, config.Stack(), config.Info{Name: "dev", Project: "test-project", Region: "europe-west1"})
		image, err := assets.Pack("image", "*.tmp")
		same(t, image, assets.Directory{Digest: strings.Repeat("0", 64), Archive: "${asset:image}", Files: 1})
		return err
	})
}

func TestErrorsNameTheAuthorsLine(t *testing.T) {
	_, err := stacktest.Fake{Config: map[string]string{"count": "many"}}.Run(func() error {
		_, err := config.Integer("count", 1)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "must be a whole number, not `many`.\n    stack_test.go:") {
		t.Errorf("%v", err)
	}
	_, err = stacktest.Fake{}.Run(func() error { return errors.New("no") })
	same(t, err, errors.New("no"))
}
