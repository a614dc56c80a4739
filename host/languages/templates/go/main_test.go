package main

import (
	"testing"

	"mlflow-host/stack/stacktest"
)

func TestReadersMayRead(t *testing.T) {
	recording, err := stacktest.Fake{Config: map[string]string{"readers": "group:data@example.com"}}.Run(run)
	if err != nil {
		t.Fatal(err)
	}
	grant := recording.Resource(t, "storage.googleapis.com/BucketIamMember::reader-0")
	if member := grant.Property("member"); member != "group:data@example.com" {
		t.Error(member)
	}
	if output := recording.Outputs["artifacts"]; output != "gs://${storage.googleapis.com/Bucket::artifacts#name}" {
		t.Error(output)
	}
}
