/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generic half of the purgatory: every kind of damage, every policy, both images. */
#include "tests/unit/purgatory_machine.h"

static bool said(const char *text)
{
	return strstr(machine.text, text);
}

static void check_said(const char *text)
{
	CHECK(said(text));
	if (!said(text))
		printf("not \"%s\", but:\n%s\n", text, machine.text);
}

static void check_refused(const char *why)
{
	CHECK_EQ(machine.outcome, RESET);
	CHECK_EQ(machine.psci, PURG_PSCI_SMC);
	CHECK_EQ(machine.nr_copied, 0);
	CHECK_EQ(machine.delay, 3);
	check_said(why);
	check_said("purgatory: not starting a damaged capture kernel; resetting the machine in about 3 seconds\r\n");
	CHECK(!said("starting the"));
	CHECK(strstr(cmdline(0), "kdump.verify=unknown "));
	CHECK(strstr(cmdline(1), "kdump.verify=unknown "));
}

/* Image IDX was started with this word in its command line, and nothing else of the line was touched. */
static void check_started(unsigned int idx, const char *verdict)
{
	char want[400];

	CHECK_EQ(machine.outcome, STARTED);
	CHECK_EQ(machine.entry, idx ? FALLBACK_ENTRY : PRIMARY_ENTRY);
	CHECK_EQ(machine.nr_copied, 1);
	CHECK(!memcmp(saved, low, sizeof(low)));
	CHECK_EQ(machine.delay, 0);
	CHECK(!machine.map_is_on);
	snprintf(want, sizeof(want), CMDLINE_BEFORE "%-*s" CMDLINE_BEHIND, VERDICT_LEN, verdict);
	CHECK_STR(cmdline(idx), want);
	CHECK(strstr(cmdline(!idx), "kdump.verify=unknown "));
}

TEST(everything_good)
{
	set_up();
	run();
	check_started(0, "kdump.verify=ok");
	CHECK_STR(machine.text, "purgatory: verifying 6 segments: kernel initrd boot data fallback-initrd"
		  " fallback-boot data page-tables\r\npurgatory: ok, 6 segments, 1 MiB in 1234 ms, starting the capture"
		  " kernel at 0x123456789000\r\n");

	set_up();
	machine.ticks_per_second = 0;
	image.params.nr_regions = 1;
	image.params.nr_images = 1;
	seal();
	run();
	check_started(0, "kdump.verify=ok");
	check_said("purgatory: ok, 1 segment, 1 MiB, starting the capture kernel at 0x123456789000\r\n");
}

TEST(one_flipped_bit_in_each_segment_of_the_primary)
{
	for (size_t i = KERNEL; i <= BOOT_DATA; i++) {
		for (size_t off = 0; off < REGION_BYTES; off += 1 + test_random() % 400) {
			char want[200];
			int len;

			set_up();
			/* What check_refused() looks at is left alone. */
			if (i == BOOT_DATA && off >= CMDLINE_OFF && off < CMDLINE_OFF + 2 * VERDICT_LEN)
				continue;
			memory[i][off] ^= 1u << test_random() % 8;
			run();
			len = snprintf(want, sizeof(want),
				       "purgatory: segment %s at 0x%" PRIxPTR " (3000 bytes) is damaged: expected ",
				       regions[i].name, (uintptr_t)memory[i]);
			for (size_t j = 0; j < 3; j++)
				len += snprintf(want + len, sizeof(want) - len, "%02x",
						image.params.regions[i].digest[j]);
			check_refused(want);
			for (size_t other = 0; other < NR_REGIONS; other++) {
				snprintf(want, sizeof(want), "segment %s at", regions[other].name);
				CHECK_EQ(said(want), other == i);
			}
		}
	}
}

/* Every set of damaged segments under every policy, with and without a fallback. */

static uint32_t damaged_bits;

