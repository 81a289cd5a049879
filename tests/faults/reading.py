# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults where the dump comes from: pages that cannot be read, memory that runs out, metadata that is damaged."""
import os
import random
import resource
import shutil
import threading
import time

import dump as dumps
import places
from harness import ALL, PAGE, SECONDS_MAX, Run
from telling import table_of


def kept_fault(test, run, lost):
    """The dump was made, but for LOST."""
    fault = test.crashed(run)
    if not fault and run.status != 0:
        fault = "status %d: %s" % (run.status, run.errors)
    return fault or dumps.content_fault(dumps.Dump(run.dumps()[0]), test.core, True, lost)


def source(test):
    def unreadable(number):
        lost, bad = set(random.sample(test.core.pages, (1, 5, 100)[number % 3])), []
        for pfn in lost:
            for off in test.core.offsets(pfn * PAGE + random.randrange(PAGE)):
                bad.append("%d-%d" % (off, off))
        run = Run(test, *ALL, env=test.preload(FAULT_READ=",".join(bad), FAULT_SOURCE=os.path.abspath(test.args.core)))
        fault = kept_fault(test, run, lost)
        if not fault and set(dumps.Dump(run.dumps()[0]).missing()) != lost:
            fault = "%d pages are lost" % len(dumps.Dump(run.dumps()[0]).missing())
        fault = fault or dumps.opens(test.args.kdump, run.dumps()[0], SECONDS_MAX)
        if not fault and table_of(run.note())["all"]["lost"] != len(lost):
            fault = "README.txt: %s" % run.note()
        test.note("%d unreadable pages" % len(lost), fault)
        run.remove()

    lone = test.core.lone_pages()
    test.core.pages = [pfn for pfn in test.core.pages if pfn in lone]
    test.each(unreadable, range(12 if test.args.long else 3))
    for number in range(6 if test.args.long else 2):
        cut_while_saving(test, number)


def cut_while_saving(test, number):
    """The source loses its second half while it is read, mapped as it is; then the same file from the beginning."""
    copy = os.path.join(test.folder, "cut")
    shutil.copyfile(test.args.core, copy)
    keep = os.path.getsize(copy) * (number + 1) // 8

    def cut():
        time.sleep(1 + number * 0.2)
        os.truncate(copy, keep)

    cutter = threading.Thread(target=cut)
    cutter.start()
    run = Run(test, *ALL, core=copy, env=test.preload(FAULT_SLOW=test.slow))
    cutter.join()
    test.note("cut to %d bytes while it is read" % keep, kept_fault(test, run, test.core.class_of))
    run.remove()
    run = Run(test, *ALL, core=copy)
    fault = test.crashed(run)
    if not fault and run.status not in (0, 3):
        fault = "status %d: %s" % (run.status, run.errors)
    test.note("cut to %d bytes" % keep, fault or dumps.content_fault(
        dumps.Dump(run.dumps()[0]), test.core, True, test.core.class_of))
    run.remove()
    os.unlink(copy)


# ---- memory ----

