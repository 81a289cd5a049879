/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging and caches with the loader's page tables: Arm ARM D8 (translation, memory attributes), D7.5 (caches), D19
 * (registers).
 */
#include "purgatory/arm64/arm64.h"

#define MMFR0_PARANGE 0x0f
#define MMFR0_TGRAN4 28
#define PARANGE_48 5

/* TCR_EL1 and TCR_EL2. */
#define TCR_WRITE_BACK (1ull << 8 | 1ull << 10 | 3ull << 12) /* IRGN0, ORGN0, SH0: tables are read through caches */
#define TCR_EPD1 (1ull << 23)            /* nothing above */
#define TCR_IPS 32
#define TCR_EL2_PS 16
#define TCR_EL2_RES1 (1ull << 23 | 1ull << 31)

/* PURG_MAP_NORMAL: 0xff, inner and outer write-back, allocating; PURG_MAP_DEVICE: 0x04, device-nGnRE. */
#define MAIR (0xffull << 8 * PURG_MAP_NORMAL | 0x04ull << 8 * PURG_MAP_DEVICE)

#define DESC_VALID 1ull
#define DESC_TABLE 2ull                  /* or, on the last level, a page */
#define DESC_ATTR(desc) ((desc) >> 2 & 7)
#define DESC_AF (1ull << 10)
#define DESC_ADDR 0x0000fffffffff000ull

#define PAGE_SHIFT 12
#define LEVEL_SHIFT 9
#define BITS_MIN 25
#define BITS_MAX 48

#pragma GCC visibility push(hidden)
void mmu_on(uint64_t root, uint64_t tcr, uint64_t mair, bool own_el2);
void mmu_off(uint64_t start, uint64_t len, uint64_t line, bool own_el2);
#pragma GCC visibility pop

static uint64_t mmfr0(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(value));
	return value;
}

/* ID_AA64MMFR0_EL1.PARange to bits; what is not known yet has 48 at least. */
static unsigned int physical_bits(void)
{
	static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48 };
	unsigned int range = mmfr0() & MMFR0_PARANGE;

	return bits[range < PARANGE_48 ? range : PARANGE_48];
}

/* 0: memory at ADDR is not mapped to itself as normal memory. Otherwise how many bytes from its beginning are. */
static uint64_t mapped_block(uint64_t root, uint32_t bits, uint64_t addr)
{
	unsigned int shift = PAGE_SHIFT + (bits - PAGE_SHIFT - 1) / LEVEL_SHIFT * LEVEL_SHIFT;
	uint64_t idx = addr >> shift, desc;

	for (;;) {
		desc = ((const volatile uint64_t *)root)[idx];
		if (!(desc & DESC_VALID))
			return 0;
		if (shift == PAGE_SHIFT || !(desc & DESC_TABLE))
			break;
		root = desc & DESC_ADDR;
		shift -= LEVEL_SHIFT;
		idx = addr >> shift & ((1u << LEVEL_SHIFT) - 1);
	}
	/* Blocks are 1 GiB or 2 MiB large. */
	if (shift > PAGE_SHIFT + 2 * LEVEL_SHIFT || (shift == PAGE_SHIFT && !(desc & DESC_TABLE)))
		return 0;
	if ((desc & DESC_ADDR) >> shift != addr >> shift || !(desc & DESC_AF) || DESC_ATTR(desc) != PURG_MAP_NORMAL)
		return 0;
	return 1ull << shift;
}

bool arch_mapped(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	uint64_t last = start + (len - 1), block;

	if (bits < BITS_MIN || bits > BITS_MAX || root % (1u << PAGE_SHIFT) || last >> bits || last >> physical_bits())
		return false;
	for (;;) {
		block = mapped_block(root, bits, start);
		if (!block)
			return false;
		if ((start & -block) + (block - 1) >= last)
			return true;
		start = (start & -block) + block;
	}
}

/* The smallest data cache line of all levels: CTR_EL0.DminLine, words as a power of two. */
static uint64_t cache_line(void)
{
	uint64_t ctr;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return 4ull << (ctr >> 16 & 15);
}

void arch_flush(uint64_t start, uint64_t len)
{
	uint64_t line = cache_line(), stop = start + len;

	if (!len)
		return;
	for (uint64_t at = start & -line; at < stop; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

/*
 * This program has written to memory past the caches so far. Older copies of that in caches, the dead kernel's, must
 * not be written back on top of it nor be seen: invalidated. Its memory is whole pages, so nobody else's is lost.
 */
static void invalidate(uint64_t start, uint64_t len)
{
	uint64_t line = cache_line();

	for (uint64_t at = start & -line; at < start + len; at += line)
		__asm__ volatile("dc ivac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

bool arch_map_on(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	uint64_t range = mmfr0() & MMFR0_PARANGE, granule = mmfr0() >> MMFR0_TGRAN4 & 15, tcr;
	bool own_el2 = arch_own_el2();

	/* 0: yes; 1: with 52 bits too; 15: no. */
	if (granule > 1)
		return false;
	if (range > PARANGE_48)
		range = PARANGE_48;
	tcr = (64 - bits) | TCR_WRITE_BACK;
	if (own_el2)
		tcr |= TCR_EL2_RES1 | range << TCR_EL2_PS;
	else
		tcr |= TCR_EPD1 | range << TCR_IPS;
	invalidate(start, len);
	mmu_on(root, tcr, MAIR, own_el2);
	return true;
}

void arch_map_off(uint64_t start, uint64_t len)
{
	mmu_off(start, len, cache_line(), arch_own_el2());
}
