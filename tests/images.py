# SPDX-License-Identifier: GPL-2.0-or-later
"""Small kernel images with honest headers, for tests that load but never boot.

bzImage: Documentation/x86/boot.rst (the Linux/x86 boot protocol); Image: Documentation/arm64/booting.rst.
"""
import struct

XLF_KERNEL_64, XLF_ABOVE_4G, XLF_EFI_KEXEC, XLF_5LEVEL = 1, 2, 16, 32


def payload_bytes(size):
    """Bytes that differ from place to place, so that a wrong offset shows."""
    return b"".join(struct.pack("<I", (i * 2654435761) & 0xffffffff) for i in range((size + 3) // 4))[:size]


def bzimage(payload=1 << 20, protocol=0x20f, xloadflags=XLF_KERNEL_64 | XLF_ABOVE_4G | XLF_EFI_KEXEC | XLF_5LEVEL,
            init_size=4 << 20, cmdline_size=2047, relocatable=1, align=2 << 20):
    setup_sects = 4
    setup = bytearray((setup_sects + 1) * 512)
    payload = (payload + 15) & ~15
    setup[0x1f1] = setup_sects
    struct.pack_into("<I", setup, 0x1f4, payload // 16)
    struct.pack_into("<H", setup, 0x1fe, 0xaa55)
    setup[0x200:0x202] = bytes([0xeb, 0x6a])
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, protocol)
    setup[0x211] = 1
    struct.pack_into("<I", setup, 0x214, 0x100000)
    struct.pack_into("<I", setup, 0x22c, 0x7fffffff)
    struct.pack_into("<I", setup, 0x230, align)
    setup[0x234] = relocatable
    setup[0x235] = align.bit_length() - 1
    struct.pack_into("<H", setup, 0x236, xloadflags)
    struct.pack_into("<I", setup, 0x238, cmdline_size)
    struct.pack_into("<Q", setup, 0x258, 0x1000000)
    struct.pack_into("<I", setup, 0x260, init_size)
    return bytes(setup) + payload_bytes(payload)


def arm64_image(payload=1 << 20, image_size=4 << 20, text_offset=0, flags=0xa):
    body = bytearray(payload_bytes(payload))
    struct.pack_into("<IIQQQ", body, 0, 0x14000010, 0, text_offset, image_size, flags)
    struct.pack_into("<QQQ", body, 32, 0, 0, 0)
    body[56:60] = b"ARM\x64"
    struct.pack_into("<I", body, 60, 0)
    return bytes(body)


def for_arch(arch):
    return bzimage() if arch == "x86_64" else arm64_image()
