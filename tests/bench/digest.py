#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SHA-256 on one core: digest.py DIGEST-PROGRAM. Ours in C, the loader's, the purgatory's; OpenSSL's; kexec-tools'.

Best of several rounds, in which they take turns. The digests are compared too. kexec-tools' purgatory is there when
tests/setup/guest-files peer was run, on x86_64.
"""
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time

import peer_purgatory

MIB = 1 << 20
BYTES = 128 * MIB
ROUNDS = 5
HERE = os.path.dirname(os.path.abspath(__file__))


def program(*command):
    """MB/s and the digest, as digest.c and digest_peer.c print them."""
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, universal_newlines=True)
    rate, digest = run.stdout.split(" MB/s ")
    return float(rate), digest.strip()


def openssl(data):
    """OpenSSL as Python calls it, on all bytes at once: the calls cost nothing."""
    start = time.process_time()
    digest = hashlib.sha256(data).hexdigest()
    return len(data) / (time.process_time() - start) / 1e6, digest


def link_peer(folder):
    """The program that runs kexec-tools' code, or None."""
    if platform.machine() != "x86_64" or not peer_purgatory.extract("amd64", f"{folder}/peer.o"):
        return None
    # Their object has a printf and a memcpy of its own, which must not become this program's.
    names = [f"--keep-global-symbol={name}" for name in ("sha256_starts", "sha256_update", "sha256_finish")]
    subprocess.run(["objcopy", *names, f"{folder}/peer.o", f"{folder}/digest.o"], check=True)
    subprocess.run(["gcc", "-O2", "-no-pie", "-z", "noexecstack", "-o", f"{folder}/peer", f"{HERE}/digest_peer.c",
                    f"{folder}/digest.o"], check=True, stderr=subprocess.DEVNULL)
    return f"{folder}/peer"


def main():
    ours = os.path.abspath(sys.argv[1])
    data = os.urandom(MIB) * (BYTES // MIB)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/data"
        with open(path, "wb") as file:
            file.write(data)
        candidates = {f"ours, {mode}": lambda mode=mode: program(ours, mode, path)
                      for mode in ("portable", "loader", "purgatory")}
        candidates["OpenSSL"] = lambda: openssl(data)
        peer = link_peer(folder)
        if peer:
            candidates["kexec-tools, purgatory"] = lambda: program(peer, path)
        best = {name: 0 for name in candidates}
        want = hashlib.sha256(data).hexdigest()
        for _ in range(ROUNDS):
            for name, measure in candidates.items():
                rate, digest = measure()
                if digest != want:
                    raise SystemExit(f"{name}: the digest is wrong")
                best[name] = max(best[name], rate)
    for name, rate in best.items():
        print(f"SHA-256, one core: {name}: {rate:.0f} MB/s, {rate / best['OpenSSL']:.2f} of OpenSSL")


if __name__ == "__main__":
    main()
