#!/usr/bin/env python3
"""Lets web pages in a real Chromium attack an rpc-server. Needs only the standard library.

    tests/browser/strangers.py FOLDER/WITH/BINARIES

The server listens on 127.0.0.1, as on the computer of a user who also reads web pages. A page can send bytes to the
server. These bytes must run nothing: no call and no deployment. Three pages try everything that a page can do:

- a stranger's page, `http://stranger.example`, against `127.0.0.1`,
- a page on another port of a host name that resolves to 127.0.0.1, `http://rebound.example`,
- a page whose own origin is the server: the page is loaded from a port, and then the server takes over this port. DNS
  rebinding has the same effect. Such a page chooses method, headers and body, and the browser sends no preflight.

Every call writes a line to a file, the witness. Each attack sends its own name, and a call writes the name that it
received. At the end, the test checks that

- every planned attack was tried, and the server's log has the connections that a browser makes for it,
- the witness has only the lines of honest calls,
- the server runs the one generation that was honestly applied, and no lease is held,
- an honest call is answered as before.

The environment variable `CHROMIUM` names the browser. Without it, the browser is chromium, chromium-browser or
google-chrome, whichever is found first. If none is found, nothing is checked.
"""

import base64
import collections
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

# Time limit of the whole test.
PATIENCE_S = 75
# Time limit of a single answer of a program.
ANSWER_S = 10
# Time limit of all honest calls together.
PROMPT_S = 5
# Maximum time between a connection and its line in the log.
LOG_S = 5
# Number of connections that may be missing for a kind of attack. A browser sometimes opens a connection in advance, and
# a later kind of attack uses it.
SPARE = 2

HONEST = "honest"
STRANGER, REBOUND, TAKEN_OVER = "a stranger's page", "a page of a rebound name", "a page of the server's own origin"

INIT = """version: 1
network:
  servers:
    home: { ip: 127.0.0.1, port: 7101 }
  clients:
    neighbour: { ip: 127.0.0.1 }
services:
  witness:
    provider: home
    tenants: [neighbour]
    rpcs:
      - { name: sign, arguments: { who: str }, path: sign.py }
"""

SOURCE = """def sign(who: str) -> None:
    with open({witness!r}, "a") as file:
        file.write(who + "\\n")
"""

# Writes a line as soon as it is loaded.
CHANGED = SOURCE + """

sign({name!r})
"""

