// A small MLflow, declared resource by resource. The examples in the other languages declare the same graph.
package main

import (
	"fmt"
	"strings"

	"mlflow-host/stack"
	"mlflow-host/stack/config"
	"mlflow-host/stack/functions"
	"mlflow-host/stack/kinds/cloudresourcemanager"
	"mlflow-host/stack/kinds/compute"
	"mlflow-host/stack/kinds/iam"
	cloudrun "mlflow-host/stack/kinds/run"
	"mlflow-host/stack/kinds/secretmanager"
	"mlflow-host/stack/kinds/servicenetworking"
	"mlflow-host/stack/kinds/serviceusage"
	"mlflow-host/stack/kinds/sqladmin"
	"mlflow-host/stack/kinds/standard"
	"mlflow-host/stack/kinds/storage"
)

func init() { stack.Register(run) }

func main() {}

func run() error {
	maximum, err := config.Integer("maximum-instances", 1)
	if err != nil {
		return err
	}
	invokers, err := config.Strings("invokers")
	if err != nil {
		return err
	}

	target := config.Stack()
	group := stack.NewComponent("example:mlflow", "mlflow")
	in := func(dependencies ...stack.Dependency) stack.Options {
		return stack.Options{Parent: group, DependsOn: dependencies}
	}
	enabled := map[string]serviceusage.ServiceHandle{}
	for _, api := range []string{
		"compute", "iam", "run", "secretmanager", "servicenetworking", "sqladmin", "storage",
	} {
		enabled[api] = serviceusage.Service{Name: api + ".googleapis.com"}.Declare(api, in())
	}

	// A network through which the server reaches the database.
	network := compute.Network{AutoCreateSubnetworks: stack.Bool(false)}.Declare("mlflow", in(enabled["compute"]))
	subnetwork := compute.Subnetwork{
		Network:               network.SelfLink(),
		IpCidrRange:           "10.8.0.0/24",
		PrivateIpGoogleAccess: stack.Bool(true),
	}.Declare("mlflow", in())
	addresses := compute.GlobalAddress{
		Network:      network.SelfLink(),
		Purpose:      "VPC_PEERING",
		AddressType:  "INTERNAL",
		PrefixLength: stack.Int(20),
	}.Declare("services", in())
	path := fmt.Sprintf("projects/%s/global/networks/%s", target.Project, network.ResourceId())
	connection := servicenetworking.Connection{
		Network:               path,
		ReservedPeeringRanges: []string{addresses.ResourceId()},
	}.Declare("services", in(enabled["servicenetworking"]))

	// The database, and a password that nobody types or sees.
	instance := sqladmin.Instance{
		DatabaseVersion: "POSTGRES_17",
		Settings: &sqladmin.Settings{
			Tier:           "db-f1-micro",
			Edition:        "ENTERPRISE",
			DataDiskSizeGb: stack.Long(10),
			IpConfiguration: &sqladmin.IpConfiguration{
				Ipv4Enabled:    stack.Bool(false),
				PrivateNetwork: path,
				SslMode:        "ENCRYPTED_ONLY",
			},
		},
	}.Declare("mlflow", in(enabled["sqladmin"], connection))
	database := sqladmin.Database{Instance: instance.ResourceId(), Name: "mlflow"}.Declare("mlflow", in())
	password := standard.RandomPassword{Length: stack.Int(32), Special: stack.Bool(false)}.Declare("password", in())
	user := sqladmin.User{
		Instance: instance.ResourceId(),
		Name:     "mlflow",
		Password: password.Result(),
	}.Declare("mlflow", in())
	secret := secretmanager.Secret{
		Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}},
	}.Declare("password", in(enabled["secretmanager"]))
	version := secretmanager.SecretVersion{
		Secret:  secret.ResourceId(),
		Payload: &secretmanager.SecretPayload{Data: password.Result()},
	}.Declare("password", in())

	// The artifacts, and who may touch them.
	account := iam.ServiceAccount{DisplayName: "Runs MLflow"}.Declare("server", in(enabled["iam"]))
	member := "serviceAccount:" + account.Email()
	bucket := storage.Bucket{
		Location:         target.Region,
		Labels:           map[string]string{"purpose": "artifacts"},
		SoftDeletePolicy: &storage.BucketSoftDeletePolicy{RetentionDurationSeconds: stack.Long(0)},
		ForceDestroy:     stack.Bool(true),
	}.Declare("artifacts", in(enabled["storage"]))
	bucketAccess := storage.BucketIamMember{
		Bucket: bucket.ResourceId(),
		Role:   "roles/storage.objectUser",
		Member: member,
	}.Declare("artifacts", in())
	secretAccess := secretmanager.SecretIamMember{
		Secret: secret.ResourceId(),
		Role:   "roles/secretmanager.secretAccessor",
		Member: member,
	}.Declare("password", in())

	// The server.
	number := cloudresourcemanager.Project{}.Lookup("project").ProjectNumber()
	hosts := functions.Join(",", fmt.Sprintf("mlflow-%s.%s.run.app", number, target.Region), "localhost:*")
	address := instance.Attribute("ipAddresses[0].ipAddress")
	uri := fmt.Sprintf("postgresql+psycopg2://mlflow@%s:5432/%s", address, database.ResourceId())
	selector := cloudrun.SecretKeySelector{Secret: secret.ResourceId(), Version: version.ResourceId()}
	container := cloudrun.Container{
		Image: config.Text("image", "us-docker.pkg.dev/cloudrun/container/hello"),
		Env: []cloudrun.EnvVar{
			{Name: "MLFLOW_BACKEND_STORE_URI", Value: uri},
			{Name: "MLFLOW_ARTIFACTS_DESTINATION", Value: "gs://" + bucket.Name()},
			{Name: "MLFLOW_SERVER_ALLOWED_HOSTS", Value: hosts},
			{Name: "PGPASSWORD", ValueSource: &cloudrun.EnvVarSource{SecretKeyRef: &selector}},
		},
	}
	how := in(enabled["run"], user, bucketAccess, secretAccess)
	how.Protect = target.Name == "prod"
	service := cloudrun.Service{
		Name:    "mlflow",
		Ingress: cloudrun.ServiceIngressIngressTrafficAll,
		Template: &cloudrun.RevisionTemplate{
			Containers:     []cloudrun.Container{container},
			ServiceAccount: account.Email(),
			Scaling:        &cloudrun.RevisionScaling{MaxInstanceCount: stack.Int(maximum)},
			VpcAccess: &cloudrun.VpcAccess{
				NetworkInterfaces: []cloudrun.NetworkInterface{
					{Network: network.ResourceId(), Subnetwork: subnetwork.ResourceId()},
				},
				Egress: "PRIVATE_RANGES_ONLY",
			},
		},
	}.Declare("mlflow", how)
	for _, invoker := range invokers {
		cloudrun.ServiceIamMember{
			Service: service.ResourceId(),
			Role:    "roles/run.invoker",
			Member:  invoker,
		}.Declare("invoker-"+strings.NewReplacer(":", "-", "@", "-").Replace(invoker), in())
	}

	stack.Output("url", service.Uri())
	stack.Output("artifacts", "gs://"+bucket.Name())
	stack.Output("database", map[string]string{"connection": instance.ConnectionName(), "address": address})
	return nil
}
