module example

go 1.24

require mlflow-host/stack v0.0.0

replace mlflow-host/stack => ./sdk
