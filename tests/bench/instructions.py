#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions from the kernel's jump to the capture kernel's first, ours and kexec-tools': instructions.py BUILD [MIB]

No kernels: a small program jumps into the purgatory with MIB (64) of memory to verify, another stands for the capture
kernel. QEMU counts instructions as time (-icount shift=0): x86_64's time stamp counter shows them one by one, arm64's
counter in steps of 16. QEMU 7.2 has no SHA instructions for x86_64, so both run portable code there;
tests/bench/digest.py measures the rest. kexec-tools' purgatory is there when tests/setup/guest-files peer was run.
"""
import hashlib
import os
import subprocess
import sys
import tempfile

import peer_purgatory

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
QEMU_FILES = f"{SOURCE}/tests/shell/purgatory-qemu"
MIB = 1 << 20
TIMEOUT = 3600

MACHINES = {
    "x86_64": {"cc": "gcc", "tools": "", "peer": "amd64", "ram": 0, "count": 0x300000, "step": 1},
    "arm64": {"cc": "aarch64-linux-gnu-gcc", "tools": "aarch64-linux-gnu-", "peer": "arm64", "ram": 0x40000000,
              "count": 0x4f001008, "step": 16},
}


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout}")
    return done.stdout


class Bench:
    def __init__(self, arch, build, folder, size):
        self.arch, self.build, self.folder, self.size = arch, build, folder, size
        self.machine = MACHINES[arch]
        self.flags = [f"-DCOUNT={self.machine['count']:#x}"]
        self.payload = f"{folder}/payload-{arch}"
        self.flat(f"{HERE}/instructions/count_{arch}.S", self.payload)

    def flat(self, source, output):
        run(self.machine["cc"], *self.flags, "-c", "-o", output + ".o", source)
        run(self.machine["tools"] + "objcopy", "-O", "binary", "-j", ".text", output + ".o", output)

    def ours(self):
        """[(file, address)] and the entry."""
        folder = f"{self.folder}/ours-{self.arch}"
        os.makedirs(f"{folder}/root")
        out = run(f"{self.folder}/image", self.arch, f"{folder}/root", self.payload, folder, f"initrd={self.size}")
        lines = [line.split() for line in out.splitlines()]
        files = [(f"{folder}/{name}.bin", int(value, 16)) for name, value in lines
                 if os.path.exists(f"{folder}/{name}.bin")]
        return files, next(int(value, 16) for name, value in lines if name == "entry")

    def peer(self):
        """The same of kexec-tools, or None: the payload and as many bytes to verify."""
        folder, tools, ram = f"{self.folder}/peer-{self.arch}", self.machine["tools"], self.machine["ram"]
        os.makedirs(folder)
        if not peer_purgatory.extract(self.machine["peer"], f"{folder}/peer.o"):
            return None
        at, payload_at, data_at = ram + 0x1000000, ram + 0x2000000, ram + 0x2100000
        # The stack and what else it wants zero stand behind; gaps are zeros.
        elf, flat = f"{folder}/peer.elf", f"{folder}/peer.bin"
        run(tools + "ld", "-static", "-e", "purgatory_start", f"-Ttext={at:#x}", "-z", "noexecstack", "-o", elf,
            f"{folder}/peer.o")
        run(tools + "objcopy", "-O", "binary", "--set-section-flags", ".bss=alloc,load,contents", elf, flat)
        lines = [line.split() for line in run(tools + "nm", elf).splitlines()]
        symbols = {words[2]: int(words[0], 16) for words in lines if len(words) == 3}
        # Of all sections that are in memory (flag A): number, name, type, address, offset, size, entry size, flags.
        sections = run(tools + "readelf", "-SW", elf).replace("[", " ").replace("]", " ")
        lines = [line.split() for line in sections.splitlines()]
        first = min(int(words[3], 16) for words in lines if len(words) > 8 and "A" in words[7])
        payload = open(self.payload, "rb").read()
        data = (bytes(range(256)) * 4096)[:MIB] * (self.size // MIB)
        image = bytearray(open(flat, "rb").read())

        def put(symbol, off, content):
            begin = symbols[symbol] - first + off
            image[begin:begin + len(content)] = content

        def word(value):
            return value.to_bytes(8, "little")

        put("sha256_regions", 0, word(payload_at) + word(len(payload)) + word(data_at) + word(len(data)))
        put("sha256_digest", 0, hashlib.sha256(payload + data).digest())
        if self.arch == "x86_64":
            put("entry64_regs", 16 * 8, word(payload_at))  # rip, behind sixteen registers
        else:
            put("arm64_kernel_entry", 0, word(payload_at))
            put("arm64_dtb_addr", 0, word(data_at))
        files = [(flat, first), (f"{folder}/payload", payload_at), (f"{folder}/data", data_at)]
        for (path, _), content in zip(files, (image, payload, data)):
            with open(path, "wb") as file:
                file.write(content)
        return files, symbols["purgatory_start"]

    def count(self, files, entry):
        stage = f"{self.folder}/stage-{self.arch}"
        loaders = [("-device", f"loader,file={path},addr={addr:#x},force-raw=on") for path, addr in files]
        if self.arch == "x86_64":
            run("gcc", "-m32", "-DLEVELS=4", f"-DENTRY={entry:#x}", *self.flags, "-nostdlib", "-static",
                "-Wl,-Ttext=0x100000", "-Wl,-e,stage", "-Wl,--build-id=none", "-o", stage,
                f"{QEMU_FILES}/stage_x86_64.S")
            command = ["qemu-system-x86_64", "-kernel", stage, "-device", "isa-debug-exit,iobase=0xf4"]
        else:
            self.flat(f"{QEMU_FILES}/stage_arm64.S", stage)
            loaders += [("-device", f"loader,file={stage},addr=0x4f000000,force-raw=on"),
                        ("-device", f"loader,addr=0x4f001000,data={entry:#x},data-len=8"),
                        ("-device", "loader,addr=0x4f000000,cpu-num=0")]
            command = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57"]
        command += [word for pair in loaders for word in pair]
        command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-display", "none",
                    "-monitor", "none", "-serial", "stdio", "-no-reboot", "-m", "256"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT, universal_newlines=True)
        return int(done.stdout.split()[-1], 16) * self.machine["step"]


def main():
    build, size = os.path.abspath(sys.argv[1]), int(sys.argv[2]) * MIB if len(sys.argv) > 2 else 64 * MIB
    with tempfile.TemporaryDirectory() as folder:
        rule = ("image: tests/shell/purgatory-qemu/image.c libkexec.a libparachute.a ;\n"
                "\t$(COMPILE) $(LDFLAGS) -MF $(IMAGE).d -o $(IMAGE) $< libkexec.a libparachute.a $(LIBS)")
        run("make", "-C", build, f"--eval={rule}", f"IMAGE={folder}/image", "image")
        for arch in MACHINES:
            bench = Bench(arch, build, folder, size)
            ours = bench.count(*bench.ours())
            line = f"{arch}, {size // MIB} MiB, entry to jump: ours {ours:,} instructions, {ours / size:.2f} for a byte"
            peer = bench.peer()
            if peer:
                theirs = bench.count(*peer)
                line += f"; kexec-tools {theirs:,}, {theirs / size:.2f} for a byte; ratio {ours / theirs:.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