static const char *damaged_names(const char *word)
{
	static char text[400];
	const char *before = ":";

	strcpy(text, word);
	for (size_t i = KERNEL; i <= BOOT_DATA; i++) {
		if (!(damaged_bits >> i & 1))
			continue;
		sprintf(text + strlen(text), "%s%s", before, i == BOOT_DATA ? "boot-data" : regions[i].name);
		before = ",";
	}
	return text;
}

static void check_policy(uint32_t policy, uint32_t nr_images)
{
	bool primary = !(damaged_bits & (1 << KERNEL | 1 << INITRD | 1 << BOOT_DATA));
	bool fallback = nr_images == 2 &&
			!(damaged_bits & (1 << KERNEL | 1 << FALLBACK_INITRD | 1 << FALLBACK_BOOT_DATA));

	set_up();
	image.params.policy = policy;
	image.params.nr_images = nr_images;
	seal();
	for (size_t i = 0; i < NR_REGIONS; i++)
		if (damaged_bits >> i & 1)
			memory[i][17 * i] ^= 4;
	run();
	for (size_t i = 0; i < NR_REGIONS; i++) {
		char want[100];

		snprintf(want, sizeof(want), "purgatory: segment %s at", regions[i].name);
		CHECK_EQ(said(want), damaged_bits >> i & 1);
	}
	if (primary) {
		check_started(0, "kdump.verify=ok");
		check_said("purgatory: ok, 6 segments, 1 MiB in 1234 ms, starting the capture kernel at ");
	} else if (policy == PURG_POLICY_BOOT) {
		check_started(0, damaged_names("kdump.verify=damaged"));
		check_said(
			"purgatory: damaged, but to be started all the same, 6 segments, 1 MiB in 1234 ms, starting the"
			" capture kernel at 0x123456789000\r\n");
	} else if (policy == PURG_POLICY_FALLBACK && fallback) {
		check_started(1, damaged_names("kdump.verify=fallback"));
		check_said(
			"purgatory: the fallback is intact, 6 segments, 1 MiB in 1234 ms, starting the fallback capture"
			" kernel at 0x23456789a000\r\n");
	} else if (policy == PURG_POLICY_HALT) {
		CHECK_EQ(machine.outcome, HALTED);
		CHECK_EQ(machine.nr_copied, 0);
		check_said("purgatory: not starting a damaged capture kernel; halted\r\n");
	} else {
		check_refused("is damaged: expected");
	}
}

TEST(every_policy_with_every_set_of_damaged_segments)
{
	static const uint32_t policies[] = {
		PURG_POLICY_REBOOT, PURG_POLICY_HALT, PURG_POLICY_BOOT, PURG_POLICY_FALLBACK, 0, PURG_POLICY_BOOT ^ 1
	};

	for (damaged_bits = 0; damaged_bits < 1 << NR_REGIONS; damaged_bits++)
		for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
			for (uint32_t nr_images = 1; nr_images <= 2; nr_images++)
				check_policy(policies[i], nr_images);
}

/* A policy that is another one by a flipped bit is damage to the purgatory. */
TEST(no_single_bit_changes_the_policy)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		set_up();
		memory[INITRD][0] ^= 1;
		image.params.policy = PURG_POLICY_FALLBACK ^ 1u << bit;
		run();
		check_refused("purgatory: segment purgatory at 0x");
	}
}

