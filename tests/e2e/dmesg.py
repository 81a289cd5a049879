# SPDX-License-Identifier: GPL-2.0-or-later
"""
The crashed kernel's log out of a vmcore: the lockless ring of kernel/printk/printk_ringbuffer.h (since Linux 5.10), found by what the
vmcoreinfo says about it.
"""
import struct

from vmcore import CoreError

FINALIZED = (1, 2)     # desc_committed, desc_finalized: readable states in the two top bits of state_var
NO_TEXT = (1 << 64) - 1


def read_log(core):
    """[(nanoseconds, text)], oldest first."""
    def offset(name):
        return core.number(f"OFFSET({name})")

    ring = core.read_number(core.symbol("prb"))
    desc_ring = ring + offset("printk_ringbuffer.desc_ring")
    data_ring = ring + offset("printk_ringbuffer.text_data_ring")
    count = 1 << core.read_number(desc_ring + offset("prb_desc_ring.count_bits"), 4)
    size = 1 << core.read_number(data_ring + offset("prb_data_ring.size_bits"), 4)
    if count > 1 << 24 or size > 1 << 31:
        raise CoreError(f"a log of {count} records in {size} bytes cannot be")
    desc_size, info_size = core.number("SIZE(prb_desc)"), core.number("SIZE(printk_info)")
    descs = core.read_virtual(core.read_number(desc_ring + offset("prb_desc_ring.descs")), count * desc_size)
    infos = core.read_virtual(core.read_number(desc_ring + offset("prb_desc_ring.infos")), count * info_size)
    text = core.read_virtual(core.read_number(data_ring + offset("prb_data_ring.data")), size)
    counter = core.number("OFFSET(atomic_long_t.counter)")
    head = core.read_number(desc_ring + offset("prb_desc_ring.head_id") + counter)
    tail = core.read_number(desc_ring + offset("prb_desc_ring.tail_id") + counter)

    mask = (1 << 62) - 1
    records, number = [], tail
    for _ in range(count):
        index = number % count
        state, = struct.unpack_from("<Q", descs, index * desc_size + offset("prb_desc.state_var") + counter)
        position = index * desc_size + offset("prb_desc.text_blk_lpos")
        begin, = struct.unpack_from("<Q", descs, position + offset("prb_data_blk_lpos.begin"))
        following, = struct.unpack_from("<Q", descs, position + offset("prb_data_blk_lpos.next"))
        if state >> 62 in FINALIZED and state & mask == number:
            when, = struct.unpack_from("<Q", infos, index * info_size + offset("printk_info.ts_nsec"))
            length, = struct.unpack_from("<H", infos, index * info_size + offset("printk_info.text_len"))
            records.append((when, _text(text, size, begin, following, length)))
        if number == head:
            break
        number = (number + 1) & mask
    return records


def _text(data, size, begin, following, length):
    if begin & 1 or begin == NO_TEXT:
        return ""
    if begin // size != following // size and following % size:
        begin = 0      # a block that would wrap starts at the beginning of the buffer
    at = begin % size + 8      # struct prb_data_block starts with the descriptor's number
    return data[at:min(at + length, size)].decode(errors="replace")


def format_log(records):
    return [f"[{when // 10**9:5d}.{when % 10**9 // 1000:06d}] {line}" for when, text in records for line in text.split("\n")]
