# SPDX-License-Identifier: GPL-2.0-or-later
"""The purgatory inside Debian's kexec-tools: a relocatable ELF file that their program carries as data."""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import paths  # noqa: E402

ET_REL = 1


def extract(debian_arch, output):
    """Write it to the file OUTPUT. False: there is no such program, or nothing in it."""
    try:
        with open(f"{paths.PKG}/kexec-tools_{debian_arch}/sbin/kexec", "rb") as file:
            program = file.read()
    except FileNotFoundError:
        return False
    at = program.find(b"\x7fELF\x02\x01\x01", 1)
    while at >= 0:
        kind, = struct.unpack_from("<H", program, at + 16)
        if kind == ET_REL:
            with open(output, "wb") as file:
                file.write(program[at:])
            return True
        at = program.find(b"\x7fELF\x02\x01\x01", at + 1)
    return False
