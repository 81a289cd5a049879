# SPDX-License-Identifier: GPL-2.0-or-later
"""`kexec -p --hotplug`: the kernel itself rewrites the core headers when a CPU goes and comes; the dump is right afterwards too."""
import json
import os
import re
import time

import cases
import checks
from gdbstub import GdbStub
from qemu import Guest

# Linux writes headers without the first MiB on x86 (arch/x86/kernel/crash.c, elf_header_exclude_ranges): it knows nothing of our backup.
KERNEL_LEAVES_OUT = "00000000-000fffff : Crash kernel\n"


def headers_in_memory(guest, paddr, length):
    with GdbStub(guest.gdb_path) as stub:
        return stub.read(paddr, length)


def planned_headers(guest, context):
    """The segment of the core headers in the loader's own plan."""
    command = cases.kexec_load(context.loader, guest.machine, options="--hotplug --dry-run --json")
    plan = json.loads(guest.output(f"{command} 2>/dev/null", 120))
    return [segment for segment in plan["segments"] if segment["what"] == "elfcorehdr"][0]


def move_cpu(guest, results, before, paddr):
    """CPU 1 goes and comes back. True when the kernel has written headers of its own in place of ours."""
    for state in (0, 1):
        status, output = guest.run(f"echo {state} > /sys/devices/system/cpu/cpu1/online")
        results.check(f"CPU 1 can be set to {state}", status == 0, output.decode(errors="replace"))
    complaints = [line for line in guest.output("dmesg").splitlines() if re.search(r"crash hp|kexec.*(fail|error)|BUG|Oops|WARNING", line)]
    results.check("the kernel has nothing to complain about", not complaints, "; ".join(complaints[:3]))
    loaded = guest.output("cat /sys/kernel/kexec_crash_loaded").strip()
    results.check("the capture kernel is still loaded", loaded == "1", loaded)
    after = headers_in_memory(guest, paddr, len(before))
    results.check("core headers are in memory after the change", after.startswith(b"\x7fELF\x02\x01"))
    return after != before


def hotplug(context, machine):
    """Load with --hotplug, move a CPU, panic; every check of a crash, on headers that the kernel wrote."""
    results = context.results
    with Guest(machine, context.folder, cases.image_of(machine, context.loader), disk_bytes=cases.memory_bytes(machine) + (64 << 20),
               stop_at_reset=True) as guest:
        facts = cases.boot_first(guest, context)
        cases.load_capture(guest, context, options="--hotplug")
        wanted = int(guest.output("cat /sys/kernel/crash_elfcorehdr_size"))
        headers = planned_headers(guest, context)
        paddr, bufsz, memsz = (int(headers[key], 16) for key in ("mem", "bufsz", "memsz"))
        results.check("the core headers have the room that the kernel asks for", memsz >= wanted, f"{memsz}, not {wanted}")
        results.check("the core headers stay out of the digests", "sha256" not in headers)
        hotpluggable = guest.output("cat /sys/devices/system/cpu/crash_hotplug").strip()
        results.check("the kernel says that it follows CPU hotplug", hotpluggable == "1", hotpluggable)
        before = headers_in_memory(guest, paddr, bufsz)
        rewritten = move_cpu(guest, results, before, paddr)
        results.check("the kernel wrote the headers anew", rewritten)
        if rewritten:
            facts["iomem"] = KERNEL_LEAVES_OUT + facts["iomem"]
        held = guest.output(f"pattern {cases.SEED:#x} 64")
        pages = checks.pattern_pages(held, cases.SEED)
        marker = f"parachute {os.path.basename(context.folder)} {time.time():.6f}"
        guest.output(f"echo '{marker}' > /dev/kmsg")
        sentence = cases.panic_guest(guest, "sysrq", 1)
        guest.wait_hello("capture", cases.BOOT_SECONDS)
        cases.check_in_capture(guest, context, facts, [(int(index), int(at, 16)) for index, at in re.findall(r"page (\d+) (0x[0-9a-f]+)", held)])
        core = cases.copy_out(guest, context)
    check_core(context, core, facts, pages, sentence, marker, guest.disk)
    core.close()
    if not results.failed:
        os.unlink(guest.disk)


def check_core(context, core, facts, pages, sentence, marker, path):
    results = context.results
    checks.check_coverage(results, core, facts["iomem"])
    checks.check_virtual_addresses(results, core)
    checks.check_registers(results, core, checks.Symbols(facts["kallsyms"]), int(facts["cpus"]), 1)
    checks.check_vmcoreinfo(results, core, facts["kcore"], facts["release"])
    checks.check_bytes(results, core, pages, "held pages")
    cases.save(context.folder, "dmesg", "\n".join(checks.check_log(results, core, marker, sentence)) + "\n")
    checks.check_readelf(results, path)
    paddr, data = next(iter(pages.items()))
    checks.check_libkdumpfile(results, path, paddr, data, facts["release"])
