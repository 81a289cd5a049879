# SPDX-License-Identifier: GPL-2.0-or-later
"""
What comes of damage: for each policy, one flipped bit in each loaded segment; the purgatory does as documented, the capture kernel sees the
verdict on its command line. `kexec --verify` in the running system and `kdump inspect` on images of its memory say the same beforehand.
"""
import dataclasses
import json
import os
import platform
import random
import re
import subprocess

import cases
import paths
from qemu import Guest, Lost

# Words of a kernel that starts; and the purgatory's, when it does not start one.
STARTED = r"Linux version|Booting Linux|init: this is"
FALLBACK_WORD = "which=fallback"
RAM_START = {"x86_64": 0, "arm64": 0x40000000}      # QEMU: q35 and virt


@dataclasses.dataclass
class Segment:
    what: str
    mem: int
    bufsz: int
    memsz: int
    sha256: str
    primary: bool
    fallback: bool

    @property
    def verified(self):
        return bool(self.sha256) or self.what == "purgatory"


def options_of(policy, own_kernel=False):
    if policy == "fallback":
        kernel = "--fallback-kernel=/boot/vmlinuz " if own_kernel else ""
        return f"{kernel}--fallback-initrd=/boot/fallback.img --fallback-append='@APPEND@ {FALLBACK_WORD}'"
    return f"--on-corruption={policy}"


def planned(guest, context, options):
    command = cases.kexec_load(context.loader, guest.machine, options=f"--dry-run --json {options}")
    plan = json.loads(guest.output(f"{command} 2>/dev/null", 120))
    cases.save(context.folder, "plan.json", json.dumps(plan, indent=1))
    return [Segment(row["what"], int(row["mem"], 16), int(row["bufsz"], 16), int(row["memsz"], 16), row.get("sha256"), row["primary"],
                    row["fallback"]) for row in plan["segments"]]


def pick_byte(guest, segment, padding, rng):
    """
    An address in it. PADDING: behind what was loaded, where the kernel that starts all the same is not hurt. Of the purgatory: its parameters, whose
    damage it always can name.
    """
    if segment.what == "purgatory":
        return segment.mem + cases.UNUSED_PARAMETER
    if padding:
        if segment.memsz == segment.bufsz:
            return None
        return segment.mem + rng.randrange(segment.bufsz, min(segment.memsz, segment.bufsz + 4096))
    return segment.mem + rng.randrange(segment.bufsz)


def expected_outcome(policy, damaged):
    """("start", verdict) or ("reset",) or ("halt",)."""
    if any(segment.what == "purgatory" for segment in damaged):
        return ("reset",)
    bad = {image: [s.what for s in damaged if s.verified and getattr(s, image)] for image in ("primary", "fallback")}
    if not bad["primary"]:
        return ("start", "ok")
    names = ",".join(sorted(bad["primary"]))
    if policy == "boot":
        return ("start", f"damaged:{names}")
    if policy == "fallback" and not bad["fallback"]:
        return ("start", f"fallback:{names}")
    return ("halt",) if policy == "halt" else ("reset",)


def verdict_of(cmdline):
    found = re.findall(r"(?:^| )kdump\.verify=(\S*)", cmdline)
    if len(found) != 1:
        return f"{len(found)} words in: {cmdline}"
    kind, colon, names = found[0].partition(":")
    return kind + colon + ",".join(sorted(names.split(",")))


def expect_start(guest, results, what, verdict, console_from):
    try:
        guest.wait_hello("capture", cases.BOOT_SECONDS)
    except Lost as error:
        results.check(f"{what}: a capture kernel starts", False, f"{error}; console: {guest.console_text(console_from)[-400:]!r}")
        return
    cmdline = guest.output("cat /proc/cmdline")
    got = verdict_of(cmdline)
    results.check(f"{what}: the capture kernel sees kdump.verify={verdict}", got == verdict, got)
    fallback = FALLBACK_WORD in cmdline.split()
    results.check(f"{what}: it is the {'fallback' if verdict.startswith('fallback') else 'primary'}", fallback == verdict.startswith("fallback"), cmdline)


def expect_halt(guest, results, what, console_from):
    try:
        guest.wait_console("not starting a damaged capture kernel; halted", 60, console_from)
    except Lost as error:
        results.check(f"{what}: the purgatory says that it halts", False, str(error))
        return
    try:
        event = guest.qmp.wait_event(("RESET", "SHUTDOWN"), 8)
        results.check(f"{what}: the machine stays halted", False, str(event))
    except Lost:
        results.check(f"{what}: the machine stays halted", True)
    text = guest.console_text(console_from)
    results.check(f"{what}: no capture kernel starts", not re.search(STARTED, text[text.find("Kernel panic"):]), text[-300:])
    guest.qmp.command("stop")