/* The word is written where the loader left it and room for it, and nowhere else. */
TEST(verdict_only_where_it_belongs)
{
	for (int i = 0; i < 7; i++) {
		char before[REGION_MEMSZ];
		struct purg_image *im = &image.params.images[0];

		set_up();
		switch (i) {
		case 0: im->verdict_paddr = 0; break;
		case 1: im->verdict_len = strlen("kdump.verify=ok") - 1; break;
		case 2: im->verdict_len = 0; break;
		case 3: im->verdict_paddr++; break;
		case 4: im->verdict_paddr--; break;
		case 5: im->verdict_paddr += VERDICT_LEN - 5; break;
		case 6: im->verdict_paddr = (uintptr_t)memory[INITRD]; break;
		}
		seal();
		memcpy(before, memory[BOOT_DATA], sizeof(before));
		run();
		CHECK_EQ(machine.outcome, STARTED);
		CHECK(!memcmp(before, memory[BOOT_DATA], sizeof(before)));
	}
	/* Just enough. */
	set_up();
	image.params.images[0].verdict_len = strlen("kdump.verify=ok");
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(!strncmp(cmdline(0), CMDLINE_BEFORE "kdump.verify=okknown ", strlen(CMDLINE_BEFORE) + 21));
}

/* Where there is less room than the loader should have left, names are missing, whole ones. */
TEST(verdict_with_little_room)
{
	static const char *const want[] = { "kdump.verify=damaged", "kdump.verify=damaged:kernel",
					    "kdump.verify=damaged:kernel,initrd" };
	static const uint32_t lens[] = { 20, 26, 27, 33, 34, 43 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		char text[64], padded[64];

		set_up();
		image.params.policy = PURG_POLICY_BOOT;
		image.params.images[0].verdict_len = lens[i];
		seal();
		for (size_t j = KERNEL; j <= BOOT_DATA; j++)
			memory[j][3] ^= 2;
		run();
		CHECK_EQ(machine.outcome, STARTED);
		snprintf(text, sizeof(text), "%.*s", (int)lens[i], cmdline(0) + strlen(CMDLINE_BEFORE));
		snprintf(padded, sizeof(padded), "%-*s", (int)lens[i], want[i / 2]);
		CHECK_STR(text, padded);
	}
}

/* The command line itself may be what is damaged. */
TEST(verdict_into_a_damaged_command_line)
{
	set_up();
	image.params.policy = PURG_POLICY_BOOT;
	seal();
	cmdline(0)[strlen(CMDLINE_BEFORE) + 3] = 'x';
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(strstr(cmdline(0), "kduxp.verify=unknown"));
}

/* Page tables. */

static void with_tables(void)
{
	set_up();
	image.params.map_bits = 48;
	image.params.map_root_paddr = (uintptr_t)memory[TABLES];
	seal();
}

TEST(caches_are_turned_on_and_off_again)
{
	with_tables();
	run();
	check_started(0, "kdump.verify=ok");
	CHECK(machine.was_on);
	/* Every region beforehand; the copy and two verdicts at the end. */
	CHECK_EQ(machine.flushed, NR_REGIONS + 3);
	CHECK(!said("caches"));

	/* Also when the fallback is started. */
	with_tables();
	image.params.policy = PURG_POLICY_FALLBACK;
	seal();
	memory[INITRD][0] ^= 1;
	run();
	check_started(1, "kdump.verify=fallback:initrd");
	CHECK(machine.was_on);
}

static void check_without_caches(const char *why)
{
	char text[200];

	seal();
	run();
	check_started(0, "kdump.verify=ok");
	CHECK(!machine.was_on);
	snprintf(text, sizeof(text), "purgatory: caches stay off, this takes longer: %s\r\n", why);
	check_said(text);
}

TEST(without_good_tables_it_goes_without)
{
	with_tables();
	memory[TABLES][5] ^= 1;
	check_without_caches("the page tables are damaged");
	check_said("purgatory: segment page-tables at 0x");

	with_tables();
	memory[TABLES][REGION_BYTES + 5] = 1;
	check_without_caches("the page tables are damaged");

	with_tables();
	image.params.regions[TABLES].name[0] = 'P';
	check_without_caches("there is no segment page-tables");

	with_tables();
	image.params.map_root_paddr--;
	check_without_caches("the root of the page tables is not in their segment");
	with_tables();
	image.params.map_root_paddr += REGION_BYTES;
	check_without_caches("the root of the page tables is not in their segment");

	with_tables();
	machine.lacks_memory = true;
	check_without_caches("the page tables lack memory that is needed");
	with_tables();
	machine.lacks_cpu = true;
	check_without_caches("this CPU cannot use the page tables");
	with_tables();
	image.params.regions[FALLBACK_INITRD].memsz = UINT64_MAX;
	check_without_caches("the page tables lack memory that is needed");
}

