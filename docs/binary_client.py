"""A client of binary sessions, one call at a time, written from PROTOCOL.md alone. The last lines call the demo network."""
import collections, io, socket, struct

Type = collections.namedtuple("Type", "text put get")  # put(value) is its bytes; get(stream) reads a value
def exactly(stream, count):
    if len(data := stream.read(count)) < count: raise EOFError(f"{count} bytes expected, {len(data)} came")
    return data
def number(text, form):
    get = lambda stream: struct.unpack(form, exactly(stream, struct.calcsize(form)))[0]
    return Type(text, lambda value: struct.pack(form, value), get)
INT, FLOAT, BYTE, COUNT, CALL = map(number, ("int", "float", "", "", ""), ("<q", "<d", "B", "<I", "<Q"))
BOOL = Type("bool", lambda value: BYTE.put(bool(value)), lambda stream: (False, True)[BYTE.get(stream)])
BYTES = Type("bytes", lambda value: COUNT.put(len(value)) + value, lambda stream: exactly(stream, COUNT.get(stream)))
STR = Type("str", lambda value: BYTES.put(value.encode()), lambda stream: BYTES.get(stream).decode())
def List(item):
    return Type(f"List[{item.text}]", lambda value: COUNT.put(len(value)) + b"".join(map(item.put, value)),
                lambda stream: [item.get(stream) for _ in range(COUNT.get(stream))])
def Dict(key, item):
    rows, text = List(Tuple(key, item)), f"Dict[{key.text}, {item.text}]"
    return Type(text, lambda value: rows.put(value.items()), lambda stream: dict(rows.get(stream)))
def Optional(item):
    return Type(f"Optional[{item.text}]", lambda value: b"\0" if value is None else b"\1" + item.put(value),
                lambda stream: item.get(stream) if BOOL.get(stream) else None)
def Tuple(*items):  # a record too: Tuple(...)._replace(text="Summary{...}"); an enumeration is a COUNT
    return Type(f"Tuple[{', '.join(item.text for item in items)}]",
                lambda values: b"".join(item.put(value) for item, value in zip(items, values)),
                lambda stream: tuple(item.get(stream) for item in items))
SIGNATURE = Tuple(STR, STR, List(STR), Optional(List(STR)))  # service, procedure, argument and return types
EXCEPTION = Tuple(STR, BYTE, STR, Optional(STR), List(STR))  # type, executed, message, own kind, valid signatures

class RpcError(Exception): pass

class Session:
    def __init__(self, host, port, source="127.0.0.1", client=""):
        self.socket = socket.create_connection((host, port), 60, (source, 0))
        self.input, self.output, self.slots, self.calls = self.socket.makefile("rb"), b"", {}, 0
        self.put(0x00, b"RPCB" + struct.pack("<HHII", 1, 1, 128 << 20, 0) + STR.put(client))  # HELLO
    def put(self, kind, fields):
        self.output += struct.pack(">IB", 1 + len(fields), kind) + fields
    def call(self, service, rpc, arguments, returns, *values, deadline_ms=0xFFFFFFFF):
        signature = SIGNATURE.put((service, rpc, [of.text for of in arguments], [of.text for of in returns]))
        if signature not in self.slots:
            self.put(0x01, COUNT.put(len(self.slots)) + signature)  # BIND
        slot = self.slots.setdefault(signature, len(self.slots))
        self.calls += 1
        self.put(0x03, struct.pack("<QII", self.calls, slot, deadline_ms) + Tuple(*arguments).put(values))  # REQ
        while True:
            self.output = self.socket.sendall(self.output) or b""
            length, kind = struct.unpack(">IB", exactly(self.input, 5))
            fields = io.BytesIO(exactly(self.input, length - 1))
            if kind == 0x04: return Tuple(CALL, *returns).get(fields)[1:]  # RES
            if kind == 0x05: raise RpcError(*Tuple(CALL, EXCEPTION).get(fields)[1])  # EX
            if kind == 0x07: self.put(0x08, fields.read())  # PING, PONG
            if kind == 0x09 and CALL.get(fields) < self.calls: raise EOFError("the server stops; nothing ran")  # DRAIN
if __name__ == "__main__":
    session = Session("127.0.0.1", 7101)
    print(session.call("svc1", "rpc1", [INT, List(STR)], [STR], 7, ["one", "file"]))
    print(session.call("svc1", "add", [FLOAT, FLOAT], [FLOAT], 2.5, 0.5))
    try: session.call("calculator", "divide", [FLOAT, FLOAT], [FLOAT], 1, 0)
    except RpcError as error: print(error)
