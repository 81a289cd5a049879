#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The linked purgatories are what the loader expects, whoever built them: GCC, clang, and a packager with hostile
# flags. One PT_LOAD from address 0 with the parameter block first, RELATIVE relocations only, nothing undefined, no
# dynamic linker, small; no floating point or vector registers in the code but for SHA-256's own instructions, which are
# there whatever the compiler; nothing of the packager's flags.
#
#     purgatory-elf.sh SOURCE
set -u

src=$(cd "$1" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
passed=0
failed=0

bad() {
	failed=$((failed + 1))
	echo "FAIL $1"
	sed 's/^/    /' "$tmp/log" | tail -20
}

# is WHAT GOT WANT
is() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		echo "got \"$2\", want \"$3\"" >"$tmp/log"
		bad "$1"
	fi
}

# none WHAT PATTERN FILE: no line of FILE matches.
none() {
	if grep -E -e "$2" "$3" >"$tmp/log"; then
		bad "$1"
	else
		passed=$((passed + 1))
	fi
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# examine WHAT ELF ARCH
examine() {
	what=$1 elf=$2
	case $3 in
	x86_64) relative=R_X86_64_RELATIVE objdump=x86_64-linux-gnu-objdump
		vectors='%(xmm|ymm|zmm|mm|st)|fs:|gs:0x28|endbr' sha=sha256rnds2 ;;
	arm64) relative=R_AARCH64_RELATIVE objdump=aarch64-linux-gnu-objdump
		vectors='[[:space:],{](q|v|d|s)([0-9]|[12][0-9]|3[01])[.,[:space:]]|pac[ai]|aut[ai]|bti' sha=sha256h2 ;;
	esac
	readelf -hlW "$elf" >"$tmp/headers" 2>&1
	readelf -rW "$elf" >"$tmp/relocs" 2>&1
	readelf -sW "$elf" >"$tmp/symbols" 2>&1
	readelf -dW "$elf" >"$tmp/dynamic" 2>&1
	is "$what: position independent" "$(sed -n 's/^ *Type: *\([A-Z]*\).*/\1/p' "$tmp/headers")" DYN
	is "$what: one PT_LOAD" "$(grep -c '^ *LOAD ' "$tmp/headers")" 1
	none "$what: no dynamic linker" 'INTERP' "$tmp/headers"
	none "$what: nothing to link with" 'NEEDED|JMPREL|TEXTREL|RELR|PLTRELSZ' "$tmp/dynamic"
	grep -v "$relative" "$tmp/relocs" >"$tmp/relocs.other"
	none "$what: only the relocations that the loader knows" 'R_[A-Z0-9_]+' "$tmp/relocs.other"
	# The table of consoles at least: otherwise the test above tests nothing.
	is "$what: has relocations" "$(grep -c "$relative" "$tmp/relocs" | sed 's/^[1-9][0-9]*$/some/')" some
	none "$what: nothing undefined" '[[:space:]]UND[[:space:]]+[^[:space:]]' "$tmp/symbols"
	none "$what: nothing of hardening, profiling or sanitizing" \
		'__stack_chk|_chk$|mcount|__fentry__|__asan|__ubsan|__gcov|__sanitizer' "$tmp/symbols"

	# Columns: LOAD offset vaddr paddr filesz memsz flags align
	# shellcheck disable=SC2046 # eight words
	set -- $(grep '^ *LOAD ' "$tmp/headers")
	is "$what: linked at 0" $(($3)) 0
	is "$what: less than 64 KiB" $(($6 < 65536)) 1
	is "$what: starts with the magic number" \
		"$(dd if="$elf" bs=1 skip=$(($2)) count=8 2>/dev/null | od -An -tx1 | tr -d ' \n')" 5455484341524150
	is "$what: .bss starts where the loader's digest stops" \
		$((0x$(sed -n 's/^ *[0-9]*: *\([0-9a-f]*\) .* purg_bss$/\1/p' "$tmp/symbols"))) $((($5 + 15) / 16 * 16))

	if command -v "$objdump" >/dev/null; then
		"$objdump" -d --no-show-raw-insn "$elf" >"$tmp/code" 2>/dev/null
		is "$what: has code" "$(grep -c '<purg_main>:' "$tmp/code")" 1
		# What the assembler of SHA-256 may use, the compiler may not.
		awk '/^[0-9a-f]+ </ { sha = /<sha256_cpu_/ } { print > (sha ? shafile : "/dev/stdout") }' \
			shafile="$tmp/code.sha" "$tmp/code" >"$tmp/code.other"
		none "$what: general registers only" "$vectors" "$tmp/code.other"
		is "$what: instructions for SHA-256" "$(grep -c "$sha" "$tmp/code.sha" | sed 's/^[1-9][0-9]*$/some/')" some
	fi
}