/* Nobody needs page tables that nobody uses. */
TEST(damaged_tables_stop_nothing)
{
	set_up();
	memory[TABLES][0] ^= 1;
	run();
	check_started(0, "kdump.verify=ok");
	check_said("purgatory: segment page-tables at 0x");
}

TEST(found_digest_is_shown)
{
	char want[2 * SHA256_BYTES + 20] = " found ";
	uint8_t digest[SHA256_BYTES];

	set_up();
	memory[1][0] ^= 1;
	sha256_of(memory[1], REGION_BYTES, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		sprintf(want + 7 + 2 * i, "%02x", digest[i]);
	strcat(want, "\r\n");
	run();
	check_refused(want);
}

TEST(several_damaged_segments_are_all_named)
{
	set_up();
	memory[0][5] ^= 0x80;
	memory[2][5] ^= 0x80;
	run();
	check_refused("segment kernel at");
	check_refused("segment boot data at");
	CHECK(!said("segment initrd"));
}

TEST(padding_must_be_zero)
{
	static const size_t offs[] = { REGION_BYTES, REGION_BYTES + 1, REGION_BYTES + 7, REGION_BYTES + 8,
				       REGION_BYTES + 500,
				       REGION_MEMSZ - 8, REGION_MEMSZ - 1 };

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		char want[100];

		set_up();
		memory[1][offs[i]] = 1;
		run();
		snprintf(want, sizeof(want), "its zero padding was overwritten at 0x%" PRIxPTR "\r\n",
			 (uintptr_t)&memory[1][offs[i]]);
		check_refused(want);
	}
}

/* Odd addresses and lengths, so that the byte loops in front of and behind the words matter. */
TEST(first_nonzero_against_a_plain_loop)
{
	static uint8_t bytes[256] __attribute__((aligned(8)));

	for (int round = 0; round < 20000; round++) {
		size_t start = test_random() % 200, len = test_random() % (256 - start), hit = test_random() % 256;
		uint64_t base = (uintptr_t)bytes, got;

		memset(bytes, 0, sizeof(bytes));
		bytes[hit] = 0x40;
		got = first_nonzero(base + start, len);
		CHECK_EQ(got, hit >= start && hit < start + len ? base + hit : base + start + len);
	}
}

TEST(regions_without_bytes_or_padding)
{
	set_up();
	image.params.regions[0].memsz = image.params.regions[0].len;
	image.params.regions[1].len = 0;
	sha256_of(NULL, 0, image.params.regions[1].digest);
	memset(memory[1], 0, REGION_MEMSZ);
	seal();
	memory[0][REGION_BYTES] = 1;    /* nobody's business */
	run();
	CHECK_EQ(machine.outcome, STARTED);
}

TEST(a_region_that_cannot_be)
{
	set_up();
	image.params.regions[0].len = REGION_MEMSZ + 1;
	image.params.regions[1].start = UINT64_MAX - 100;
	seal();
	run();
	check_refused("segment kernel at");
	check_refused("is damaged: its description makes no sense\r\n");
	check_refused("segment initrd at 0xffffffffffffff9b");
}

/* Any byte of the image: the block itself, digests, entry address, copies, and what stands for code. */
TEST(damage_to_the_purgatory_itself)
{
	for (size_t off = offsetof(struct purg_params, flags); off < FILE_LEN; off++) {
		if (off >= offsetof(struct purg_params, psci) && off < offsetof(struct purg_params, copies))
			continue;               /* would change how it is told, see below */
		set_up();
		image.bytes[off] ^= 0x10;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.nr_copied, 0);
		CHECK(said("purgatory: segment purgatory at 0x") && said(" (8192 bytes) is damaged: expected "));
	}
}

