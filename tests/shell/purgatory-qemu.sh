#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The purgatories in QEMU without a kernel: purgatory-qemu/image.c makes the segments with the loader's own half, a
# small program stands for the dying kernel and another for the capture kernel. Good segments must be started in the
# state that the boot protocol demands; a damaged byte anywhere must be named and met as the policy says; the verdict
# must be in the command line; bad consoles and page tables must not stop a capture.
#
#     purgatory-qemu.sh SOURCE [BUILD [ARCH]] BUILD: a configured build directory; without it a temporary one is made
#                                             ARCH: x86_64 or arm64 only
set -u
export LC_ALL=C                 # damaged text is no text in any other

src=$(cd "$1" && pwd)
here=$src/tests/shell/purgatory-qemu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
passed=0
failed=0

good() {
	passed=$((passed + 1))
}

bad() {
	failed=$((failed + 1))
	echo "FAIL $1"
	cut -c 1-250 "$tmp/console" | tail -20 | sed 's/^/    /'
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# The loader's half, linked into image.c.
if [ $# -gt 1 ]; then
	build=$(cd "$2" && pwd)
else
	build=$tmp/build
	mkdir "$build"
	(cd "$build" && "$src/configure" CFLAGS=-O1) >"$tmp/console" 2>&1 || { bad configure; finish; }
fi
# shellcheck disable=SC2016 # make's variables
rule='image: tests/shell/purgatory-qemu/image.c libkexec.a libparachute.a ;
	$(COMPILE) $(LDFLAGS) -MF $(IMAGE).d -o $(IMAGE) $< libkexec.a libparachute.a $(LIBS)'
make -C "$build" --eval="$rule" IMAGE="$tmp/image" image >"$tmp/console" 2>&1 || { bad "building image"; finish; }

have() {
	command -v "$1" >/dev/null || { echo "no $1: its part is left out"; return 1; }
}

# flat GCC SOURCE OUTPUT FLAGS...: its text as a flat binary.
flat() {
	flat_cc=$1 flat_src=$2 flat_out=$3
	shift 3
	if ! $flat_cc "$@" -c -o "$tmp/flat.o" "$flat_src" >"$tmp/console" 2>&1 ||
		! "${flat_cc%gcc}objcopy" -O binary -j .text "$tmp/flat.o" "$flat_out" >"$tmp/console" 2>&1; then
		bad "building $flat_src"
		finish
	fi
}

# segments ARCH PAYLOAD ARGS...: fresh files in $tmp/seg; sets entry, image_len and file_len.
segments() {
	seg_arch=$1 seg_payload=$2
	shift 2
	rm -rf "$tmp/seg"
	mkdir "$tmp/seg"
	if ! "$tmp/image" "$seg_arch" "$tmp/root-$seg_arch" "$seg_payload" "$tmp/seg" "$@" \
		>"$tmp/seg/map" 2>"$tmp/console"; then
		bad "image $seg_arch $*"
		finish
	fi
	entry=$(sed -n 's/^entry //p' "$tmp/seg/map")
	image_len=$(sed -n 's/^image_len //p' "$tmp/seg/map")
	file_len=$(sed -n 's/^file_len //p' "$tmp/seg/map")
}

# damage NAME OFFSET [VALUE]: another byte there.
damage() {
	# shellcheck disable=SC2059 # made for it
	printf "\\$(printf %03o "${3:-120}")" | dd of="$tmp/seg/$1.bin" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# run QEMU-COMMAND...: with the segments in memory; what it prints is in $tmp/console. QEMU ends by itself, or it is
# a hang. Its clock counts instructions, so that the purgatory's delay takes no time here.
run() {
	while read -r file addr; do
		[ -f "$tmp/seg/$file.bin" ] || continue
		set -- "$@" -device "loader,file=$tmp/seg/$file.bin,addr=$addr,force-raw=on"
	done <"$tmp/seg/map"
	timeout "${TIMEOUT:-60}" "$@" -icount shift=10,sleep=off -display none -monitor none -serial stdio -no-reboot \
		-m 256 </dev/null >"$tmp/serial" 2>&1 &
	pid=$!
	# Who halts as asked is given a moment to show that this is not the last word.
	if [ -n "${HALTS:-}" ]; then
		while kill -0 $pid 2>/dev/null && ! grep -q '; halted' "$tmp/serial"; do sleep 0.2; done
		sleep 1
		kill $pid 2>/dev/null
	fi
	wait $pid
	status=$?
	tr -d '\r' <"$tmp/serial" >"$tmp/console"
}

# expect NAME TEXT...: each text is in the output; "!TEXT": it is not; "~PATTERN": an extended regular expression.
expect() {
	what=$1
	shift
	for text; do
		case $text in
		"~"*) if ! grep -qE -e "${text#"~"}" "$tmp/console"; then bad "$what: $text"; return; fi ;;
		!*) if grep -qF -e "${text#!}" "$tmp/console"; then bad "$what: $text"; return; fi ;;
		*) if ! grep -qF -e "$text" "$tmp/console"; then bad "$what: $text"; return; fi ;;
		esac
	done
	good
}

