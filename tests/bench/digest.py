#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Throughput of the loader's SHA-256 against OpenSSL's on the same CPU: digest.py DIGEST-PROGRAM. The digests are compared too."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

MIB = 1 << 20


def openssl_rate():
    """MB/s as `openssl speed` measures it, or None."""
    if not shutil.which("openssl"):
        return None
    run = subprocess.run(["openssl", "speed", "-elapsed", "-bytes", "65536", "-seconds", "2", "-evp", "sha256"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    match = re.search(r"^sha256\s+([\d.]+)k", run.stdout, re.M | re.I)
    return float(match[1]) / 1000 if match else None


def main():
    with tempfile.NamedTemporaryFile() as file:
        block = os.urandom(MIB)
        for _ in range(128):
            file.write(block)
        file.flush()
        ours, digest = subprocess.run([os.path.abspath(sys.argv[1]), file.name], stdout=subprocess.PIPE, check=True,
                                      universal_newlines=True).stdout.split(" MB/s ")
        if digest.strip() != hashlib.sha256(block * 128).hexdigest():
            raise SystemExit("the digest is wrong")
    theirs = openssl_rate()
    print("SHA-256, one core: ours %s MB/s" % ours + ("; OpenSSL %.0f MB/s, ratio %.2f" % (theirs, float(ours) / theirs) if theirs else ""))


if __name__ == "__main__":
    main()
