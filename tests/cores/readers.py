# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers of dumps that are not ours. Each returns what is wrong, as texts."""
import re
import subprocess

import drgn as drgn_module
import kdumpfile
from formats import Core
from kdumpfile import exceptions


def succeeds(*command):
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    return [] if run.returncode == 0 and not run.stderr else [f"status {run.returncode}: {run.stderr.strip()[-200:]}"]


def libkdumpfile(path, core, want, zeros=(), elf=False):
    """It reads each page of WANT as the core has it, those of ZEROS as zeros, and of the core no other."""
    # Of an ELF core its version 0.5.1 takes the page in front of a segment for a page of zeros.
    before = {paddr // core.page_size - 1 for paddr, _, _ in Core(path).loads} if elf else ()
    size = core.page_size
    wrong, missing, extra = [], [], []
    try:
        context = kdumpfile.kdumpfile(path)
        context.attr["addrxlat.ostype"] = "linux"
        release = context.attr["linux.uts.release"]
    except (exceptions.KDumpBaseException, KeyError) as error:
        return [f"it cannot be opened: {error!r}"]
    for start, length, _ in core.loads:
        for pfn in range(start // size, (start + length + size - 1) // size):
            try:
                data = context.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * size, size)
            except exceptions.NoDataException:
                if pfn in want:
                    missing.append(pfn)
                continue
            if pfn not in want:
                if pfn not in before or any(data):
                    extra.append(pfn)
            elif bytes(data) != (bytes(size) if pfn in zeros else core.page(pfn)):
                wrong.append(pfn)
    texts = [f"{len(pages)} pages {what}: {pages[:4]}" for what, pages in (("differ", wrong), ("are missing", missing),
                                                                         ("should not be there", extra)) if pages]
    return texts + ([] if release == core.vmcoreinfo["OSRELEASE"] else [f"it takes the release for {release}"])


def drgn(path, core):
    """It opens the dump and finds init_uts_ns at its virtual address, through the kernel's page tables."""
    program = drgn_module.Program()
    try:
        program.set_core_dump(path)
        vaddr = int(core.vmcoreinfo["SYMBOL(init_uts_ns)"], 16) + int(core.vmcoreinfo["OFFSET(uts_namespace.name)"])
        names = re.split(rb"\0+", program.read(vaddr, 6 * 65))
    except Exception as error:  # whatever it raises
        return [f"{error!r}"]
    release = core.vmcoreinfo["OSRELEASE"].encode()
    return [] if names[0] == b"Linux" and release in names else [f"it finds {names[:3]}"]