# The attacking page. It carries out its plan, kind by kind, and reports each attack to the driver. `within` limits the
# time of steps that a browser may never finish.
PAGE = r"""<!doctype html><meta charset="utf-8"><title>a page</title><body><script>
const { driver, kinds, takesOver } = PLAN;

const tell = async (what, about) => {
  const answer = await fetch(`${driver}/${what}`, { method: "POST", body: JSON.stringify(about) });
  if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
};
const within = (ms, promise) => Promise.race([promise, new Promise((done) => setTimeout(done, ms, "no answer"))]);
const event = (from, ...names) => new Promise((done) => {
  for (const name of names) from.addEventListener(name, () => done(name), true);
});
const escaped = (text) => text.replace(/[&"<]/g, (letter) => `&#${letter.charCodeAt()};`);

const bodyOf = (body) => {
  if (!body) return undefined;
  if (body.search) return new URLSearchParams(body.search);
  if (body.fields) {
    const form = new FormData();
    for (const [name, value] of body.fields) form.append(name, value);
    for (const [name, value] of body.fields) form.append(`${name}2`, new Blob([value]), value);
    return form;
  }
  const blob = new Blob([Uint8Array.from(atob(body.bytes), (letter) => letter.charCodeAt())], { type: body.type });
  return body.stream ? blob.stream() : blob;
};

// Makes a frame for one attack, so that the page itself is not replaced.
const frame = (attributes = {}) => {
  const made = document.createElement("iframe");
  made.name = `frame${document.querySelectorAll("iframe").length}`;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  document.body.append(made);
  return made;
};

const HOW = {
  fetch: ({ url, body, options }) => {
    const streams = body?.stream ? { duplex: "half" } : {};
    return fetch(url, { body: bodyOf(body), cache: "no-store", ...streams, ...options });
  },

  xhr: ({ url, method, headers, body }) => {
    const request = new XMLHttpRequest();
    const done = event(request, "loadend");
    request.open(method, url);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.send(bodyOf(body));
    return done;
  },

  form: async ({ url, method, enctype, fields, file, sandbox }) => {
    const into = frame(sandbox ? { sandbox: "allow-forms allow-scripts" } : {});
    const form = document.createElement("form");
    Object.assign(form, { action: url, method, enctype, target: into.name });
    for (const [name, value] of fields) {
      const field = document.createElement(file ? "input" : "textarea");
      field.name = name;
      if (file) {
        field.type = "file";
        const chosen = new DataTransfer();
        chosen.items.add(new File([value], value));
        field.files = chosen.files;
      } else {
        field.value = value;
      }
      form.append(field);
    }
    document.body.append(form);
    const done = event(into, "load");
    form.submit();
    return await done;
  },

  markup: ({ url, markup }) => {
    const box = document.createElement("div");
    const done = event(box, "load", "error");
    document.body.append(box);
    box.append(document.createRange().createContextualFragment(markup.replace("URL", escaped(url))));
    return done;
  },

  framed: ({ url, markup }) => {
    const into = frame();
    const first = event(into, "load");
    into.srcdoc = markup.replace("URL", escaped(url));
    return first.then(() => event(into, "load"));
  },

  style: ({ url, markup }) => {
    const box = document.createElement("div");
    box.style = markup.replace("URL", new URL(url).href);
    box.textContent = "x";
    document.body.append(box);
    return getComputedStyle(box).backgroundImage;
  },

  font: ({ url }) => new FontFace("letters", `url("${new URL(url).href}")`).load(),
  module: ({ url }) => import(url),

  worker: ({ url }) => {
    const worker = new Worker(url);
    return event(worker, "error", "message");
  },

  importing: ({ url }) => {
    const source = `try { importScripts(${JSON.stringify(url)}) } catch {} postMessage(0);`;
    const worker = new Worker(URL.createObjectURL(new Blob([source])));
    return event(worker, "error", "message");
  },

  events: async ({ url }) => {
    const source = new EventSource(url);
    await event(source, "error", "open");
    source.close();
  },

  socket: async ({ url, protocols, text }) => {
    const socket = new WebSocket(url, protocols);
    socket.onopen = () => socket.send(text);
    return await event(socket, "close");
  },

  beacon: ({ url, body }) => navigator.sendBeacon(url, bodyOf(body)),

  ping: ({ url }) => {
    const link = document.createElement("a");
    Object.assign(link, { href: "#here", ping: new URL(url).href });
    document.body.append(link);
    link.click();
  },

  report: ({ url }) => event(frame({ src: `${driver}/reporting?${encodeURIComponent(new URL(url).href)}` }), "load"),

  cookie: ({ url, text }) => {
    document.cookie = `${text}; path=/`;
    document.cookie = `call=${text}; path=/`;
    return fetch(url, { method: "POST", body: text, credentials: "include", mode: "no-cors" });
  },

  turn: async ({ url, text }) => {
    const server = { urls: `turn:${new URL(url).host}?transport=tcp`, username: text, credential: text };
    const peer = new RTCPeerConnection({ iceServers: [server] });
    peer.createDataChannel("calls");
    await peer.setLocalDescription();
    await within(1000, event(peer, "icecandidateerror"));
    peer.close();
  },
};

const attempt = async (attack) => {
  try {
    return String(await within(attack.how === "socket" ? 6000 : 3000, HOW[attack.how](attack)));
  } catch (error) {
    return String(error);
  }
};

(async () => {
  if (takesOver) await tell("take-over", {});
  for (const { kind, attacks } of kinds) {
    await tell("begin", { kind });
    const tries = [];
    for (const attack of attacks) {
      const tried = attempt(attack).then((outcome) => tell("tried", { name: attack.name, outcome }));
      // After failed WebSockets, a browser delays the next one. So these attacks run at the same time.
      tries.push(attack.how === "socket" ? tried : await tried);
    }
    await Promise.all(tries);
    await tell("end", { kind });
  }
  await tell("finished", {});
})().catch((error) => tell("finished", { error: String(error) }));
</script>
"""

