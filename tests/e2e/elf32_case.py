# SPDX-License-Identifier: GPL-2.0-or-later
"""`kexec -p --type=bzImage --elf32-core-headers`: the 32-bit entry of a kernel, and a dump that ELF32 headers describe."""
import os
import time

import cases
import checks
import vmcore
from qemu import Guest


def copy_out(guest):
    """The guest's own reader takes ELF64 only; dd takes anything."""
    size = int(guest.output("stat -c %s /proc/vmcore"))
    guest.output("dd if=/proc/vmcore of=/dev/vda bs=1M && sync", 300)
    guest.send_only("poweroff -f")
    guest.wait_exit(60)
    os.truncate(guest.disk, size)
    return vmcore.Vmcore(guest.disk, size)


def elf32(context, machine):
    results = context.results
    with Guest(machine, context.folder, cases.image_of(machine, context.loader), disk_bytes=cases.memory_bytes(machine) + (64 << 20),
               stop_at_reset=True) as guest:
        facts = cases.boot_first(guest, context)
        cases.load_capture(guest, context, options="--type=bzImage --elf32-core-headers")
        pages = checks.pattern_pages(guest.output(f"pattern {cases.SEED:#x} 64"), cases.SEED)
        low = cases.write_low_memory(guest, facts["iomem"])
        marker = f"parachute {os.path.basename(context.folder)} {time.time():.6f}"
        guest.output(f"echo '{marker}' > /dev/kmsg")
        cases.panic_guest(guest, "sysrq", 0)
        guest.wait_hello("capture", cases.BOOT_SECONDS)
        core = copy_out(guest)
    with open(guest.disk, "rb") as file:
        results.check("the dump has ELF32 headers", file.read(5) == b"\x7fELF\x01")
    checks.check_coverage(results, core, facts["iomem"])
    checks.check_registers(results, core, checks.Symbols(facts["kallsyms"]), int(facts["cpus"]), 0)
    checks.check_vmcoreinfo(results, core, facts["kcore"], facts["release"])
    checks.check_bytes(results, core, pages, "held pages")
    checks.check_bytes(results, core, low, "pages of low memory, written from outside,")
    checks.check_readelf(results, guest.disk)
    core.close()
    if not results.failed:
        os.unlink(guest.disk)