TEST(damage_behind_the_purgatorys_file)
{
	static const size_t offs[] = { IMAGE_LEN, IMAGE_LEN + 1, IMAGE_LEN + 100, SELF_MEMSZ - 1 };
	char want[100];

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		set_up();
		image.bytes[offs[i]] = 4;
		run();
		snprintf(want, sizeof(want), "padding was overwritten at 0x%" PRIxPTR "\r\n",
			 (uintptr_t)&image.bytes[offs[i]]);
		check_refused("purgatory: segment purgatory at 0x");
		check_refused(want);
	}
	set_up();
	run_dirty(0x7654321);
	check_refused("purgatory: segment purgatory at 0x");
	check_refused("padding was overwritten at 0x7654321\r\n");

	/* Nothing behind it, or less than it needs: a small image ends in its last page. */
	set_up();
	image.bytes[IMAGE_LEN] = 4;
	image.params.self_memsz = IMAGE_LEN;
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);

	set_up();
	image.params.flags = PURG_FLAG_NO_VERIFY;
	image.bytes[IMAGE_LEN] = 4;
	run_dirty(1);
	CHECK_EQ(machine.outcome, STARTED);
}

TEST(damage_to_counts_and_consoles)
{
	for (size_t off = offsetof(struct purg_params, psci); off < offsetof(struct purg_params, copies); off++) {
		set_up();
		image.bytes[off] ^= 0x40;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.nr_copied, 0);
		/* Where the only console's own address is damaged, nobody hears it. */
		if (off < offsetof(struct purg_params, consoles) || off >= offsetof(struct purg_params, consoles[1]))
			CHECK(said("damaged"));
	}
}

TEST(block_of_another_version)
{
	for (int i = 0; i < 6; i++) {
		set_up();
		switch (i) {
		case 0: image.params.magic ^= 1; break;
		case 1: image.params.version++; break;
		case 2: image.params.size--; break;
		case 3: image.params.nr_regions = PURG_MAX_REGIONS + 1; break;
		case 4: image.params.nr_copies = PURG_MAX_COPIES + 1; break;
		case 5: image.params.nr_consoles = PURG_MAX_CONSOLES + 1; break;
		}
		seal();
		image.params.psci = PURG_PSCI_HVC;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.psci, PURG_PSCI_NONE);   /* nothing of the block is believed */
		CHECK_EQ(machine.nr_copied, 0);
		CHECK(said("purgatory: its parameter block is damaged ("));
	}
}

/* Any one bit of the flags: none may switch verification off. */
TEST(no_single_bit_skips_verification)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		set_up();
		image.params.flags ^= 1u << bit;
		run();
		check_refused("purgatory: segment purgatory at 0x");
	}
}

/* The longest that it can have to say fits: every segment damaged, with long names and addresses. */
TEST(the_worst_news_fits)
{
	set_up();
	image.params.nr_regions = PURG_MAX_REGIONS;
	for (size_t i = 0; i < PURG_MAX_REGIONS; i++) {
		image.params.regions[i] = image.params.regions[0];
		memset(image.params.regions[i].name, 'n', PURG_NAME_BYTES);
		image.params.regions[i].digest[0] ^= 1;
	}
	seal();
	run();
	check_refused("segment nnnnnnnnnnnnnnnnnnnnnnnn at 0x");
	CHECK(nr_printed < MAX_OUTPUT / 2);
}