# A page with an image that its content security policy forbids. The browser reports this to the URL that the attack
# chose.
REPORTING = '<!doctype html><title>a page</title><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'

def message(header, **value):
    return json.dumps({"header": header, "value": value})


def call(name):
    """Returns a call of the witness, as a message (docs/PROTOCOL.md)."""
    members = {"service": "witness", "rpc": "sign", "argument-types": ["str"], "arguments": [name]}
    return message("RPC-REQ", id=1, **members)


def lines(*messages):
    """Returns messages as lines. A line break in front ends the line that comes before them."""
    return "\r\n" + "".join(text + "\n" for text in messages)


def framed(payload):
    return struct.pack(">I", len(payload)) + payload


def text(value):
    return struct.pack("<I", len(value)) + value.encode()


def binary(name):
    """Returns the same call as a binary session: HELLO, BIND, REQ."""
    hello = b"\0RPCB" + struct.pack("<HHII", 1, 1, 1 << 27, 0) + text("")
    bind = b"\1" + struct.pack("<I", 0) + text("witness") + text("sign") + struct.pack("<I", 1) + text("str") + b"\0"
    request = b"\3" + struct.pack("<QII", 1, 0, 0xFFFFFFFF) + text(name)
    return framed(hello) + framed(bind) + framed(request)


def zstd(content):
    """Returns a Zstandard frame (RFC 8878) that holds `content`, less than 64 KiB, without compression."""
    length = struct.pack("<I", len(content) << 3 | 1)[:3]
    return b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(content)) + length + content


class Deployment:
    """The messages that a page would have to send to deploy a changed procedure. The page knows everything that it
    could find out: the live manifest and its hash."""

    STEPS = ("INIT-BEGIN", "INIT-PUT", "INIT-PREPARE", "INIT-COMMIT")

    def __init__(self, name, witness, generation):
        source = CHANGED.format(witness=str(witness), name=name).encode()
        digest = hashlib.sha256(source).hexdigest()
        manifest = json.loads(json.dumps(generation["manifest"]))
        manifest["services"]["witness"]["rpcs"][0]["source"]["sha256"] = digest
        live = {"generation": generation["generation"], "content": generation["content"]}
        packed = {"sha256": digest, "size": len(source), "zstd": base64.b64encode(zstd(source)).decode()}
        self.txn = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.values = {
            "INIT-BEGIN": {"lease-ms": 300_000, "expected": live, "manifest": manifest},
            "INIT-PUT": {"files": [packed]},
        }

    def step(self, header):
        return message(header, id=1, txn=self.txn, **self.values.get(header, {}))


def wrong_proofs():
    """Returns wrong proofs of the deploy key. They must not lock out an owner of the key."""
    proof = [message("INIT-CHALLENGE", id=1), message("INIT-PROVE", id=2, proof="0" * 64)]
    return lines(*proof * 20)


METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS get Post put delete".split()
# A browser sends these methods as they are written, without conversion to upper case.
METHODS += "patch Patch pAtCh m-search M-SEARCH propfind foo".split()
MODES = ("no-cors", "cors", "same-origin")
ENCTYPES = ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded")

MARKUP = (
    '<img src="URL">',
    '<img crossorigin src="URL">',
    '<input type="image" src="URL">',
    '<svg><image href="URL"/></svg>',
    '<video src="URL"></video>',
    '<audio src="URL"></audio>',
    '<script src="URL"></script>',
    '<script type="module" src="URL"></script>',
    '<iframe src="URL"></iframe>',
    '<iframe sandbox src="URL"></iframe>',
    '<object data="URL"></object>',
    '<embed src="URL">',
    '<link rel="stylesheet" href="URL">',
    '<link rel="preload" as="script" href="URL">',
    '<link rel="preload" as="fetch" crossorigin href="URL">',
    '<link rel="modulepreload" href="URL">',
    '<link rel="prefetch" href="URL">',
)


