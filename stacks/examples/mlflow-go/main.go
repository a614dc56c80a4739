// MLflow on Google Cloud, all of it, from Go: stacks/dev and stacks/prod in one, by means of their component.
package main

import (
	"example/bindings/server"
	"mlflow-host/stack"
	"mlflow-host/stack/config"
)

func init() { stack.Register(run) }
func main() {}

func run() error {
	name := config.Stack().Name
	settings := server.Defaults()
	if name == "prod" {
		settings.Size = server.SizeLarge
		settings.Availability = server.AvailabilityRegional
		settings.Backups = &server.Backups{Nights: 14, LogDays: 7}
		settings.MinimumInstances = 1
		settings.MaximumInstances = 5
		settings.Protection = true
	}
	_, err := server.Declare("mlflow-"+name, settings)
	return err
}
