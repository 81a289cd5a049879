#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/root/capture.sh takes all of a tree that tests/root/make-synthetic writes, and nothing more.
#
#     capture-tree.sh SOURCE
set -u

src=$(cd "$1" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
passed=0
failed=0

# check WHAT COMMAND...
check() {
	what=$1
	shift
	if "$@" >"$tmp/log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what"
		sed 's/^/    /' "$tmp/log" | tail -20
	fi
}

# capture NAME: the tree $tmp/NAME becomes $tmp/NAME.captured.
capture() {
	mkdir "$tmp/$1.captured" && "$src/tests/root/capture.sh" "$tmp/$1" >"$tmp/tar" && tar xf "$tmp/tar" -C "$tmp/$1.captured"
}

# same NAME: both hold the same, but for lines of kallsyms that nobody reads.
same() {
	grep -E ' (_text|_stext|_etext|__init_begin|_end)$' "$tmp/$1/proc/kallsyms" >"$tmp/kallsyms"
	mv "$tmp/kallsyms" "$tmp/$1/proc/kallsyms"
	diff -r "$tmp/$1" "$tmp/$1.captured"
}

# machine NAME ARGUMENTS...
machine() {
	name=$1
	shift
	check "$name: made" /usr/bin/python3 "$src/tests/root/make-synthetic" "$@" "$tmp/$name"
	check "$name: captured" capture "$name"
	check "$name: complete" same "$name"
}

refuses_hidden() {
	mkdir -p "$tmp/hidden/proc"
	echo "00000000-00000000 : System RAM" >"$tmp/hidden/proc/iomem"
	if "$src/tests/root/capture.sh" "$tmp/hidden" >"$tmp/tar" 2>"$tmp/err"; then
		return 1
	fi
	grep "run as root" "$tmp/err"
}

# A kcore that stops inside its headers was copied from nowhere good.
refuses_cut_kcore() {
	dd if="$tmp/x86_64/proc/kcore" of="$tmp/cut" bs=700 count=1 && cp "$tmp/cut" "$tmp/x86_64/proc/kcore"
	if "$src/tests/root/capture.sh" "$tmp/x86_64" >"$tmp/tar" 2>"$tmp/err"; then
		return 1
	fi
	grep "kcore gave 700 bytes" "$tmp/err"
}

machine x86_64 --arch x86_64 --cpus 30 --sparse --ranges 6 --crash 256M --crash-low 64M --virtio-mem --hotplug
machine arm64 --arch arm64 --cpus 3 --crash 256M
machine many-ranges --arch x86_64 --cpus 1 --ranges 20000 --crash 256M
check "hidden addresses are refused" refuses_hidden
check "a cut kcore is refused" refuses_cut_kcore
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