class Planner:
    """Plans the attacks of one page. Each attack has a name and sends it."""

    def __init__(self, scene, target, deployment):
        self.scene = scene
        self.target = target
        self.deployment = deployment
        self.own = scene == TAKEN_OVER
        self.kinds = []

    def kind(self, kind):
        self.kinds.append({"kind": kind, "attacks": []})

    def add(self, label, how, connects=True, path=None, scheme="http", **rest):
        """Adds an attack. `connects` is whether a browser opens a connection for it."""
        attacks = self.kinds[-1]["attacks"]
        name = self.name(label)
        start = self.target.replace("http", scheme, 1)
        # Every URL contains a call, after line breaks of two kinds.
        url = start + (path or "/x\r\n" + call(name) + "\n?%0d%0a" + urllib.parse.quote(call(name)) + "%0a")
        attacks.append({"name": name, "how": how, "connects": connects, "url": url, **rest})

    def name(self, label):
        return f"{self.scene}: {label}"

    def plan(self):
        first, *others = Deployment.STEPS
        self.deploying(first)
        self.fetching_by_method()
        self.deploying(others[0])
        self.fetching_by_body()
        self.deploying(others[1])
        self.requesting()
        self.submitting()
        self.embedding()
        self.connecting()
        self.sending_aside()
        # The commit comes last, to give the server time to prepare.
        self.deploying(others[2])
        return self.kinds

    def sends(self, method, mode):
        """Returns whether a browser sends anything for a fetch: the request or a preflight."""
        if mode == "same-origin":
            return self.own
        return mode == "cors" or method.upper() in ("GET", "HEAD", "POST")

    def body(self, content, kind="text/plain"):
        content = content if isinstance(content, bytes) else content.encode()
        return {"bytes": base64.b64encode(content).decode(), "type": kind}

    def fetching(self, label, method, mode, body, headers=None, connects=True, **options):
        options.update(method=method, mode=mode, headers=headers or {})
        self.add(label, "fetch", self.sends(method, mode) and connects, body=body, options=options)

    def fetching_by_method(self):
        self.kind("fetch, each method")
        for method in METHODS:
            for mode in MODES:
                label = f"fetch {method} {mode}"
                has_body = method.upper() not in ("GET", "HEAD")
                self.fetching(label, method, mode, self.body(lines(call(self.name(label)))) if has_body else None)
        for method in ("TRACE", "CONNECT", "x\r\n{}", '{"header":1}'):
            self.fetching(f"fetch {method!r}", method, "cors", None, connects=False)

    def fetching_by_body(self):
        self.kind("fetch, each body")
        for method in ("POST", "patch"):
            label = f"fetch {method} of a stream"
            stream = {**self.body(lines(call(self.name(label)))), "stream": True}
            # A stream needs HTTP/2. The browser opens a connection, and the next attack uses it.
            self.fetching(label, method, "cors", stream, connects=False)
        for method in ("POST", "PUT", "patch", "foo"):
            for mode in MODES[:2]:
                for kind, body in self.bodies(f"fetch {method} {mode}").items():
                    self.fetching(f"fetch {method} {mode} {kind}", method, mode, body)
        for method in ("POST", "patch"):
            label = f"fetch {method} that outlives the page"
            self.fetching(label, method, "cors", self.body(lines(call(self.name(label)))), keepalive=True)

    def bodies(self, label):
        def named(kind):
            return call(self.name(f"{label} {kind}"))

        return {
            "without a type": self.body(lines(named("without a type")), ""),
            "application/json": self.body(lines(named("application/json")), "application/json"),
            "one object": self.body(named("one object"), "application/json"),
            "multipart": {"fields": [["a", lines(named("multipart"))], [lines(named("multipart")), "a"]]},
            "urlencoded": {"search": [["a", lines(named("urlencoded"))], [lines(named("urlencoded")), "a"]]},
            "one frame": self.body(framed(named("one frame").encode()), ""),
            "a binary session": self.body(binary(self.name(f"{label} a binary session")), ""),
            "wrong proofs": self.body(wrong_proofs()),
        }

    def requesting(self):
        self.kind("XMLHttpRequest")
        for method in ("GET", "POST", "PUT", "patch", "foo"):
            for kind in ("a header", "a content type", "line breaks in a header", "a name of a header"):
                label = f"XMLHttpRequest {method} {kind}"
                message = call(self.name(label))
                headers = {
                    "a header": [["x", message], ["accept", message], ["accept-language", message]],
                    "a content type": [["content-type", "text/plain; " + message]],
                    "line breaks in a header": [["x", "a" + lines(message)]],
                    "a name of a header": [[message, "x"]],
                }[kind]
                connects = kind in ("a header", "a content type")
                body = self.body(lines(message))
                self.add(label, "xhr", connects, method=method, headers=headers, body=body)

    def submitting(self):
        self.kind("forms")
        for method, enctype in [("get", ENCTYPES[-1]), *(("post", enctype) for enctype in ENCTYPES)]:
            for kind in ("values", "names", "a name and its value", "files", "values from a sandbox"):
                label = f"form {method} {enctype} {kind}"
                message = call(self.name(label))
                fields = {
                    "names": [[lines(message), "a"]],
                    # The form joins name and value with a `=`.
                    "a name and its value": [[message[:-1] + ', "a": "', '"}']],
                }.get(kind, [["a", lines(message)]])
                options = {"file": kind == "files", "sandbox": kind.endswith("sandbox")}
                self.add(label, "form", method=method, enctype=enctype, fields=fields, **options)

    def embedding(self):
        self.kind("elements")
        for markup in MARKUP:
            # A browser blocks URLs that contain both a line break and a `<`.
            label = re.sub("[<>]+", " ", markup.split("URL")[0].replace('"', "")).strip(" =")
            self.add(label, "markup", markup=markup)
        self.add("a frame that is refreshed", "framed", markup='<meta http-equiv="refresh" content="0;url=URL">')
        self.add("a style that imports", "markup", markup='<style>@import "URL";</style>', path="/style.css")
        self.add("a background", "style", markup='background-image: url("URL")')
        self.add("a font", "font")
        self.add("a module", "module")
        self.add("a worker", "worker", connects=self.own)
        self.add("a worker that imports", "importing")

    def connecting(self):
        self.kind("EventSource, WebSocket, WebRTC, TLS")
        self.add("EventSource", "events")
        label = "WebSocket"
        message = call(self.name(label))
        self.add(label, "socket", scheme="ws", protocols=[], text=message)
        self.add("WebSocket with protocols", "socket", scheme="ws", protocols=["RPC-REQ", "header"], text=message)
        self.add("WebSocket with JSON as protocol", "socket", False, scheme="ws", protocols=[message], text=message)
        self.add("WebSocket over TLS", "socket", scheme="wss", protocols=[], text=message)
        for method in ("GET", "POST", "patch"):
            label = f"fetch {method} over TLS"
            body = self.body(lines(call(self.name(label)))) if method != "GET" else None
            options = {"method": method, "mode": "cors"}
            self.add(label, "fetch", scheme="https", body=body, options=options)
        self.add("TURN", "turn", text=lines(call(self.name("TURN"))))

    def sending_aside(self):
        self.kind("beacons, pings, reports, cookies")
        for kind, body in self.bodies("beacon").items():
            self.add(f"beacon {kind}", "beacon", body=body)
        label = "beacon text/plain"
        self.add(label, "beacon", body=self.body(lines(call(self.name(label)))))
        self.add("a ping", "ping")
        self.add("a report of what is not allowed", "report")
        self.add("a cookie", "cookie", text=call(self.name("a cookie")))

    def deploying(self, header):
        """Plans one step of a deployment, in each way that could send lines to the server."""
        self.kind(f"deployment, {header}")
        for way in ("fetch POST", "fetch PATCH", "fetch patch", "fetch foo", "XMLHttpRequest", "form", "beacon"):
            # The deployed code writes the name of the attack that would load it.
            message = self.deployment(self.name(f"INIT-PREPARE by {way}")).step(header)
            label, body = f"{header} by {way}", self.body(lines(message))
            if way.startswith("fetch"):
                method = way.split()[1]
                self.fetching(label, method, "no-cors" if method == "POST" else "cors", body)
            elif way == "XMLHttpRequest":
                self.add(label, "xhr", method="patch", headers=[["content-type", "text/plain"]], body=body)
            elif way == "form":
                fields = [[lines(message), "a"]]
                self.add(label, "form", method="post", enctype="text/plain", fields=fields)
            else:
                self.add(label, "beacon", body=body)


