# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that guests run on, as data."""
import dataclasses
import os

import paths


@dataclasses.dataclass(frozen=True)
class Machine:
    arch: str = "x86_64"
    kernel: str = "6.1"
    cpus: int = 1
    firmware: str = "bios"          # bios, uefi; arm64: dt, acpi
    cpu: str = "max"
    memory: str = "512M"
    crashkernel: str = "crashkernel=128M"
    append: str = ""
    el2: bool = False               # arm64: the firmware starts the kernel at EL2

    @property
    def name(self):
        return f"{self.arch}-{self.kernel}-{self.firmware}-{self.cpu.replace(',', '-')}-{self.cpus}cpu{'-el2' if self.el2 else ''}"

    @property
    def debian_arch(self):
        return {"x86_64": "amd64", "arm64": "arm64"}[self.arch]

    @property
    def kernel_root(self):
        return f"{paths.PKG}/linux-{self.kernel}_{self.debian_arch}"

    @property
    def vmlinuz(self):
        boot = f"{self.kernel_root}/boot"
        return f"{boot}/{[name for name in sorted(os.listdir(boot)) if name.startswith('vmlinuz-')][0]}"

    @property
    def console(self):
        return {"x86_64": "console=ttyS0", "arm64": "console=ttyAMA0"}[self.arch]

    @property
    def cmdline(self):
        return " ".join(word for word in (self.console, "panic=-1", self.crashkernel, self.append) if word)

    @property
    def capture_cmdline(self):
        """What the capture kernel gets on top of what the loader adds; as kdump.rst advises, and small."""
        words = [self.console, "panic=-1", "nr_cpus=1", "reset_devices"]
        if self.arch == "x86_64":
            words += ["irqpoll", "nokaslr"]
        return " ".join(words)


def qemu_arguments(machine):
    """The command for QEMU: machine, firmware, CPUs, memory."""
    if machine.arch == "x86_64":
        arguments = ["qemu-system-x86_64", "-M", "q35", "-cpu", machine.cpu]
        if machine.firmware == "uefi":
            arguments += ["-bios", "/usr/share/ovmf/OVMF.fd"]    # variables in memory only, so that snapshots can be taken
    else:
        acpi = machine.firmware == "acpi"
        cpu = "max,pauth-impdef=on" if machine.cpu == "max" else machine.cpu
        arguments = ["qemu-system-aarch64", "-M", f"virt,gic-version=3,acpi={'on' if acpi else 'off'},virtualization={'on' if machine.el2 else 'off'}",
                     "-cpu", cpu]
        if acpi:
            arguments += ["-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"]
    # One thread for all CPUs: with one each, QEMU 7.2 now and then runs an int3 of the kernel's code patching after it is gone,
    # and the first kernel dies while it boots.
    return arguments + ["-accel", "tcg,thread=single", "-smp", str(machine.cpus), "-m", machine.memory, "-nic", "none", "-nodefaults",
                        "-display", "none"]
