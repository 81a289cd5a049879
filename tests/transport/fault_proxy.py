# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP proxy in front of a real server that does what networks and servers do: answers 500, cuts connections,
stalls, loses answers, changes bytes. A rule says to which requests. It also does what s3rver leaves out: it tests the
signature of each request, and that its body is the one that was signed."""
import contextlib
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import threading
import time


class Rule:
    """Do ACTION to requests of METHOD with PART in their path, to TIMES of them after the first SKIP."""

    def __init__(self, action, method=None, part="", times=1, skip=0, **more):
        self.action, self.method, self.part, self.left, self.skip = action, method, part, times, skip
        self.more, self.hits = more, 0

    def takes(self, method, path):
        if (self.method and method != self.method) or self.part not in path or not self.left:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.left -= 1
        self.hits += 1
        return True


class Gone(Exception):
    pass


class Request:
    def __init__(self, file):
        line = file.readline()
        if not line:
            raise Gone
        self.method, self.path, _ = line.decode().split()
        self.fields = []
        while True:
            line = file.readline()
            if line in (b"\r\n", b"\n", b""):
                break
            name, value = line.decode().split(":", 1)
            self.fields.append((name.strip(), value.strip()))

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name), None)


def body_of(request, file, limit=None):
    """The body, or its first LIMIT bytes."""
    if (request.field("transfer-encoding") or "").lower() == "chunked":
        out = b""
        while limit is None or len(out) < limit:
            size = int(file.readline().split(b";")[0], 16)
            out += file.read(size)
            file.readline()
            if not size:
                break
        return out
    length = int(request.field("content-length") or 0)
    return file.read(length if limit is None else min(length, limit))


def wrong_signature(request, body, secret):
    """Why a request would be refused, as XML; None: it would not."""
    words = dict(re.findall(r"(\w+)=([^,]+)", request.field("authorization") or ""))
    error = "<Error><Code>%s</Code><Message>made by the proxy</Message></Error>"
    if not {"Credential", "SignedHeaders", "Signature"} <= set(words):
        return error % "AccessDenied"
    _, date, region, service, kind = words["Credential"].split("/")
    if request.field("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return error % "XAmzContentSHA256Mismatch"
    signed = words["SignedHeaders"].split(";")
    if not {"host"} | {k.lower() for k, _ in request.fields if k.lower().startswith("x-amz-")} <= set(signed):
        return error % "AccessDenied"
    path, _, query = request.path.partition("?")
    lines = [request.method, path, "&".join(sorted(query.split("&")))]
    lines += ["%s:%s" % (name, " ".join(request.field(name).split())) for name in signed]
    lines += ["", words["SignedHeaders"], request.field("x-amz-content-sha256")]
    scope = "/".join((date, region, service, kind))
    text = "\n".join(("AWS4-HMAC-SHA256", request.field("x-amz-date"), scope,
                      hashlib.sha256("\n".join(lines).encode()).hexdigest()))
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, kind):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    good = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(good, words["Signature"]) else error % "SignatureDoesNotMatch"


class Proxy:
    """Listens on a port of its own; TLS with CERTIFICATE (certificate, key) when there is one. BACKEND is a port."""

    def __init__(self, backend, certificate=None, secret=None):
        self.backend, self.secret = backend, secret
        self.rules, self.seen = [], []
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close(self):
        self.socket.close()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            file = connection.makefile("rb")
            while self.one(connection, file):
                pass
        except (OSError, Gone, ValueError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def one(self, connection, file):
        request = Request(file)
        self.seen.append((request.method, request.path))
        rule = next((r for r in self.rules if r.takes(request.method, request.path)), None)
        action = rule.action if rule else None
        if action == "early":  # an answer before the body was asked for
            self.answer(connection, rule)
            return False
        if request.field("expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if action == "late":  # an answer after a part of the body
            body_of(request, file, rule.more["after"])
            self.answer(connection, rule)
            with contextlib.suppress(OSError):  # closing on what is on its way would take the answer with it
                while file.read(65536):
                    pass
            return False
        if action == "cut":
            body_of(request, file, rule.more["after"])
            return False
        if action == "stall":
            body_of(request, file, rule.more.get("after", 0))
            time.sleep(rule.more["seconds"])
            return False
        body = body_of(request, file)
        if action == "answer":
            self.answer(connection, rule)
            return True
        if action == "damage":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
        wrong = wrong_signature(request, body, self.secret) if self.secret else None
        if wrong:
            status = 400 if "SHA256" in wrong else 403
            fields = [("Content-Length", str(len(wrong)))]
            self.send(connection, request.method, status, "Made Up", fields, wrong.encode())
            return True
        if action == "slow":
            time.sleep(rule.more["seconds"])
        status, reason, fields, content = self.forward(request, body)
        if action == "lose":
            return False
        if action == "damage_answer" and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        if action == "fields":
            changed = {name.lower() for name in rule.more["fields"]}
            fields = [pair for pair in fields if pair[0].lower() not in changed] + list(rule.more["fields"].items())
        self.send(connection, request.method, status, reason, fields, content)
        return True

    def answer(self, connection, rule):
        fields = [("Content-Length", str(len(rule.more.get("body", b"")))), *rule.more.get("fields", {}).items()]
        self.send(connection, "", rule.more["status"], rule.more.get("reason", "Made Up"), fields,
                  rule.more.get("body", b""))

    @staticmethod
    def send(connection, method, status, reason, fields, content):
        head = "HTTP/1.1 %d %s\r\n%s\r\n" % (status, reason, "".join("%s: %s\r\n" % pair for pair in fields))
        connection.sendall(head.encode() + (b"" if method == "HEAD" else content))

    def forward(self, request, body):
        hop = ("expect", "connection", "transfer-encoding", "content-length")
        backend = http.client.HTTPConnection("127.0.0.1", self.backend, timeout=30)
        backend.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.fields:
            if name.lower() not in hop:
                backend.putheader(name, value)
        if body or request.method in ("PUT", "POST"):
            backend.putheader("Content-Length", str(len(body)))
        backend.endheaders(body)
        reply = backend.getresponse()
        content = reply.read()
        fields = [(k, v) for k, v in reply.getheaders() if k.lower() not in ("transfer-encoding", "connection",
                                                                            "content-length")]
        length = reply.getheader("Content-Length") if request.method == "HEAD" else str(len(content))
        if length is not None:
            fields.append(("Content-Length", length))
        backend.close()
        return reply.status, reply.reason, fields, content
