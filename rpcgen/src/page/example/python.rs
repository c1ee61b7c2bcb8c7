//! A call in Python: a whole script that needs nothing but the standard library.

use super::Call;
use super::json::{list, python, texts};

/// The script. It calls from the client's own address, by which the server knows it.
pub fn example(call: &Call<'_>) -> String {
    let Call {
        provided,
        caller,
        arguments,
        ..
    } = call;
    let (service, address) = (&provided.service.name, provided.provider.address);
    let (rpc, client, types) = (
        &call.rpc().name,
        &caller.name,
        texts(&call.argument_types()),
    );
    let arguments = list(arguments.iter().map(python));
    format!(
        r#"import json
import socket

request = {{
    "service": "{service}",
    "rpc": "{rpc}",
    "argument-types": {types},
    "arguments": {arguments},
    "client": "{client}",
}}

server = ("{host}", {port})
with socket.create_connection(server, source_address=("{ip}", 0)) as connection:
    message = json.dumps({{"header": "RPC-REQ", "value": request}})
    connection.sendall(message.encode() + b"\n")
    print(connection.makefile(encoding="utf-8").readline(), end="")"#,
        host = address.ip(),
        port = address.port(),
        ip = caller.ip,
    )
}
