"""basic-socket-rpc: a thread for each connection, and the blocking client."""

import socket
import threading
from enum import Enum

from basic_socket_rpc.rpc_blocking_client import gen_client_class
from basic_socket_rpc.rpc_serialization_functions import (
    deserialize_bytes,
    make_serializer,
    make_server_deserializer,
    serialize_bytes,
)
from basic_socket_rpc.rpc_spec import RpcClientReq, RpcClientSpec, RpcServerResp, RpcServerSpec
from basic_socket_rpc.rpc_threaded_server import SocketServer

import contest

Command = Enum("Command", ["add", "echo"])


def pack(number):
    return number.to_bytes(8, "little", signed=True)


def unpack(data):
    return int.from_bytes(data[:8], "little", signed=True), data[8:]


def first(deserialize):
    return lambda data: deserialize(data)[0]


SERVER = RpcServerSpec(
    responses=(
        RpcServerResp(Command.add, make_server_deserializer(unpack, unpack), pack, lambda a, b: a + b),
        RpcServerResp(Command.echo, make_server_deserializer(deserialize_bytes), serialize_bytes, lambda data: data),
    )
)
Client = gen_client_class(
    RpcClientSpec(
        requests=(
            RpcClientReq(Command.add, make_serializer(pack, pack), first(unpack)),
            RpcClientReq(Command.echo, serialize_bytes, first(deserialize_bytes)),
        )
    )
)


def serve(ready):
    """Accepts connections as the package's own server does. That server does not report its port if it picks one."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready(listener.getsockname()[1])
    commands = {response.cmd_id.value: response for response in SERVER.responses}
    while True:
        client, address = listener.accept()
        client.settimeout(2.0)
        shared = ({}, {}, threading.Lock())
        server = SocketServer(client, address, SERVER, commands, shared, threading.Event())
        threading.Thread(target=server.run, daemon=True).start()


def connect(host, port):
    client = Client(host, port)
    client.socket_client_connect()
    client.close = client.socket_client_disconnect
    return client


contest.main(serve, connect)
