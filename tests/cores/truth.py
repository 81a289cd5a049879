# SPDX-License-Identifier: GPL-2.0-or-later
"""
What each page was by the word of the kernel that it belonged to: /proc/kpageflags and the like, taken just before the
panic (tests/e2e/guest/content.c) and left beside the core by make-cores.
"""
import array
import collections
import re
import subprocess

# include/uapi/linux/kernel-page-flags.h, and from 32 on include/linux/kernel-page-flags.h
BITS = {name: bit for bit, name in enumerate(
    "LOCKED ERROR REFERENCED UPTODATE DIRTY LRU ACTIVE SLAB WRITEBACK RECLAIM BUDDY MMAP ANON SWAPCACHE SWAPBACKED "
    "HEAD TAIL HUGE UNEVICTABLE HWPOISON NOPAGE KSM THP OFFLINE ZERO IDLE PGTABLE".split())}
BITS.update(RESERVED=32, PRIVATE=35)
KERNEL = ("kernel, first", "struct pages", "kernel, other")
# A process or two end between the snapshot and the panic, a CPU wakes: pages given back or taken, all the kernel's own.
DRIFT_MAX = 96


class Truth:
    def __init__(self, folder):
        self.flags, self.count = (array.array("Q") for _ in range(2))
        for name, into in (("kpageflags", self.flags), ("kpagecount", self.count)):
            with open(f"{folder}/{name}", "rb") as file:
                into.frombytes(file.read())
        with open(f"{folder}/meminfo", encoding="ascii") as file:
            self.meminfo = {name: int(value) for name, value in re.findall(r"^([\w()]+): +(\d+)", file.read(), re.M)}
        self.head = array.array("Q")
        head = 0
        for pfn, flags in enumerate(self.flags):
            if not flags >> BITS["TAIL"] & 1:
                head = pfn
            self.head.append(head)

    def has(self, pfn, name):
        return bool(self.flags[pfn] >> BITS[name] & 1)

    def of_head(self, pfn, name):
        return self.has(self.head[pfn], name)

    def classes(self, pfn):
        """The classes that this page may rightly be in, and what it is called here."""
        if self.has(pfn, "NOPAGE"):
            return ("no RAM",), "nothing"
        for name, classes in (("HWPOISON", ("poisoned",)), ("OFFLINE", ("offline",)), ("BUDDY", ("free",))):
            if self.has(pfn, name):
                return classes, name
        for name, classes in (("SLAB", ("slab",)), ("PGTABLE", ("kernel, first",)), ("HUGE", ("user",)),
                              ("ANON", ("user",))):
            if self.of_head(pfn, name):
                return classes, name
        if self.of_head(pfn, "LRU") or (self.of_head(pfn, "SWAPCACHE") and self.of_head(pfn, "SWAPBACKED")):
            private = self.of_head(pfn, "PRIVATE")
            return ("cache, private" if private else "cache",), "LRU and PRIVATE" if private else "LRU"
        if self.has(pfn, "RESERVED"):
            return ("kernel, first", "struct pages", "no RAM"), "RESERVED"
        return KERNEL, "nothing of these"


def map_of(kdump, core):
    """{pfn: class} by our kdump."""
    found = {}
    listed = subprocess.run([kdump, "info", "--map", core], check=True, stdout=subprocess.PIPE, text=True)
    for line in listed.stdout.splitlines():
        pages, name = line.split(" ", 1)
        first, last = (int(word, 0) for word in pages.split("-"))
        found.update((pfn, name) for pfn in range(first, last + 1))
    return found


def drifted(name, found):
    """May a page have come to be this between snapshot and panic? Only the kernel's own, and those it had freed."""
    return name in ("PGTABLE", "SLAB", "BUDDY", "nothing of these") and found in KERNEL + ("free", "slab")


def compare(truth, found):
    """(what is wrong, as texts; {(kernel's word, our class): pages}). FOUND: as map_of() returns."""
    wrong, drift, table = collections.defaultdict(list), 0, collections.Counter()
    for pfn in range(len(truth.flags)):
        ours = found.get(pfn, "no RAM")
        classes, name = truth.classes(pfn)
        table[name, ours] += 1
        if ours in classes:
            if ours == "free" and truth.count[pfn]:
                wrong["free, but mapped"].append(pfn)
        elif drifted(name, ours):
            drift += 1
        else:
            wrong[f"{name} by the kernel, {ours} to us"].append(pfn)
    texts = [f"{len(pages)} pages: {what}: {' '.join(map(hex, pages[:8]))}" for what, pages in wrong.items()]
    beyond = [pfn for pfn in found if pfn >= len(truth.flags)]
    if beyond:
        texts.append(f"{len(beyond)} pages behind the last that the kernel knows: {beyond[:4]}")
    if drift > DRIFT_MAX:
        texts.append(f"{drift} pages of the kernel have changed since the snapshot")
    return texts, table
