"""grpcio: a server with a thread pool, and the synchronous client. `struct` packs the messages, because it is faster
than protobuf."""

import struct
from concurrent.futures import ThreadPoolExecutor

import grpc

import contest

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
PAIR, NUMBER = struct.Struct("<qq"), struct.Struct("<q")


def serve(ready):
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=UNLIMITED)
    handlers = {
        "Add": grpc.unary_unary_rpc_method_handler(
            lambda pair, _: pair[0] + pair[1], request_deserializer=PAIR.unpack, response_serializer=NUMBER.pack
        ),
        "Echo": grpc.unary_unary_rpc_method_handler(lambda data, _: data),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Bench", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ready(port)
    server.wait_for_termination()


class connect:
    def __init__(self, host, port):
        # Without this option, grpcio would use the connection of a closed channel again.
        options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(f"{host}:{port}", options=options)
        add = channel.unary_unary(
            "/bench.Bench/Add", request_serializer=lambda pair: PAIR.pack(*pair), response_deserializer=NUMBER.unpack
        )
        self.add = lambda a, b: add((a, b))[0]
        self.echo = channel.unary_unary("/bench.Bench/Echo")
        self.close = channel.close


contest.main(serve, connect)
