# SPDX-License-Identifier: GPL-2.0-or-later
"""The same bytes as tests/e2e/guest/pattern.h."""
import struct

MASK = (1 << 64) - 1


def page(seed, index, size=4096):
    words = size // 8
    out = []
    for number in range(index * words, index * words + words):
        z = (seed + (number + 1) * 0x9e3779b97f4a7c15) & MASK
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
        out.append(z ^ (z >> 31))
    return struct.pack(f"<{words}Q", *out)