class Lines:
    """Collects the lines of a pipe."""

    def __init__(self, pipe):
        self.all = []
        self.arrived = threading.Condition()
        threading.Thread(target=self.read, args=(pipe,), daemon=True).start()

    def read(self, pipe):
        for line in pipe:
            with self.arrived:
                self.all.append(line)
                self.arrived.notify_all()

    def wait(self, finding, seconds):
        """Waits until `finding` of the lines is true, and returns its last result."""
        with self.arrived:
            self.arrived.wait_for(lambda: finding(self.all), seconds)
            return finding(self.all)


class Server:
    """An rpc-server with its data in a folder."""

    def __init__(self, binaries, folder, environment):
        self.binaries = binaries
        self.folder = folder
        self.environment = environment
        self.process = self.log = self.address = None

    def start(self, port):
        command = [self.binaries / "rpc-server", "--listen", f"127.0.0.1:{port}", "--data", self.folder / "data"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
        self.process = subprocess.Popen([*command, "--drain-timeout", "1s"], env=self.environment, **pipes)
        printed, self.log = Lines(self.process.stdout), Lines(self.process.stderr)
        found = printed.wait(lambda all: re.search(r"listening on ([\d.]+):(\d+)", "".join(all)), ANSWER_S)
        if not found:
            raise Wrong("the server did not start: " + "".join(self.log.all))
        self.address = found[1], int(found[2])

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ANSWER_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def initializer(self, *arguments):
        place = "home={}:{}".format(*self.address)
        command = [self.binaries / "initializer", *arguments, self.folder / "init.yaml", "--server", place, "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=ANSWER_S * 2)
        # Exit code 3: something differs.
        if done.returncode not in (0, 3):
            raise Wrong(f"initializer {arguments[0]}: {done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ask(self, request, until):
        """Sends the bytes `request` and waits for an answer that contains `until`."""
        with socket.create_connection(self.address, ANSWER_S) as connection:
            connection.sendall(request)
            answer = b""
            while until not in answer:
                more = connection.recv(4096)
                if not more:
                    raise Wrong(f"the answer to an honest call is {answer!r}")
                answer += more

    def honest_calls(self):
        """Calls the witness in each form that the attacks use. This shows that the server accepts these forms."""
        begun = time.monotonic()
        try:
            self.ask(lines(call(HONEST)).encode(), b'"RPC-RES"')
            self.ask(framed(call(HONEST).encode()), b'"RPC-RES"')
            self.ask(binary(HONEST), b"\0\0\0\x09\4\1\0\0\0\0\0\0\0")
        except OSError as error:
            raise Wrong(f"an honest call failed: {error}")
        if time.monotonic() - begun > PROMPT_S:
            raise Wrong(f"the honest calls took longer than {PROMPT_S} s")

    def connections(self, log):
        """Returns the number of connections in a log, including those that it only counts."""
        counted = sum(int(count) for line in log for count in re.findall(r"suppressed .*connections=(\d+)", line))
        return counted + sum(" connected " in line for line in log)


class Wrong(Exception):
    """A check that failed."""


class Page(http.server.ThreadingHTTPServer):
    """Serves pages, each over its own connection, until the port is given up."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.open = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def get_request(self):
        connection, peer = super().get_request()
        self.open.append(connection)
        return connection, peer

    def handle_error(self, request, client_address):
        """Ignores errors: a browser may close its connection at any time."""

    def give_up(self):
        self.shutdown()
        self.server_close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Driver:
    """Gives a page its plan, and receives the page's reports."""

    def __init__(self, scene, server, deployment):
        self.scene = scene
        self.server = server
        self.finished = threading.Event()
        self.error = None
        self.tried = []
        self.connections_before = 0
        driver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, to = self.path.partition("?")
                if path == "/":
                    self.answer(driver.page())
                elif path == "/reporting":
                    rules = "img-src 'none'; report-uri " + urllib.parse.unquote(to)
                    self.answer(REPORTING, headers={"Content-Security-Policy-Report-Only": rules})
                else:
                    self.answer("", 404)

            def do_POST(self):
                about = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    driver.hear(self.path.strip("/"), about)
                    self.answer("")
                except Wrong as wrong:
                    self.answer(str(wrong), 500)

            def answer(self, content, code=200, headers=None):
                content = content.encode()
                self.send_response(code)
                usual = {"Content-Type": "text/html", "Connection": "close", "Access-Control-Allow-Origin": "*"}
                for name, value in {**usual, "Content-Length": str(len(content)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.helper = Page(Handler)
        self.pages = Page(Handler)
        port = self.pages.server_port if scene == TAKEN_OVER else server.address[1]
        host = "127.0.0.1" if scene == STRANGER else "rebound.example"
        origin = "stranger.example" if scene == STRANGER else "rebound.example"
        self.url = f"http://{origin}:{self.pages.server_port}/"
        self.kinds = Planner(scene, f"http://{host}:{port}", deployment).plan()

    def page(self):
        plan = {
            "driver": f"http://127.0.0.1:{self.helper.server_port}",
            "kinds": self.kinds,
            "takesOver": self.scene == TAKEN_OVER,
        }
        return PAGE.replace("PLAN", json.dumps(plan).replace("<", "\\u003c"), 1)

    def hear(self, what, about):
        if what == "take-over":
            self.take_over()
        elif what == "begin":
            self.connections_before = self.server.connections(self.server.log.all)
        elif what == "tried":
            self.tried.append((about["name"], about["outcome"]))
        elif what == "end":
            self.check_arrivals(about["kind"])
        elif what == "finished":
            self.error = about.get("error")
            self.finished.set()

    def take_over(self):
        """Restarts the server on the port from which the page was loaded."""
        port = self.pages.server_port
        self.pages.give_up()
        self.server.stop()
        self.server.start(port)

    def check_arrivals(self, kind):
        planned = sum(attack["connects"] for attack in self.attacks(kind))

        def arrived(log):
            return self.server.connections(log) - self.connections_before

        if not self.server.log.wait(lambda log: arrived(log) >= planned - SPARE, LOG_S):
            raise Wrong(f"{kind}: the server got {arrived(self.server.log.all)} connections, not {planned}")

    def attacks(self, kind):
        return next(each["attacks"] for each in self.kinds if each["kind"] == kind)

    def names(self):
        return [attack["name"] for each in self.kinds for attack in each["attacks"]]

    def close(self):
        self.helper.give_up()
        self.pages.give_up()


def browser():
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)


def browse(chromium, folder, driver, until):
    """Opens the page, and waits until it has finished."""
    profile = tempfile.mkdtemp(dir=folder)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-breakpad", "--disable-component-update", f"--user-data-dir={profile}"]
    # Turn off protections of the browser: this tests the server alone.
    off = ["LocalNetworkAccessChecks", "BlockInsecurePrivateNetworkRequests", "PrivateNetworkAccessSendPreflights"]
    flags += [f"--disable-features={','.join(off)},HttpsUpgrades", "--host-resolver-rules=MAP *.example 127.0.0.1"]
    environment = {**os.environ, "HOME": profile, "TMPDIR": profile}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([chromium, *flags, driver.url], env=environment, start_new_session=True, **quiet)
    try:
        if not driver.finished.wait(max(0, until - time.monotonic())):
            last = driver.tried[-1] if driver.tried else "nothing"
            raise Wrong(f"{driver.scene} did not finish; it tried {len(driver.tried)} attacks, the last is {last}")
        if driver.error:
            raise Wrong(f"{driver.scene}: {driver.error}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Test:
    def __init__(self, binaries, chromium, folder):
        self.chromium = chromium
        self.folder = folder
        self.witness = folder / "witness"
        (folder / "runtime").mkdir(mode=0o700)
        (folder / "init.yaml").write_text(INIT)
        (folder / "sign.py").write_text(SOURCE.format(witness=str(self.witness)))
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder / "runtime")}
        self.server = Server(binaries, folder, environment)
        self.until = time.monotonic() + PATIENCE_S
        self.attempts = 0
        self.honest = 0
        self.ran = set()
        self.wrong = []

    def run(self):
        try:
            self.server.start(0)
            self.server.initializer("apply")
            self.call_honestly()
            for scene in (STRANGER, REBOUND, TAKEN_OVER):
                self.play(scene)
            self.call_honestly()
            self.check_generation()
            self.check_witness()
        except Wrong as wrong:
            self.wrong.append(str(wrong))
        finally:
            self.server.stop()

    def call_honestly(self):
        self.server.honest_calls()
        self.honest += 3
        if self.signed().count(HONEST) != self.honest:
            raise Wrong(f"the witness has {self.signed().count(HONEST)} of {self.honest} honest calls")

    def signed(self):
        return self.witness.read_text().splitlines()

    def play(self, scene):
        generation = json.loads((self.folder / "data/generations/1.json").read_text())["record"]
        driver = Driver(scene, self.server, lambda name: Deployment(name, self.witness, generation))
        try:
            browse(self.chromium, self.folder, driver, self.until)
            self.check_tries(driver)
        finally:
            driver.close()
            self.tell(driver, set(self.signed()))

    def check_tries(self, driver):
        planned = collections.Counter(driver.names())
        tried = collections.Counter(name for name, _ in driver.tried)
        if planned != tried or max(planned.values()) > 1:
            raise Wrong(f"{driver.scene} tried {sum(tried.values())} of {sum(planned.values())} attacks")

    def tell(self, driver, signed):
        """Prints a line for each kind of attack."""
        tried = {name for name, _ in driver.tried}
        for each in driver.kinds:
            names = [attack["name"] for attack in each["attacks"] if attack["name"] in tried]
            ran = [name for name in names if name in signed]
            self.attempts += len(names)
            self.ran.update(ran)
            result = f"{len(ran)} ran" if ran else "nothing ran"
            print(f"{driver.scene}: {each['kind']}: {len(names)} attempts, {result}", flush=True)
            for name in ran:
                print("    ran: " + name.partition(": ")[2])

    def check_generation(self):
        status = next(each for each in self.server.initializer("status") if each["event"] == "server")
        if status["generation"] != 1 or status["changes"]:
            self.wrong.append(f"the server runs generation {status['generation']}, not 1")
        if status["under-way"]:
            self.wrong.append(f"an apply is under way: {status['under-way']}")
        applies = [each for each in self.server.initializer("history") if each["event"] == "apply"]
        if len(applies) != 1:
            self.wrong.append(f"the history has {len(applies)} applies, not 1")

    def check_witness(self):
        """Checks that the witness has no further line, from a late call or from an unplanned one."""
        self.wrong += [f"the witness has {line!r}" for line in sorted({*self.signed()} - self.ran - {HONEST})]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    chromium = browser()
    if not chromium:
        return print("skipped: no Chromium found; name one with the environment variable CHROMIUM")
    # Clean up also when the test is terminated.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = pathlib.Path(tempfile.mkdtemp()).resolve()
    try:
        test = Test(pathlib.Path(sys.argv[1]).resolve(), chromium, folder)
        test.run()
    finally:
        # Browser processes that are ending may still write here.
        shutil.rmtree(folder, ignore_errors=True)
    for what in test.wrong:
        print(f"wrong: {what}")
    print(f"{test.attempts} attempts, {f'{len(test.ran)} ran' if test.ran else 'nothing ran'}")
    sys.exit(bool(test.ran or test.wrong))


if __name__ == "__main__":
    main()
