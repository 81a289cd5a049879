/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For CPUs whose SHA instructions, if any, are not used yet. */
#include "lib/sha256.h"

const char sha256_cpu_label[] = "none";

bool sha256_cpu_present(void)
{
	return false;
}

/* Never asked for. */
void sha256_cpu_blocks(uint32_t state[8], const uint8_t *data, size_t nr_blocks)
{
	(void)state;
	(void)data;
	(void)nr_blocks;
}
