// A bucket for artifacts, and who may read them.
package main

import (
	"fmt"

	"mlflow-host/stack"
	"mlflow-host/stack/config"
	"mlflow-host/stack/kinds/storage"
)

func init() { stack.Register(run) }

func main() {}

func run() error {
	target := config.Stack()
	readers, err := config.Strings("readers")
	if err != nil {
		return err
	}
	keep := stack.Options{Protect: target.Name == "prod"}
	bucket := storage.Bucket{Location: target.Region}.Declare("artifacts", keep)
	for index, reader := range readers {
		storage.BucketIamMember{
			Bucket: bucket.ResourceId(),
			Role:   "roles/storage.objectViewer",
			Member: reader,
		}.Declare(fmt.Sprintf("reader-%d", index))
	}
	stack.Output("artifacts", "gs://"+bucket.Name())
	return nil
}
