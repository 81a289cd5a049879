/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a record of kdumpctl's, with what a verify found about targets. What is read, written and read again is
 * the same.
 */
#include "service/ctl.h"
#include "tests/fuzz/fuzz.h"

static void require(bool good)
{
	if (!good)
		abort();
}

static void check_again(const struct record *r)
{
	struct record again;

	record_init(&again);
	for (size_t i = 0; i < r->nr; i++)
		require(!record_set(&again, r->entry[i].key, "%s", r->entry[i].value));
	require(again.nr == r->nr);
	record_deinit(&again);
}

static void check_probes(const struct record *r)
{
	struct probes p = { 0 }, back = { 0 };
	struct record written;

	require(!probes_from_record(&p, r));
	record_init(&written);
	require(!probes_to_record(&p, &written));
	require(!probes_from_record(&back, &written) && back.nr == p.nr);
	for (size_t i = 0; i < p.nr; i++)
		require(back.probe[i].ok == p.probe[i].ok && back.probe[i].room_known == p.probe[i].room_known);
	record_deinit(&written);
	probes_deinit(&p);
	probes_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;

	record_init(&r);
	require(!record_parse(&r, (const char *)data, size));
	for (size_t i = 0; i < r.nr; i++) {
		require(*r.entry[i].key && !strchr(r.entry[i].key, ' '));
		require(record_get(&r, r.entry[i].key) == r.entry[i].value);
	}
	record_u64(&r, "events");
	check_again(&r);
	check_probes(&r);
	record_deinit(&r);
	return 0;
}