def memory(test):
    counted = os.path.join(test.folder, "count")
    options = ("-d", "31", "--workers", "3", "--codec", "zlib:1")
    Run(test, *options, env=test.preload(FAULT_COUNT=counted)).remove()
    with open(counted) as file:
        count = int(file.read())
    outcomes = {}

    def refuse(item):
        number, rest = item
        run = Run(test, *options, env=test.preload(FAULT_ALLOC=number, **({"FAULT_ALLOC_ALL": 1} if rest else {})))
        fault = test.crashed(run)
        if not fault and run.status in (0, 3):
            fault = dumps.opens(test.args.kdump, run.dumps()[0], SECONDS_MAX) if len(run.dumps()) == 1 else "no dump"
        elif not fault and (run.dumps() or not run.errors):
            fault = "status %d, files: %s, errors: %s" % (run.status, run.names(), run.errors)
        hidden = [name for name in run.names() if name.startswith(".") or name.endswith(".writing")]
        if not fault and hidden:
            fault = "files: %s" % run.names()
        with test.lock:
            outcomes[(rest, run.status)] = outcomes.get((rest, run.status), 0) + 1
        test.note("allocation %d%s of %d" % (number, " and all after it" if rest else "", count), fault)
        run.remove()

    numbers = set(range(1, count + 1, 1 if test.args.long else max(1, count // 40)))
    test.each(refuse, [(number, rest) for number in sorted(numbers) for rest in (False, True)])
    for (rest, status), runs in sorted(outcomes.items()):
        which = "all from one" if rest else "one"
        print("%s of %d allocations failed: status %s, %d times" % (which, count, status, runs))
    for megabytes in (24, 32, 48, 64, 96, 256):
        address_space(test, megabytes << 20)


def address_space(test, limit):
    run = Run(test, before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    fault = test.crashed(run)
    if not fault and run.status == 0:
        fault = test.finished(run)
    elif not fault and limit >= 64 << 20:
        fault = "status %d: %s" % (run.status, run.errors)
    elif not fault and run.dumps():
        fault = "files: %s" % run.names()
    test.note("%d MiB of address space" % (limit >> 20), fault)
    run.remove()


# ---- metadata ----

class Copy:
    """A core to be damaged: what was written is put back."""

    def __init__(self, test, name):
        self.path = os.path.join(test.folder, name)
        shutil.copyfile(test.args.core, self.path)
        self.undo = []

    def write(self, off, data):
        with open(self.path, "r+b") as file:
            file.seek(off)
            self.undo.append((off, file.read(len(data))))
            file.seek(off)
            file.write(data)

    def flip(self, off, bit):
        with open(self.path, "rb") as file:
            file.seek(off)
            old = file.read(1)[0]
        self.write(off, bytes([old ^ 1 << bit]))

    def mend(self):
        while self.undo:
            off, data = self.undo.pop()
            with open(self.path, "r+b") as file:
                file.seek(off)
                file.write(data)


def dump_fault(test, run, kdump=None):
    fault = test.crashed(run)
    if not fault and run.status != 0:
        fault = "status %d: %s" % (run.status, run.errors)
    return fault or dumps.opens(kdump or test.args.kdump, run.dumps()[0], SECONDS_MAX)


def kept_of(run):
    return len(dumps.Dump(run.dumps()[0]).planned)


def damage(test):
    """A kind of metadata that is wholly gone costs filtering or the log's form, never the dump."""
    copy = Copy(test, "damaged")
    plain = Run(test, core=copy.path)
    least = kept_of(plain)
    plain.remove()
    for name, spots in places.Places(test.core).all().items():
        test.note("places of " + name, None if spots else "none were found")
        for filling in (b"\0", b"\xff", b"\xa5") if name not in ("headers", "notes") else ():
            for off, size in spots:
                copy.write(off, filling * size)
            run = Run(test, core=copy.path)
            fault = dump_fault(test, run)
            doubt = name in ("vmcoreinfo", "mem_section", "struct pages") and "put right" not in run.errors
            if not fault and doubt and kept_of(run) <= least:
                fault = "%d pages are kept, with all facts %d" % (kept_of(run), least)
            if not fault and name == "log" and run.read("dmesg.txt") == test.log:
                fault = "the log is whole"
            test.note("%s filled with %r" % (name, filling), fault)
            run.remove()
            copy.mend()
    damaged_ring(test, copy)
    damaged_notes(test, copy)
    os.unlink(copy.path)


def damaged_ring(test, copy):
    """Its descriptors are gone, its text is not: that is found by scanning."""
    ring = places.Places(test.core)
    prb = ring.word(ring.symbol("prb"))
    field = ring.offset("printk_ringbuffer.desc_ring") + ring.offset("prb_desc_ring.descs")
    copy.write(ring.at(ring.word(prb + field), 1 << 16)[0][0], b"\xa5" * (1 << 16))
    run = Run(test, core=copy.path)
    text = run.read("dmesg.txt") or b""
    fault = dump_fault(test, run) or (None if b"Linux version" in text else "%r" % text[:200])
    test.note("log by its text alone", fault)
    run.remove()
    copy.mend()


def damaged_notes(test, copy):
    """A note of a CPU that says it is longer than everything: VMCOREINFO, behind it, is found all the same."""
    for word in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x05\0\0\x80"):
        copy.write(test.core.notes[0] + 4, word)
        run = Run(test, core=copy.path)
        fault = dump_fault(test, run)
        if not fault and run.read("dmesg.txt") != test.log:
            fault = "the log differs"
        test.note("first note of %r bytes" % word, fault)
        run.remove()
        copy.mend()


def flips_planned(test, found):
    """(number, kind, [(offset, bit)...])"""
    random.seed(test.args.seed)
    names = sorted(found)
    for number in range(test.args.flips):
        many = random.choice((1, 1, 1, 2, 8, 64))
        spots = random.choices(found[names[number % len(names)]], k=many)
        where = [(off + random.randrange(size), random.randrange(8)) for off, size in spots]
        if test.args.number in (None, number):
            yield number, names[number % len(names)], where


def flips(test):
    """Bits of it, under the sanitizers where a kdump is given that has them."""
    found = {name: spots for name, spots in places.Places(test.core).all().items() if spots}
    free = [Copy(test, "flipped-%d" % i) for i in range(2)]
    ends, took = {}, []

    def flip(item):
        number, name, where = item
        with test.lock:
            copy = free.pop()
        for off, bit in where:
            copy.flip(off, bit)
        begun = time.monotonic()
        run = Run(test, core=copy.path, kdump=test.args.asan)
        took.append(time.monotonic() - begun)
        # What says that it is a core at all may be hit: then that is said.
        fault = test.refused(run) if name == "headers" and run.status == 1 else dump_fault(test, run, test.args.asan)
        test.note("%d bits of %s (--seed %d --number %d)" % (len(where), name, test.args.seed, number), fault)
        copy.mend()
        with test.lock:
            free.append(copy)
            key = (name, run.status, " with warnings" if "warning" in run.errors else "")
            ends[key] = ends.get(key, 0) + 1
        run.remove()

    test.each(flip, list(flips_planned(test, found)))
    for (name, status, warned), count in sorted(ends.items(), key=str):
        print("bits of %s: status %s%s, %d times" % (name, status, warned, count))
    print("the slowest took %.1f s" % max(took))
    for copy in free:
        os.unlink(copy.path)
