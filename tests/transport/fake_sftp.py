#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for ssh: a small sftp server on standard input and output that goes wrong as FAKE_SFTP says.

FAKE_SFTP is KIND, or KIND:N for the Nth request of the first connection only; FAKE_STATE is a file that remembers that.
"""
import os
import select
import struct
import sys
import time

KIND, _, AT = os.environ.get("FAKE_SFTP", "").partition(":")
STATE = os.environ.get("FAKE_STATE", "")
EXTENSIONS = (b"posix-rename@openssh.com", b"statvfs@openssh.com", b"fsync@openssh.com")


def string(data):
    return struct.pack(">I", len(data)) + data


def status(code, words=b"Failure"):
    return 101, struct.pack(">I", code) + string(words) + string(b"")


def code_of(error):
    return {2: 2, 13: 3, 1: 3}.get(error.errno, 4)


class Request:
    def __init__(self, packet):
        self.type, self.id = struct.unpack(">BI", packet[:5])
        self.rest = packet[5:]

    def number(self, width=4):
        value = int.from_bytes(self.rest[:width], "big")
        self.rest = self.rest[width:]
        return value

    def string(self):
        length = self.number()
        value, self.rest = self.rest[:length], self.rest[length:]
        return value


class Server:
    def __init__(self):
        self.files = {}
        self.count = 0

    def open(self, r):
        path, bits = r.string(), r.number()
        flags = os.O_RDWR if bits & 2 else os.O_RDONLY
        flags |= (os.O_CREAT if bits & 8 else 0) | (os.O_TRUNC if bits & 16 else 0) | (os.O_EXCL if bits & 32 else 0)
        handle = b"%d" % (len(self.files) + 1)
        self.files[handle] = os.open(path, flags, 0o600)
        return 102, string(handle)

    def write(self, r):
        fd, off, data = self.files[r.string()], r.number(8), r.string()
        if KIND == "flip" and len(data) > 20000:
            data = data[:100] + bytes((data[100] ^ 1,)) + data[101:]
        if KIND == "flip-table" and off == 0 and len(data) == 4096:
            data = data[:100] + bytes((data[100] ^ 1,)) + data[101:]
        os.pwrite(fd, data, off)
        return status(0)

    def read(self, r):
        fd, off, length = self.files[r.string()], r.number(8), r.number()
        if KIND == "short-read":
            length = length // 3 + 1
        data = os.pread(fd, length, off)
        return (103, string(data)) if data else status(1)

    def rename(self, r):
        old, new = r.string(), r.string()
        os.link(old, new)
        os.unlink(old)
        return status(0)

    def stat(self, r):
        found = os.stat(r.string())
        return 105, struct.pack(">IQI", 5, found.st_size, found.st_mode)

    def extended(self, r):
        name = r.string()
        if name.startswith(b"posix-rename"):
            old, new = r.string(), r.string()
            os.rename(old, new)
        elif name.startswith(b"statvfs"):
            v = os.statvfs(r.string())
            return 201, struct.pack(">11Q", v.f_bsize, v.f_frsize, v.f_blocks, v.f_bfree, v.f_bavail, v.f_files,
                                    v.f_ffree, v.f_favail, 0, 0, 255)
        else:
            os.fsync(self.files[r.string()])
        return status(0)

    def answer(self, r):
        try:
            if r.type == 3:
                return self.open(r)
            if r.type == 4:
                os.close(self.files[r.string()])
                return status(0)
            if r.type == 5:
                return self.read(r)
            if r.type == 6:
                return self.write(r)
            if r.type == 10:
                fd, _, size = self.files[r.string()], r.number(), r.number(8)
                os.ftruncate(fd, size)
                return status(0)
            if r.type == 13:
                os.unlink(r.string())
                return status(0)
            if r.type == 14:
                os.mkdir(r.string(), 0o700)
                return status(0)
            if r.type == 17:
                return self.stat(r)
            if r.type == 18:
                return self.rename(r)
            return self.extended(r) if r.type == 200 else status(8)
        except OSError as error:
            return status(code_of(error))

    def is_time(self):
        self.count += 1
        if not AT or os.path.exists(STATE) or self.count != int(AT):
            return False
        with open(STATE, "w", encoding="utf-8"):
            return True


def damaged(kind, packet):
    """PACKET as it comes instead; None: nothing does any more."""
    length, rest = packet[:4], packet[4:]
    if kind == "wrong-id":
        return length + rest[:1] + b"\xde\xad\xbe\xef" + rest[5:]
    if kind == "garbage":
        return bytes((i * 193 + 7) & 0xFF for i in range(3000))
    if kind == "text":
        return b"Broadcast message from root: the system goes down\n"
    if kind == "cut":
        return struct.pack(">I", 6) + rest[:6]
    if kind == "huge":
        return b"\x7f\xff\xff\xff" + rest
    if kind == "empty":
        return struct.pack(">I", 0) + packet
    if kind == "twice":
        return packet + packet
    if kind == "type":
        return length + b"\x69" + rest[1:]
    if kind == "data":
        return struct.pack(">I", 9 + 4000) + b"\x67" + rest[1:5] + string(bytes(4000))
    if kind == "handle":
        return struct.pack(">I", 9 + 300) + b"\x66" + rest[1:5] + string(bytes(300))
    if kind == "part":
        return packet[:len(packet) // 2]
    return None


def read_exactly(length):
    data = b""
    while len(data) < length:
        some = os.read(0, length - len(data))
        if not some:
            sys.exit(0)
        data += some
    return data


def send(data):
    while data:
        data = data[os.write(1, data):]


def main():
    server, held = Server(), []
    while True:
        packet = read_exactly(struct.unpack(">I", read_exactly(4))[0])
        if packet[0] == 1:
            names = () if KIND == "no-extensions" else EXTENSIONS
            extensions = b"".join(string(name) + string(b"1") for name in names)
            send(struct.pack(">IBI", 5 + len(extensions), 2, 2 if KIND == "old" else 3) + extensions)
            continue
        request = Request(packet)
        time_has_come = server.is_time()
        if time_has_come and KIND == "refuse":
            kind, body = status(4)
        else:
            kind, body = server.answer(request)
        reply = struct.pack(">IBI", 5 + len(body), kind, request.id) + body
        if time_has_come and KIND != "refuse":
            reply = damaged(KIND, reply)
            if KIND == "hang":
                time.sleep(1000)
            if reply is None:
                sys.exit(255)
            send(reply)
            if KIND == "part":
                sys.exit(255)
            continue
        if KIND == "reorder" and request.type == 6 and len(held) < 7 and select.select([0], [], [], 0)[0]:
            held.append(reply)
            continue
        send(reply + b"".join(reversed(held)))
        held = []


if __name__ == "__main__":
    main()
