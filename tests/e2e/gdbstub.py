# SPDX-License-Identifier: GPL-2.0-or-later
"""
A client of QEMU's gdb stub, for one thing: reading and writing guest memory by physical address. Connecting stops the machine;
leaving lets it run on.
"""
import socket

from qemu import Lost


class GdbStub:
    def __init__(self, path, seconds=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.path = path
        self.pending = b""

    def __enter__(self):
        self.socket.connect(self.path)
        try:
            # QEMU, docs/system/gdb.rst: addresses are physical from here on.
            if self.command(b"Qqemu.PhyMemMode:1") != b"OK":
                raise Lost("the gdb stub cannot address physical memory")
        except BaseException:
            self.socket.close()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.command(b"D")
        except (OSError, Lost):
            pass
        self.socket.close()

    def _packet(self):
        """The text of the next packet; acknowledgements and what is not a packet are skipped."""
        while True:
            start = self.pending.find(b"$")
            stop = self.pending.find(b"#", start + 1) if start >= 0 else -1
            if stop >= 0 and len(self.pending) >= stop + 3:
                text = self.pending[start + 1:stop]
                self.pending = self.pending[stop + 3:]
                self.socket.sendall(b"+")
                return text
            data = self.socket.recv(1 << 16)
            if not data:
                raise Lost("the gdb stub went away")
            self.pending += data

    def command(self, text):
        """Send a packet; the answer's text. Stop replies that nobody asked for are left out."""
        self.socket.sendall(b"$" + text + b"#%02x" % (sum(text) & 255))
        while True:
            answer = self._packet()
            if not answer.startswith((b"T05", b"T02", b"S05", b"S02")):
                return answer

    def read(self, paddr, length):
        out = b""
        while len(out) < length:
            count = min(1024, length - len(out))
            answer = self.command(b"m%x,%x" % (paddr + len(out), count))
            if answer.startswith(b"E") or len(answer) != 2 * count:
                raise Lost(f"cannot read guest memory at {paddr + len(out):#x}: {answer[:40]}")
            out += bytes.fromhex(answer.decode())
        return out

    def write(self, paddr, data):
        for at in range(0, len(data), 1024):
            block = data[at:at + 1024]
            answer = self.command(b"M%x,%x:%s" % (paddr + at, len(block), block.hex().encode()))
            if answer != b"OK":
                raise Lost(f"cannot write guest memory at {paddr + at:#x}: {answer[:40]}")