# build NAME MAKE-VARIABLES...: the purgatories in a directory of their own, examined.
build() {
	name=$1
	shift
	mkdir "$tmp/$name"
	cp -p "$tmp/configured/Makefile" "$tmp/configured/config.h" "$tmp/configured/config.status" "$tmp/$name"
	for arch in $arches; do
		if ! make -C "$tmp/$name" "$@" "purgatory/$arch/purgatory.elf" "purgatory/blob_$arch.o" \
			>"$tmp/log" 2>&1; then
			bad "$name: building $arch"
			continue
		fi
		if grep -iE 'warning|error' "$tmp/log" >"$tmp/warnings"; then
			cp "$tmp/warnings" "$tmp/log"
			bad "$name: building $arch without a warning"
		fi
		examine "$name $arch" "$tmp/$name/purgatory/$arch/purgatory.elf" "$arch"
		is "$name: $arch blob has both its symbols" "$(nm "$tmp/$name/purgatory/blob_$arch.o" |
			grep -cE " R purgatory_$arch(_last)?\$")" 2
		readelf -SW "$tmp/$name/purgatory/blob_$arch.o" >"$tmp/sections"
		is "$name: $arch blob asks for no executable stack" \
			"$(grep -c '\.note\.GNU-stack *PROGBITS .* 0 *0 *1$' "$tmp/sections")" 1
	done
}

mkdir "$tmp/configured"
if ! (cd "$tmp/configured" && "$src/configure") >"$tmp/log" 2>&1; then
	bad configure
	finish
fi
arches=$(sed -n 's/^PURGATORY_ARCHES = *//p' "$tmp/configured/Makefile")
[ -n "$arches" ] || { echo 'no purgatory is built' >"$tmp/log"; bad configure; }
build configured-compilers
if command -v clang >/dev/null && command -v ld.lld >/dev/null; then
	# clang links with GNU ld where that is the system's, and with lld for others.
	build clang PURG_CC_x86_64='clang --target=x86_64-linux-gnu -fuse-ld=lld' \
		PURG_CC_arm64='clang --target=aarch64-linux-gnu -fuse-ld=lld'
	all=$arches
	case $(uname -m) in
	x86_64) arches=x86_64 ;;
	aarch64) arches=arm64 ;;
	*) arches= ;;
	esac
	build native-clang PURG_CC_x86_64=clang PURG_CC_arm64=clang
	arches=$all
else
	echo 'no clang with lld: its part is left out'
fi
hostile='-O3 -g -fstack-protector-strong -fcf-protection=full -pg -fPIC -fsanitize=undefined -fstack-clash-protection'
[ "$(uname -m)" = x86_64 ] || hostile='-O3 -g -fstack-protector-strong -pg -fPIC -fsanitize=undefined'
build hostile-flags CFLAGS="$hostile" CPPFLAGS='-D_FORTIFY_SOURCE=2 -Dmemcpy=hostile' LDFLAGS='-Wl,-z,now -pie -pg'

# What a distribution builds into its compiler comes the same way as these.
hard='-O0 -fPIC -fstack-protector-all -D_FORTIFY_SOURCE=2 -fstack-clash-protection -fsanitize=undefined'
native=$(sed -n 's/^PURG_CC_x86_64 = *//p' "$tmp/configured/Makefile")
cross=$(sed -n 's/^PURG_CC_arm64 = *//p' "$tmp/configured/Makefile")
build hostile-compiler PURG_CC_x86_64="$native $hard -fcf-protection=full" \
	PURG_CC_arm64="$cross $hard -mbranch-protection=standard"
finish