def go_back(guest):
    guest.qmp.human("loadvm loaded", 300)
    guest.qmp.events.clear()
    with guest.agent.changed:
        guest.agent.buffer.clear()


def kdump():
    arch = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    return f"{paths.BUILD}/static-{arch}/sbin/kdump"


def inspect(path):
    run = subprocess.run([kdump(), "inspect", "--json", path], capture_output=True, text=True, check=False)
    try:
        return run.returncode, json.loads(run.stdout)
    except ValueError:
        raise Lost(f"kdump inspect {os.path.basename(path)}: {run.stderr.strip()[-300:] or 'nothing said'}") from None


def verdicts_of(report):
    return {row["purpose"]: row["verdict"] for row in report.get("segments", [])}


def check_report(results, what, status, report, damaged):
    """DAMAGED: names; the description among them hides all else."""
    names = {segment.what for segment in damaged if segment.verified}
    if any(segment.what == "description" for segment in damaged):
        results.check(f"{what}: the description is found damaged", status == 3 and "description" in report.get("why", ""), str(report)[:300])
        return
    results.check(f"{what}: exit status {3 if names else 0}", status == (3 if names else 0), f"{status}: {str(report)[:300]}")
    found = {name for name, verdict in verdicts_of(report).items() if verdict == "damaged"}
    results.check(f"{what}: finds damaged {', '.join(sorted(names)) or 'nothing'}", found == names and report.get("segments"), f"found {found}")


def check_from_outside(guest, results, what, damaged, vmcoreinfo=None):
    """Images of the guest's memory, as QEMU takes them, raw and as an ELF core."""
    size = cases.memory_bytes(guest.machine)
    raw, elf = f"{guest.folder}/memory.raw", f"{guest.folder}/memory.elf"
    guest.qmp.command("stop")
    guest.qmp.command("pmemsave", 120, val=RAM_START[guest.machine.arch], size=size, filename=raw)
    guest.qmp.command("dump-guest-memory", 120, paging=False, protocol=f"file:{elf}")
    guest.qmp.command("cont")
    for path in (raw, elf):
        status, report = inspect(path)
        name = f"{what}: kdump inspect {os.path.basename(path)}"
        check_report(results, name, status, report, damaged)
        if vmcoreinfo:
            results.check(f"{name}: tells where the vmcoreinfo is", int(report["vmcoreinfo"]["paddr"], 16) == vmcoreinfo, str(report["vmcoreinfo"]))
        os.unlink(path)


def check_from_inside(guest, results, what, damaged):
    status, output = guest.run("kexec --verify --json", 120)
    try:
        report = json.loads(output)
    except ValueError:
        results.check(f"{what}: kexec --verify reports", False, output.decode(errors="replace")[:300])
        return
    if guest.machine.arch == "arm64":
        results.check(f"{what}: kexec --verify cannot tell on arm64, and says why",
                      status == 1 and "out of its own map" in report.get("why", ""), f"{status}: {report.get('why')}")
        return
    check_report(results, f"{what}: kexec --verify", status, report, damaged)


def trial(guest, context, policy, damaged, padding, rng, look):
    """Damage these segments, look at them from all sides, panic, and compare what comes of it with what is documented."""
    results = context.results
    what = f"{policy}, {' and '.join(s.what for s in damaged) or 'no damage'}{' (padding)' if padding else ''}"
    go_back(guest)
    for segment in damaged:
        paddr = pick_byte(guest, segment, padding and segment.what != "description", rng)
        if paddr is None:
            return
        cases.flip_bit(guest, paddr, rng.randrange(8))
    guest.qmp.command("cont")
    if look:
        check_from_inside(guest, results, what, damaged)
        check_from_outside(guest, results, what, damaged)
    console_from = guest.console_length()
    cases.panic_guest(guest, "sysrq", None)
    outcome = expected_outcome(policy, damaged)
    if outcome[0] == "start":
        expect_start(guest, results, what, outcome[1], console_from)
    elif outcome[0] == "halt":
        expect_halt(guest, results, what, console_from)
    else:
        named = [s.what for s in damaged if s.verified][:1]
        cases.expect_refusal(guest, results, what, named[0] if named else None, console_from)
    context.timings["trials"] = context.timings.get("trials", 0) + 1


def combinations(policy, segments, wanted):
    """Which segments to damage together: each alone and, where there is a fallback, one of each image. WANTED: names, or None for all."""
    singles = [[s] for s in segments if s.verified or s.what == "description"]
    together = [[s for s in segments if s.what in ("initrd", "fallback-initrd")]] if policy == "fallback" else []
    if policy == "boot":
        together.append([s for s in segments if s.what in ("initrd", "elfcorehdr")])
    chosen = singles + together
    if wanted is not None:
        chosen = [group for group in chosen if "+".join(sorted(s.what for s in group)) in wanted or len(group) == 1 and group[0].what in wanted]
    return chosen


