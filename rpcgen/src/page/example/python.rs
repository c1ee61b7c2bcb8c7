//! A call in Python: a complete script that needs only the standard library.

use super::ExampleCall;
use super::json::{list, python, string_list};

/// Returns the script. It calls from the client's own address, because the server identifies the
/// client by its address.
pub fn example(call: &ExampleCall<'_>) -> String {
    let ExampleCall {
        entry,
        caller,
        ip,
        arguments,
        ..
    } = call;
    let service = &entry.service.name;
    let address = entry.provider.address;
    let rpc = &call.rpc().name;
    let client = &caller.name;
    let types = string_list(&call.argument_types());
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
    )
}