/* What confirmed() is for: the first decision was lost, the findings were not, or were never made. */
TEST(second_look)
{
	const struct purg_params *p = &image.params;

	set_up();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(confirmed(p, 0, CHOICE_OK));
	for (size_t i = 0; i < NR_REGIONS; i++) {
		struct finding kept = findings[i];
		bool needed = regions[i].images & 1;

		findings[i].found[test_random() % SHA256_BYTES] ^= 0x20;
		CHECK_EQ(confirmed(p, 0, CHOICE_OK), !needed);
		findings[i] = (struct finding){ .verdict = GOOD };
		CHECK_EQ(confirmed(p, 0, CHOICE_OK), !needed);
		findings[i] = kept;
		findings[i].verdict = PADDING;
		CHECK_EQ(confirmed(p, 0, CHOICE_OK), !needed);
		findings[i] = kept;
	}
	for (enum choice choice = CHOICE_OK; choice <= CHOICE_FALLBACK; choice++) {
		for (uint32_t idx = 0; idx < 2; idx++) {
			self_finding.found[31] ^= 1;
			CHECK(!confirmed(p, idx, choice));
			self_finding.found[31] ^= 1;
			self_finding.verdict = PADDING;
			CHECK(!confirmed(p, idx, choice));
			self_finding.verdict = GOOD;
		}
	}
	CHECK(confirmed(p, 0, CHOICE_OK));
}

/* Nobody gets to a damaged image, or to the other one, whose policy is not that. */
TEST(second_look_at_the_policy)
{
	static const uint32_t policies[] = { PURG_POLICY_REBOOT, PURG_POLICY_HALT, PURG_POLICY_BOOT,
					     PURG_POLICY_FALLBACK };
	struct purg_params *p = &image.params;

	set_up();
	run();
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		p->policy = policies[i];
		findings[INITRD].verdict = DAMAGED;
		CHECK(!confirmed(p, 0, CHOICE_OK));
		CHECK_EQ(confirmed(p, 0, CHOICE_DAMAGED), policies[i] == PURG_POLICY_BOOT);
		CHECK_EQ(confirmed(p, 1, CHOICE_FALLBACK), policies[i] == PURG_POLICY_FALLBACK);
		findings[FALLBACK_INITRD].verdict = DAMAGED;
		CHECK(!confirmed(p, 1, CHOICE_FALLBACK));
		CHECK(!confirmed(p, 1, CHOICE_DAMAGED));
		findings[INITRD].verdict = findings[FALLBACK_INITRD].verdict = GOOD;
	}
}

TEST(no_verify_starts_damaged_segments_but_copies)
{
	set_up();
	image.params.flags = PURG_FLAG_NO_VERIFY;
	memory[0][0] ^= 1;
	run();
	check_started(0, "kdump.verify=skipped");
	CHECK_STR(machine.text, "purgatory: nothing verified, starting the capture kernel at 0x123456789000\r\n");
}

TEST(bad_consoles_are_dropped_and_the_kernel_starts)
{
	set_up();
	image.params.nr_consoles = 4;
	image.params.consoles[0] = (struct purg_console){ .base = STUCK_PORT, .type = PURG_CONSOLE_8250_PORT };
	image.params.consoles[1] = (struct purg_console){ .base = FAULTY_PORT, .type = PURG_CONSOLE_8250_PORT };
	image.params.consoles[2] = (struct purg_console){ .base = 1, .type = 4711 };
	image.params.consoles[3] = (struct purg_console){ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	check_started(0, "kdump.verify=ok");
	CHECK_EQ(machine.stuck_reads, WAIT_READS);       /* waited for once */
}

TEST(vga_is_reset_where_asked_for)
{
	set_up();
	run();
	CHECK_EQ(machine.vga_resets, 0);
	set_up();
	image.params.vga_reset = 1;
	seal();
	run();
	check_started(0, "kdump.verify=ok");
	CHECK_EQ(machine.vga_resets, 1);
}

TEST(silent_without_consoles_unless_there_is_bad_news)
{
	set_up();
	image.params.nr_consoles = 0;
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK_EQ(machine.len, 0);

	set_up();
	image.params.nr_consoles = 0;
	seal();
	memory[0][1] ^= 2;
	run();
	check_refused("segment kernel at");
}
