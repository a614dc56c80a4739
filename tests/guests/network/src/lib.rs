//! Reaches for the network in every way that WASI has, and says what came of each. The configuration key `port` says
//! where on this machine somebody listens.

use mlflow_host_sdk::{Error, Result, config, stack};

wit_bindgen::generate!({ path: "wit", world: "network", generate_all });

use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::resolve_addresses;
use wasi::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasi::sockets::tcp_create_socket::create_tcp_socket;
use wasi::sockets::udp_create_socket::create_udp_socket;

stack!(run);

fn run() -> Result<()> {
    let port = config::integer("port")?.and_then(|port| port.try_into().ok());
    let port = port.ok_or_else(|| Error::new("The key `port` has to be a port."))?;
    let network = instance_network();
    let address = |port| IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    let tcp = create_tcp_socket(IpAddressFamily::Ipv4);
    let udp = create_udp_socket(IpAddressFamily::Ipv4);
    let tries = [
        ("TCP", tcp.and_then(|socket| socket.start_connect(&network, address(port)))),
        ("UDP", udp.and_then(|socket| socket.start_bind(&network, address(0)))),
        ("looking up a name", resolve_addresses(&network, "localhost").map(drop)),
        ("looking up an address", resolve_addresses(&network, "127.0.0.1").map(drop)),
    ];
    let said: Vec<_> = tries.into_iter().map(|(what, end)| format!("{what}: {}", outcome(end))).collect();
    Err(Error::new(said.join("; ")))
}

fn outcome(end: std::result::Result<(), ErrorCode>) -> &'static str {
    match end {
        Ok(()) => "allowed",
        Err(error) => error.name(),
    }
}
