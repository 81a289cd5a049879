# SPDX-License-Identifier: GPL-2.0-or-later
"""What must be true of a vmcore, given what was recorded in the kernel that crashed. Each function adds to a list of results."""
import bisect
import hashlib
import re
import subprocess

import dmesg
import paths
import pattern
import vmcore

# Where a CPU that runs into kexec on a panic stands when it saves its own registers.
CRASH_PATH = {"__crash_kexec", "crash_kexec", "panic", "vpanic", "crash_setup_regs", "machine_crash_shutdown",
              "native_machine_crash_shutdown", "crash_save_cpu"}


class Results:
    def __init__(self):
        self.passed = 0
        self.failed = []

    def check(self, what, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.failed.append(f"{what}{': ' if detail else ''}{detail}")
        return condition


class Symbols:
    """/proc/kallsyms of the kernel that crashed."""

    def __init__(self, text):
        rows = []
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 3 and words[1] in "tTwW":
                rows.append((int(words[0], 16), words[2]))
        rows.sort()
        self.known = bool(rows) and rows[-1][0] != 0
        self.addresses = [address for address, _ in rows]
        self.names = [name for _, name in rows]

    def name(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return re.sub(r"\..*", "", self.names[at]) if at >= 0 else None


def show(ranges):
    return " ".join(f"{first:#x}-{past - 1:#x}" for first, past in ranges) or "nothing"


def expected_ranges(iomem):
    """RAM of the kernel that crashed, without the crash regions."""
    ram = vmcore.merge((first, past) for _, first, past, name in vmcore.parse_iomem(iomem) if name.startswith("System RAM"))
    crash = [(first, past) for _, first, past, name in vmcore.parse_iomem(iomem) if name.startswith("Crash kernel")]
    return vmcore.to_pages(vmcore.subtract(ram, crash))


def check_coverage(results, core, iomem):
    want, got = expected_ranges(iomem), vmcore.to_pages(core.ranges())
    results.check("the dump covers all RAM but the crash regions", want == got,
                  f"missing {show(vmcore.subtract(want, got))}; too much {show(vmcore.subtract(got, want))}")
    covered, doubled = [], []
    for load in sorted(core.loads, key=lambda load: -load.size):
        if any(first < load.paddr + load.size and load.paddr < past for first, past in covered):
            doubled.append(load)
        covered.append((load.paddr, load.paddr + load.size))
    kernel = [row for row in vmcore.parse_iomem(iomem) if row[3] == "Kernel code"]
    fine = not doubled or (len(doubled) == 1 and kernel and doubled[0].paddr <= kernel[0][1] and
                           doubled[0].paddr + doubled[0].size >= kernel[0][2])
    results.check("loads do not overlap, but for the kernel image's own", fine,
                  " ".join(f"{load.paddr:#x}+{load.size:#x}" for load in doubled))
    return sum(past - first for first, past in got)


def check_virtual_addresses(results, core):
    """Where a load gives a virtual address, the crashed kernel itself had that memory there: by its page tables, or its own numbers."""
    wrong, known = [], 0
    for load in core.loads:
        if load.vaddr in (0, (1 << 64) - 1):
            continue
        known += 1
        try:
            paddr = core.translate(load.vaddr)
        except vmcore.CoreError as error:
            wrong.append(str(error))
            continue
        if paddr != load.paddr:
            wrong.append(f"{load.vaddr:#x} is {paddr:#x}, not {load.paddr:#x}")
    results.check("virtual addresses in the headers are the kernel's", not wrong, "; ".join(wrong[:3]))
    results.check("the kernel's own mapping is in the headers", known > 0)


def check_registers(results, core, symbols, cpus, panic_cpu):
    """One note for each CPU; exactly one stands in the crash path, the one that the panic was raised on if that is known."""
    registers = core.registers()
    if not results.check("one register note for each CPU online", len(registers) == cpus, f"{len(registers)} for {cpus} CPUs"):
        return
    if not results.check("kallsyms of the crashed kernel are known", symbols.known):
        return
    names = ["user" if regs.user else symbols.name(regs.pc) for regs in registers]
    in_path = [cpu for cpu, name in enumerate(names) if name in CRASH_PATH]
    results.check("one CPU stands in the crash path", len(in_path) == 1, f"they stand in {names}")
    if panic_cpu is not None:
        results.check("the CPU in the crash path is the one that panicked", in_path == [panic_cpu], f"{in_path}, not {panic_cpu}")
    for cpu, regs in enumerate(registers):
        kernel = regs.pc >= 1 << 63 and regs.sp >= 1 << 63
        results.check(f"registers of CPU {cpu} are plausible", regs.user != kernel, f"pc {regs.pc:#x} sp {regs.sp:#x}")


def kcore_vmcoreinfo(head):
    """The vmcoreinfo text in the first bytes of /proc/kcore."""
    _, headers = vmcore.parse_headers(head)
    for ptype, offset, _, _, filesz, _ in headers:
        if ptype == vmcore.PT_NOTE:
            for name, _, desc in vmcore.parse_notes(head[offset:offset + filesz]):
                if name == "VMCOREINFO":
                    return desc.decode(errors="replace").rstrip("\0")
    return None


def check_vmcoreinfo(results, core, kcore_head, release):
    """The crashed kernel appends CRASHTIME when it dies; all else is what it showed while it lived."""
    running = kcore_vmcoreinfo(kcore_head)
    if results.check("/proc/kcore of the running kernel has a vmcoreinfo", running):
        rest = core.vmcoreinfo_text[len(running):]
        results.check("vmcoreinfo is the running kernel's", core.vmcoreinfo_text.startswith(running) and
                      re.fullmatch(r"(\n?CRASHTIME=\d+\n?)?", rest), f"differs: ...{rest[:80]!r}")
    results.check("vmcoreinfo names the release", core.vmcoreinfo.get("OSRELEASE") == release, core.vmcoreinfo.get("OSRELEASE", "none"))


def check_bytes(results, core, pages, what):
    """PAGES: {physical address: bytes}"""
    bad = []
    for paddr, data in pages.items():
        try:
            if core.read(paddr, len(data)) != data:
                bad.append(f"{paddr:#x} differs")
        except vmcore.CoreError as error:
            bad.append(str(error))
    results.check(f"{len(pages)} {what} are in the dump byte for byte", pages and not bad, ", ".join(bad[:4]))


def check_log(results, core, marker, sentence):
    """The log of the crashed kernel reads to its end: the mark left in it and the panic. Returns its lines."""
    try:
        lines = dmesg.format_log(dmesg.read_log(core))
    except (vmcore.CoreError, IndexError) as error:
        results.check("the crashed kernel's log can be read", False, str(error))
        return []
    text = "\n".join(lines)
    results.check("the log has the mark left before the panic", marker in text)
    results.check("the log has the panic", "Kernel panic - not syncing" in text and sentence in text)
    return lines


def check_readelf(results, path):
    run = subprocess.run(["readelf", "-W", "-h", "-l", path], capture_output=True, text=True, check=False)
    results.check("readelf reads the headers", run.returncode == 0 and not run.stderr and "CORE (Core file)" in run.stdout, run.stderr.strip()[:200])


def check_libkdumpfile(results, path, paddr, data, release):
    run = subprocess.run(["/usr/bin/python3", f"{paths.TOP}/tests/e2e/read_page.py", path, hex(paddr), str(len(data))],
                         capture_output=True, text=True, check=False)
    want = f"{hashlib.sha256(data).hexdigest()} {release}"
    results.check("libkdumpfile reads a page and the release", run.stdout.strip() == want, (run.stdout + run.stderr).strip()[-200:])


def pattern_pages(text, seed):
    """The pages that tests/e2e/guest/pattern.c says it holds: {physical address: bytes}."""
    pages = {}
    for index, paddr in re.findall(r"^page (\d+) (0x[0-9a-f]+)$", text, re.M):
        pages[int(paddr, 16)] = pattern.page(seed, int(index))
    return pages
