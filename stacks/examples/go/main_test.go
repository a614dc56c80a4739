package main

import (
	"testing"

	"mlflow-host/stack/stacktest"
)

func TestTheServerFindsItsDatabase(t *testing.T) {
	recording, err := stacktest.Fake{Config: map[string]string{"invokers": "allUsers"}}.Run(run)
	if err != nil {
		t.Fatal(err)
	}
	service := recording.Resource(t, "run.googleapis.com/Service::mlflow")
	uri := service.Property("template.containers[0].env[0].value")
	expected := "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::mlflow#ipAddresses[0].ipAddress}:5432/" +
		"${sqladmin.googleapis.com/Database::mlflow#resourceId}"
	if uri != expected {
		t.Errorf("the server connects to %v", uri)
	}
	grant := recording.Resource(t, "run.googleapis.com/ServiceIamMember::invoker-allUsers")
	if grant.Property("member") != "allUsers" {
		t.Errorf("the server lets in %v", grant.Property("member"))
	}
}