# tty ARCH NAME TYPE PORT IO_TYPE BASE SHIFT
tty() {
	dir=$tmp/root-$1/sys/class/tty/$2
	mkdir -p "$dir"
	echo "$3" >"$dir/type"
	echo "$4" >"$dir/port"
	echo "$5" >"$dir/io_type"
	echo "$6" >"$dir/iomem_base"
	echo "$7" >"$dir/iomem_reg_shift"
}

# consoles ARCH NAME...
consoles() {
	root=$tmp/root-$1
	shift
	mkdir -p "$root/proc"
	for con; do
		printf '%-20s -W- (EC  a  )    4:64\n' "$con"
	done >"$root/proc/consoles"
}

# offset SYMBOL: where it is in the purgatory of the architecture at hand.
offset() {
	echo $((0x$(nm "$build/purgatory/$seg_arch/purgatory.elf" | sed -n "s/^\([0-9a-f]*\) . $1\$/\1/p")))
}

# damage_all ARCH PAYLOAD COMMAND...: each segment in turn, the last byte of the digest's part and the padding too.
# There is no fallback, and the machine is reset.
damage_all() {
	d_arch=$1 d_payload=$2
	shift 2
	segments "$d_arch" "$d_payload"
	# In the purgatory: the block (an entry address), code, .bss (twice), and the rest of its last page.
	for case in kernel:100:expected kernel:300000:padding initrd:0:expected initrd:100000:expected \
		initrd:100001:padding elfcorehdr:5000:padding cmdline:3:expected purgatory:84:expected \
		purgatory:$(offset arch_copy):expected purgatory:$((image_len - 4000)):padding \
		purgatory:$((image_len - 1)):padding \
		purgatory:$(($(wc -c <"$tmp/seg/purgatory.bin") - 1)):padding; do
		name=${case%%:*} off=${case#*:}
		off=${off%:*}
		segments "$d_arch" "$d_payload"
		damage "$name" "$off"
		"$@"
		expect "$d_arch: damage to $name at $off" "purgatory: segment $name at " "${case##*:}" \
			'not starting a damaged capture kernel; resetting the machine' '!payload' '!could not reset' \
			'!exception'
	done
}

# policies ARCH PAYLOAD COMMAND...: what each policy makes of damage to each segment of either image.
policies() {
	p_arch=$1 p_payload=$2
	shift 2
	for policy in reboot halt boot fallback; do
		for damaged in kernel initrd cmdline fallback-initrd fallback-cmdline elfcorehdr \
			initrd,fallback-initrd cmdline,fallback-cmdline initrd,cmdline; do
			segments "$p_arch" "$p_payload" fallback policy=$policy
			for name in $(echo $damaged | tr , ' '); do
				damage "$name" 2
			done
			HALTS=$([ $policy = halt ] && echo 1)
			"$@"
			HALTS=
			what="$p_arch: policy $policy, damage to $damaged"
			for name in $(echo $damaged | tr , ' '); do
				expect "$what is told" "purgatory: segment $name at "
			done
			case $policy:$damaged in
			*:fallback-*)
				expect "$what" 'purgatory: ok, ' 'starting the capture kernel at ' \
					'cmdline: primary kdump.verify=ok ' 'payload: ok' ;;
			halt:*)
				expect "$what" 'not starting a damaged capture kernel; halted' '!payload' '!reset' ;;
			boot:kernel) # Its code is what is damaged.
				expect "$what" 'damaged, but to be started all the same, ' ;;
			boot:cmdline) # Its third character.
				expect "$what" 'cmdline: prxmary kdump.verify=damaged:cmdline ' ;;
			boot:initrd,cmdline)
				expect "$what" 'cmdline: prxmary kdump.verify=damaged:cmdline,initrd ' ;;
			boot:*)
				expect "$what" 'starting the capture kernel at ' 'payload: ok' \
					"~cmdline: pr[ix]mary kdump.verify=damaged:${damaged%%,*} .* behind\$" ;;
			fallback:initrd | fallback:cmdline | fallback:initrd,cmdline)
				list=$([ $damaged = initrd,cmdline ] && echo cmdline,initrd || echo $damaged)
				expect "$what" 'purgatory: the fallback is intact, ' \
					'starting the fallback capture kernel at ' 'payload: ok' \
					"~cmdline: fallback kdump.verify=fallback:$list .* behind\$" ;;
			*)
				expect "$what" 'not starting a damaged capture kernel; resetting' '!payload' \
					'!could not reset' ;;
			esac
		done
	done
}

