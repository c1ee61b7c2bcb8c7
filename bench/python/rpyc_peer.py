"""rpyc: a threaded server, and the classic synchronous client. Nothing is compressed. Functions are looked up once."""

import socket

import rpyc
from rpyc.core.channel import Channel
from rpyc.utils.server import ThreadedServer

import contest

Channel.COMPRESSION_THRESHOLD = 1 << 40


class Bench(rpyc.Service):
    def exposed_add(self, a, b):
        return a + b

    def exposed_echo(self, data):
        return data


def serve(ready):
    server = ThreadedServer(Bench, hostname="127.0.0.1", port=0)
    # Accepted sockets inherit the option.
    server.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready(server.port)
    server.start()


class connect:
    def __init__(self, host, port):
        self.connection = rpyc.connect_stream(rpyc.SocketStream.connect(host, port, nodelay=True))
        self.add = self.connection.root.add
        self.close = self.connection.close

    @property
    def echo(self):
        return self.connection.root.echo


contest.main(serve, connect)
