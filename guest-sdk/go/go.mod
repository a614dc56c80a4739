module mlflow-host/stack

go 1.24