# random_flips ARCH PAYLOAD COMMAND...: bits anywhere in what the purgatory's file holds, also in the code that has to
# find them, to say so and to reset. It must never start anything, and not hang without a word. FLIPS in the
# environment: how many (none by default: which code a bit hits differs from build to build); SEED: which.
random_flips() {
	r_arch=$1 r_payload=$2
	shift 2
	segments "$r_arch" "$r_payload"
	# shellcheck disable=SC2013 # words are meant
	for flip in $(awk -v n="${FLIPS:-0}" -v seed="${SEED:-1}" -v len="$file_len" \
		'BEGIN { srand(seed); for (; n; n--) print int(rand() * len) ":" 2 ^ int(rand() * 8) }'); do
		off=${flip%:*}
		segments "$r_arch" "$r_payload"
		byte=$(od -An -tu1 -j "$off" -N 1 "$tmp/seg/purgatory.bin")
		damage purgatory "$off" $((byte ^ ${flip#*:}))
		"$@"
		if [ "$status" -eq 124 ] && ! grep -qE 'is damaged|exception' "$tmp/console"; then
			bad "$r_arch: bit ${flip#*:} at $off of the purgatory: a hang"
			continue
		fi
		expect "$r_arch: bit ${flip#*:} at $off of the purgatory" '!payload'
		grep -q 'segment purgatory at .* is damaged' "$tmp/console" ||
			echo "note: $r_arch: bit ${flip#*:} at $off is not named: $(tail -1 "$tmp/console")"
	done
}

x86_64() {
	if ! have qemu-system-x86_64 || ! have gcc; then return; fi
	case $(gcc -dumpmachine) in x86_64-*) ;; *) echo "no x86_64 compiler: its part is left out"; return ;; esac
	tty x86_64 ttyS0 4 0x3F8 0 0x0 0
	tty x86_64 ttyS1 4 0x0 3 0xa000000 2
	tty x86_64 ttyS2 4 0x0 2 0x8000000000000000 0
	consoles x86_64 ttyS0
	flat gcc "$here/payload_x86_64.S" "$tmp/payload64" -DBITS=64 -DORIGIN=0x2000000
	flat gcc "$here/payload_x86_64.S" "$tmp/payload32" -m32 -DBITS=32 -DORIGIN=0x2000000
	flat gcc "$here/payload_x86_64.S" "$tmp/payload-device" -DBITS=64 -DORIGIN=0x2000000 -DWITH_DEVICE
	flat gcc "$here/payload_x86_64.S" "$tmp/payload-framebuffer" -DBITS=64 -DORIGIN=0x2000000 -DWITH_FRAMEBUFFER
	flat gcc "$here/payload_x86_64.S" "$tmp/payload-vga" -DBITS=64 -DORIGIN=0x2000000 -DWITH_VGA
	# What a ready 16550 shows in its line status register, where the page tables have a hole.
	printf '\040' >"$tmp/lsr"

	segments x86_64 "$tmp/payload64"
	for levels in 4 5 '4 -DGRAPHICS'; do
		# shellcheck disable=SC2086 # flags
		if ! gcc -m32 -DLEVELS=$levels -DENTRY="$entry" -nostdlib -static -Wl,-Ttext=0x100000 -Wl,-e,stage \
			-Wl,--build-id=none -o "$tmp/stage-${levels#* -D}" "$here/stage_x86_64.S" >"$tmp/console" 2>&1; then
			bad 'building stage'
			finish
		fi
	done
	qemu() {
		cpu=$1 stage=$2
		shift 2
		run qemu-system-x86_64 -accel tcg -cpu "$cpu" -kernel "$tmp/$stage" -device isa-debug-exit,iobase=0xf4 \
			-device "loader,file=$tmp/lsr,addr=0xa000014,force-raw=on" "$@"
	}
	ok='~purgatory: ok, 4 segments, 1 MiB in [0-9]+ ms, starting the capture kernel at 0x2000000$'
	verdict='cmdline: primary kdump.verify=ok '
	for cpu in qemu64 max; do
		segments x86_64 "$tmp/payload64"
		qemu "$cpu" stage-4
		expect "x86_64 64-bit entry, $cpu" 'verifying 4 segments: kernel elfcorehdr cmdline initrd' "$ok" \
			"$verdict" 'payload: ok'
		segments x86_64 "$tmp/payload32" 32
		qemu "$cpu" stage-4
		expect "x86_64 32-bit entry, $cpu" "$ok" "$verdict" 'payload: ok'
	done
	segments x86_64 "$tmp/payload64"
	qemu max stage-5
	expect 'x86_64 64-bit entry, 5 levels' "$ok" "$verdict" 'payload: ok'
	segments x86_64 "$tmp/payload32" 32
	qemu max stage-5
	expect 'x86_64 32-bit entry, 5 levels' "$ok" "$verdict" 'payload: ok'

	consoles x86_64 ttyS2 ttyS1 ttyS0
	for levels in 4 5; do
		segments x86_64 "$tmp/payload-device"
		qemu max stage-$levels
		expect "x86_64 console outside of the page tables, $levels levels" "$ok" 'payload: ok'
	done
	consoles x86_64 ttyS0
	# It begins and stops in mapped memory and has the hole in its middle.
	segments x86_64 "$tmp/payload-framebuffer" framebuffer
	qemu qemu64 stage-4
	expect 'x86_64 frame buffer' "$ok" 'payload: ok'
	segments x86_64 "$tmp/payload-vga" vga
	qemu qemu64 stage-GRAPHICS
	expect 'x86_64 VGA in graphics mode' "$ok" 'payload: ok'

	segments x86_64 "$tmp/payload64" no-verify
	damage initrd 5
	qemu qemu64 stage-4
	expect 'x86_64 -i' 'nothing verified, starting the capture kernel' 'payload: ok' 'primary kdump.verify=skipped '
	segments x86_64 "$tmp/payload64" entry=0x70000000
	qemu qemu64 stage-4
	expect 'x86_64 exception' 'CPU exception 14 at 0x70000000 (error code 0x0, address 0x70000000)' \
		'resetting the machine' '!payload'
	segments x86_64 "$tmp/payload64"
	damage purgatory 0
	qemu qemu64 stage-4
	expect 'x86_64 no magic' 'its parameter block is damaged' 'resetting the machine' '!payload'
	damage_all x86_64 "$tmp/payload64" qemu qemu64 stage-4
	policies x86_64 "$tmp/payload64" qemu qemu64 stage-4
	random_flips x86_64 "$tmp/payload64" qemu qemu64 stage-4
}

arm64() {
	have qemu-system-aarch64 || return
	if command -v aarch64-linux-gnu-gcc >/dev/null; then
		cc=aarch64-linux-gnu-gcc
	elif [ "$(uname -m)" = aarch64 ]; then
		cc=gcc
	else
		echo "no arm64 compiler: its part is left out"
		return
	fi
	tty arm64 ttyAMA0 32 0x0 2 0x9000000 0
	tty arm64 ttyAMA1 32 0x0 2 0xfff0000000 0
	consoles arm64 ttyAMA0
	mkdir -p "$tmp/root-arm64/proc/device-tree/psci"
	for mode in EL1 EL2 EL2+E2H; do
		el=${mode#EL} el=${el%+*}
		e2h=$([ "$mode" = EL2+E2H ] && echo -DE2H)
		cpu=$([ "$mode" = EL2+E2H ] && echo max || echo cortex-a57)
		psci=$([ "$el" = 1 ] && echo hvc || echo smc)
		machine=$([ "$el" = 1 ] && echo virt || echo virt,virtualization=on)
		printf '%s\0' "$psci" >"$tmp/root-arm64/proc/device-tree/psci/method"
		# shellcheck disable=SC2086 # a flag or none
		flat $cc "$here/payload_arm64.S" "$tmp/payload" -DEL="$el" -DPSCI="$psci" $e2h
		# shellcheck disable=SC2086
		flat $cc "$here/stage_arm64.S" "$tmp/stage" $e2h
		qemu() {
			run qemu-system-aarch64 -accel tcg -M "$machine" -cpu "$cpu" \
				-device "loader,file=$tmp/stage,addr=0x4f000000,force-raw=on" \
				-device "loader,addr=0x4f001000,data=$entry,data-len=8" \
				-device "loader,addr=0x4f000000,cpu-num=0"
		}
		ok='~purgatory: ok, 5 segments, 1 MiB in [0-9]+ ms, starting the capture kernel at 0x42000000$'
		verdict='cmdline: primary kdump.verify=ok '
		segments arm64 "$tmp/payload"
		qemu
		expect "arm64 $mode" 'verifying 5 segments: kernel elfcorehdr cmdline initrd page-tables' "$ok" "$verdict" \
			'payload: ok M' '!caches'
		arm64_tables
		damage_all arm64 "$tmp/payload" qemu
		policies arm64 "$tmp/payload" qemu
		random_flips arm64 "$tmp/payload" qemu
		segments arm64 "$tmp/payload" no-verify
		damage initrd 5
		qemu
		expect "arm64 $mode -i" 'nothing verified, starting the capture kernel' 'payload: ok N' \
			'primary kdump.verify=skipped '
		segments arm64 "$tmp/payload" entry=0x42000002
		qemu
		expect "arm64 $mode exception" 'CPU exception at vector 4, instruction at 0x42000002 (ESR 0x' \
			'resetting the machine' '!payload' '!could not reset'
		# A console that is not there: an external abort, after which the others still work.
		consoles arm64 ttyAMA1 ttyAMA0
		for tables in '' no-tables; do
			# shellcheck disable=SC2086
			segments arm64 "$tmp/payload" $tables
			qemu
			expect "arm64 $mode console that faults $tables" "${ok%%5*}" 'payload: ok'
		done
		consoles arm64 ttyAMA0
		# shellcheck disable=SC2086 # a flag or none
		flat $cc "$here/payload_arm64.S" "$tmp/payload-framebuffer" -DEL="$el" -DPSCI="$psci" -DWITH_FRAMEBUFFER $e2h
		for tables in '' no-tables; do
			# shellcheck disable=SC2086
			segments arm64 "$tmp/payload-framebuffer" framebuffer $tables
			qemu
			expect "arm64 $mode frame buffer $tables" "${ok%%5*}" 'payload: ok'
		done
	done
	# The conduit is unknown: both are tried.
	rm "$tmp/root-arm64/proc/device-tree/psci/method"
	segments arm64 "$tmp/payload"
	damage kernel 9
	qemu
	expect 'arm64 without a known conduit' 'segment kernel at ' '!could not reset' '!payload' '!exception'
}

# Page tables that are damaged, lack something, or are not there: all is done without them.
arm64_tables() {
	segments arm64 "$tmp/payload" no-tables
	qemu
	expect "arm64 $mode without page tables" "$(echo "$ok" | sed 's/5 segments/4 segments/')" "$verdict" 'payload: ok N'
	segments arm64 "$tmp/payload"
	for off in 0 4099 $(($(wc -c <"$tmp/seg/page-tables.bin") - 1)); do
		segments arm64 "$tmp/payload"
		damage page-tables "$off"
		qemu
		expect "arm64 $mode damage to page-tables at $off" 'caches stay off, this takes longer: the page tables are damaged' \
			'purgatory: segment page-tables at ' "$ok" "$verdict" 'payload: ok N'
	done
	segments arm64 "$tmp/payload" tables-hole
	qemu
	expect "arm64 $mode page tables with a hole" 'caches stay off, this takes longer: the page tables lack memory' "$ok" \
		"$verdict" 'payload: ok N'
	# The console is lost, the capture is not.
	segments arm64 "$tmp/payload" tables-silent
	qemu
	expect "arm64 $mode page tables without consoles" "$verdict" 'payload: ok M'
	# Megabytes, and the damage in the middle of them.
	segments arm64 "$tmp/payload" initrd=33554432
	qemu
	expect "arm64 $mode 32 MiB" '~ok, 5 segments, 33 MiB in' "$verdict" 'payload: ok M'
	damage initrd 20000000
	qemu
	expect "arm64 $mode 32 MiB, damage" 'segment initrd at ' 'resetting the machine' '!payload'
}

[ "${3:-x86_64}" != x86_64 ] || x86_64
[ "${3:-arm64}" != arm64 ] || arm64
finish
