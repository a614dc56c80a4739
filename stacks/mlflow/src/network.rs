//! The network through which the server reaches the database.

use mlflow_host_sdk::kinds::compute::{GlobalAddress, Network, NetworkHandle, Subnetwork, SubnetworkHandle};
use mlflow_host_sdk::kinds::run::{NetworkInterface, VpcAccess, VpcAccessEgress};
use mlflow_host_sdk::kinds::servicenetworking::{Connection, ConnectionHandle};

use crate::apis::Apis;
use crate::scope::Scope;

/// The addresses of the server's instances. Cloud Run takes them in blocks of 16, two to four times as many as
/// there are instances.
const SUBNETWORK_RANGE: &str = "10.8.0.0/24";

/// The size of the range that Google's services get, of which each region of Cloud SQL takes a /24.
const PEERING_PREFIX: i32 = 20;

pub(crate) struct PrivateNetwork {
    pub(crate) network: NetworkHandle,
    subnetwork: SubnetworkHandle,
    /// What must exist before Cloud SQL can have an address in the network.
    pub(crate) connection: ConnectionHandle,
}

impl PrivateNetwork {
    pub(crate) fn declare(scope: &Scope, apis: &Apis) -> Self {
        let network: Network = scope.resource();
        let network = network
            .auto_create_subnetworks(false)
            .description("The MLflow server and its database")
            .depends_on(&apis.compute)
            .declare(&scope.part("network"));

        let subnetwork: Subnetwork = scope.resource();
        let subnetwork = subnetwork
            .network(network.self_link())
            .ip_cidr_range(SUBNETWORK_RANGE)
            .private_ip_google_access(true)
            .declare(&scope.part("subnetwork"));

        let range: GlobalAddress = scope.resource();
        let range = range
            .purpose("VPC_PEERING")
            .address_type("INTERNAL")
            .prefix_length(PEERING_PREFIX)
            .network(network.self_link())
            .declare(&scope.part("services"));

        let connection: Connection = scope.resource();
        let connection = connection
            .network(format!("projects/{}/global/networks/{}", scope.project, network.resource_id()))
            .reserved_peering_ranges([range.resource_id()])
            .depends_on(&apis.service_networking)
            .declare(&scope.part("services"));

        Self { network, subnetwork, connection }
    }

    /// Direct VPC egress, which costs nothing while nothing runs: only what goes to private addresses.
    pub(crate) fn access(&self) -> VpcAccess {
        let interface = NetworkInterface::new()
            .network(self.network.resource_id())
            .subnetwork(self.subnetwork.resource_id());
        VpcAccess::new().network_interfaces([interface]).egress(VpcAccessEgress::PrivateRangesOnly)
    }
}
