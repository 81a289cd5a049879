# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks must be able to fail: each is given a small core that is right, and ones that are wrong in one way."""
import json
import os
import struct
import subprocess
import tempfile
import types
import unittest.mock

import checks
import initramfs
import pattern
import second_try
import vmcore

IOMEM = """00000000-00000fff : Reserved
00001000-00002fff : System RAM
00010000-0001ffff : System RAM
  00014000-00017fff : Crash kernel
"""
VMCOREINFO = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n"
KALLSYMS = """ffffffff81000000 T _stext
ffffffff81001000 t __crash_kexec
ffffffff81001100 T panic
ffffffff81002000 t default_idle
"""
PATH, IDLE = 0xffffffff81001010, 0xffffffff81002010
SEED = 42


def note(name, kind, desc):
    name = name.encode() + b"\0"
    return struct.pack("<III", len(name), len(desc), kind) + name.ljust(-(-len(name) // 4) * 4, b"\0") + desc.ljust(-(-len(desc) // 4) * 4, b"\0")


def prstatus(pc, sp=0xffff888000001000):
    registers = [0] * 27
    registers[16], registers[17], registers[19] = pc, 16, sp
    return note("CORE", 1, bytes(112) + struct.pack("<27Q", *registers) + bytes(8))


def core_bytes(loads, notes):
    """LOADS: [(physical address, bytes)]"""
    offset = 64 + 56 * (len(loads) + 1)
    headers = struct.pack("<IIQQQQQQ", 4, 0, offset, 0, 0, len(notes), len(notes), 0)
    body = notes
    for paddr, data in loads:
        headers += struct.pack("<IIQQQQQQ", 1, 7, offset + len(body), 0, paddr, len(data), len(data), 0)
        body += data
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    return ident + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(loads) + 1, 0, 0, 0) + headers + body


def good_loads():
    low = pattern.page(SEED, 0) + pattern.page(SEED, 1)
    return [(0x1000, low), (0x10000, bytes(0x4000)), (0x18000, bytes(0x8000))]


def judge(loads, notes, cut=0):
    """What the checks say about a core: how many passed, and what failed."""
    results = checks.Results()
    data = core_bytes(loads, notes)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        core = vmcore.Vmcore(file.name, len(data) - cut)
        checks.check_coverage(results, core, IOMEM)
        checks.check_registers(results, core, checks.Symbols(KALLSYMS), 2, 0)
        kcore = core_bytes([], note("VMCOREINFO", 0, VMCOREINFO.encode()))
        checks.check_vmcoreinfo(results, core, kcore, "6.1.0-test")
        checks.check_bytes(results, core, {0x1000: pattern.page(SEED, 0), 0x2000: pattern.page(SEED, 1)}, "pages")
        checks.check_log(results, core, "mark", "sentence")
        core.close()
    return results


def run(results):
    registers = prstatus(PATH) + prstatus(IDLE)
    info = note("VMCOREINFO", 0, (VMCOREINFO + "CRASHTIME=1\n").encode())
    good = judge(good_loads(), registers + info)
    # This core has no log; all else is right.
    results.check("a right core passes", len(good.failed) == 1 and "log can be read" in good.failed[0], str(good.failed))

    def fails(what, words, loads=None, notes=registers + info):
        got = judge(loads if loads is not None else good_loads(), notes).failed
        results.check(f"{what} is found", any(words in text for text in got), str(got))

    loads = good_loads()
    fails("a missing range", "covers all RAM", loads[1:])
    fails("a short range", "covers all RAM", [loads[0], (0x10000, bytes(0x3000)), loads[2]])
    fails("the crash region in the dump", "covers all RAM", [loads[0], (0x10000, bytes(0x10000))])
    fails("an overlap", "do not overlap", loads + [(0x10000, bytes(0x1000))])
    damaged = bytearray(loads[0][1])
    damaged[5000] ^= 1
    fails("a wrong bit", "byte for byte", [(0x1000, bytes(damaged))] + loads[1:])
    fails("a missing CPU", "one register note", notes=prstatus(PATH) + info)
    fails("nobody in the crash path", "crash path", notes=prstatus(IDLE) + prstatus(IDLE) + info)
    fails("the wrong CPU in the crash path", "the one that panicked", notes=prstatus(IDLE) + prstatus(PATH) + info)
    fails("registers of nonsense", "plausible", notes=prstatus(PATH) + prstatus(0x1234) + info)
    fails("another kernel's vmcoreinfo", "running kernel's", notes=registers + note("VMCOREINFO", 0, b"OSRELEASE=5.0\n"))
    try:
        judge(good_loads(), registers + info, cut=0x9000)
        results.check("a cut file is found", False)
    except vmcore.CoreError:
        results.check("a cut file is found", True)
    check_archive(results)
    check_second_try(results)


def check_second_try(results):
    """Of cases that fail once, twice, or too many of them."""
    names = {"good": 0, "once": 1, "always": 9}
    with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(second_try, "FOLDER", folder):
        def tried(*chosen):
            said, times = [], dict.fromkeys(chosen, 0)

            def run(case):
                times[case.name] += 1
                good = times[case.name] > names[case.name.split("-")[0]]
                os.makedirs(second_try.folder_of(case), exist_ok=True)
                with open(f"{second_try.folder_of(case)}/result.json", "w", encoding="utf-8") as file:
                    json.dump({"failed": [] if good else ["the disk:\n full"]}, file)
                return good

            cases = [types.SimpleNamespace(name=name) for name in chosen]
            return second_try.run_all(cases, 2, run, lambda text, **_: said.append(text)), said, times

        good, said, times = tried("good", "once")
        results.check("a case that fails once is run again and told", good == [True, True] and times["good"] == 1
                      and said == ["unsteady: once failed the first time: the disk: full"], f"{good} {said}")
        results.check("its first logs are kept", os.path.exists(f"{folder}/once.first/result.json"))
        good, said, times = tried("always", "good")
        results.check("a case that fails twice has failed", good == [False, True] and not said
                      and times["always"] == 2, f"{good} {said}")
        good, said, times = tried("once-1", "once-2", "once-3", "good")
        results.check("many failures have no second try", good == [False] * 3 + [True] and not said
                      and max(times.values()) == 1, f"{good} {said}")


def check_archive(results):
    """cpio reads the archives as they were meant."""
    archive = initramfs.Archive()
    archive.data("a/b/file", b"contents", 0o755)
    archive.symlink("link", "a/b/file")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cpio", "-idm", "--quiet"], input=archive.bytes(), cwd=folder, check=True)
        with open(f"{folder}/link", "rb") as file:
            results.check("cpio unpacks what was packed", file.read() == b"contents" and os.access(f"{folder}/a/b/file", os.X_OK))
