#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unit tests of SHA-256 as an arm64 program: its assembler runs on CPUs that QEMU plays. Little is printed when all is
# well.
#
#     sha256-arm64.sh SOURCE
set -u

src=$(cd "$1" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
	command -v $tool >/dev/null || { echo "no $tool: nothing is tested"; exit 0; }
done
if ! (cd "$src" && aarch64-linux-gnu-gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -D_GNU_SOURCE -I. -o "$tmp/test" \
	tests/unit/test_sha256.c lib/sha256.c lib/sha256_arm64.S lib/err.c); then
	echo '0 passed, 1 failed'
	exit 1
fi
status=0
for cpu in cortex-a57 max; do
	printf '%s: ' $cpu
	SHA256_CPU=yes qemu-aarch64 -cpu $cpu "$tmp/test" || status=1
done
exit $status