def verdicts(context, machine, policy, wanted=None, own_kernel=False, look=True):
    results, rng = context.results, random.Random(cases.SEED)
    capture = cases.initramfs.capture_image(machine, context.loader)
    # A length that is not whole pages, so that there is padding to damage behind it.
    small = capture + b"\0" * (512 + -len(capture) % 4096)
    image = cases.image_of(machine, context.loader, {"boot/fallback.img": small, "boot/initrd.img": small})
    options = options_of(policy, own_kernel).replace("@APPEND@", machine.capture_cmdline)
    with Guest(machine, context.folder, image, snapshots=True) as guest:
        facts = cases.boot_first(guest, context)
        if machine.el2:
            results.check("the kernel runs at EL2", "started at EL2" in guest.output("dmesg"))
        segments = planned(guest, context, options)
        cases.load_capture(guest, context, options=options)
        if look:
            check_from_inside(guest, results, "intact", [])
            check_from_outside(guest, results, "intact", [], int(facts["vmcoreinfo"].split()[0], 16))
        guest.qmp.command("stop")
        guest.qmp.human("savevm loaded", 300)
        chosen = combinations(policy, segments, wanted)
        results.check("there are segments to damage", len(chosen) >= (len(wanted) if wanted else 5), str([[s.what for s in g] for g in chosen]))
        trial(guest, context, policy, [], False, rng, False)
        for group in chosen:
            trial(guest, context, policy, group, policy == "boot", rng, look)


LARGE_MIB = 256


def large_initrd(context, machine):
    """An initrd of 256 MiB: verified, with a damaged bit found; how long the purgatory says that it took is among the timings."""
    results = context.results
    with Guest(machine, context.folder, cases.image_of(machine, context.loader), snapshots=True) as guest:
        cases.boot_first(guest, context)
        guest.output(f"{{ cat /boot/initrd.img; dd if=/dev/zero bs=1M count={LARGE_MIB} 2>/dev/null; }} > /tmp/large && mv /tmp/large /boot/initrd.img", 300)
        segments = {segment.what: segment for segment in planned(guest, context, "")}
        results.check(f"the initrd has {LARGE_MIB} MiB", segments["initrd"].bufsz >= LARGE_MIB << 20, str(segments["initrd"]))
        cases.load_capture(guest, context)
        guest.qmp.command("stop")
        guest.qmp.human("savevm loaded", 600)
        for damaged in ([], [segments["initrd"]]):
            console_from = guest.console_length()
            trial(guest, context, "reboot", damaged, False, random.Random(cases.SEED), False)
            effort = re.search(r"purgatory: .*, (\d+) MiB in (\d+) ms", guest.console_text(console_from))
            if not damaged and results.check("the purgatory says what it verified and how long it took", effort and int(effort[1]) >= LARGE_MIB):
                context.timings["verified_mib"], context.timings["verified_ms"] = int(effort[1]), int(effort[2])


def _case(machine, policy, wanted=None, own_kernel=False, look=True, only_long=True):
    name = f"{policy}-{machine.name}{'-own-kernel' if own_kernel else ''}{'' if wanted is None else '-some'}"
    return cases.Case(name, lambda context: verdicts(context, machine, policy, wanted, own_kernel, look), only_long, (machine.arch,))


def all_cases(x86, arm):
    """By default a few segments of each policy and level of privilege; the whole product, and a kernel of the fallback's own, with --long."""
    make = dataclasses.replace
    el2, old_el2 = make(arm, el2=True), make(arm, el2=True, cpu="cortex-a57")
    large = {"memory": "1G", "crashkernel": "crashkernel=320M"}
    chosen = [
        _case(x86, "fallback", ("initrd", "description", "fallback-initrd+initrd"), only_long=False),
        _case(x86, "boot", ("elfcorehdr+initrd",), look=False, only_long=False),
        _case(x86, "halt", ("kernel",), look=False, only_long=False),
        _case(arm, "fallback", ("page-tables",), look=False, only_long=False),
        _case(el2, "fallback", ("initrd",), only_long=False),
        _case(old_el2, "boot", ("dtb",), look=False, only_long=False),
    ]
    for machine in (x86, arm, el2, old_el2):
        chosen += [_case(machine, policy) for policy in ("reboot", "halt", "boot", "fallback")]
        chosen.append(_case(make(machine, **large), "fallback", own_kernel=True))
    for machine in (arm, el2, x86):
        roomy = make(machine, memory="3G", crashkernel="crashkernel=1G")
        chosen.append(cases.Case(f"large-initrd-{machine.name}", lambda context, m=roomy: large_initrd(context, m), True, (machine.arch,)))
    return chosen
