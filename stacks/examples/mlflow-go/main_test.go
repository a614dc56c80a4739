package main

import (
	"testing"

	"example/bindings/server"
	"mlflow-host/stack/stacktest"
)

// fake stands for the component.
type fake struct{ declared map[string]server.Settings }

func (fake) Defaults() server.Settings { return server.Settings{Image: "image"} }

func (it fake) Declare(name string, settings server.Settings) (server.Mlflow, error) {
	it.declared[name] = settings
	return server.Mlflow{}, nil
}

func TestOnlyProductionIsProtected(t *testing.T) {
	component := fake{map[string]server.Settings{}}
	server.Imported = component
	for _, stack := range []string{"dev", "prod"} {
		if _, err := (stacktest.Fake{Stack: stack}).Run(run); err != nil {
			t.Fatal(err)
		}
	}
	if settings := component.declared["mlflow-dev"]; settings.Protection || settings.Image != "image" {
		t.Errorf("%+v", settings)
	}
	settings := component.declared["mlflow-prod"]
	if !settings.Protection || *settings.Backups != (server.Backups{Nights: 14, LogDays: 7}) {
		t.Errorf("%+v", settings)
	}
}
