// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/description.h"

#include "kexec/arch/arch.h"
#include "lib/capture_description.h"
#include "lib/err.h"
#include "lib/sha256.h"

#include <errno.h>
#include <string.h>

#define DESCRIPTION "description"

int description_place(struct plan *plan)
{
	struct place place = { .memsz = CAPD_BYTES, .last = UINT64_MAX, .top_down = true };
	int err = blob_zero(&plan->description, CAPD_BYTES);

	if (!err)
		err = plan_place(plan, DESCRIPTION, plan->description.data, CAPD_BYTES, &place,
				 &plan->description_paddr);
	if (!err)
		plan_find(plan, DESCRIPTION)->no_digest = "it has a checksum of its own";
	return err;
}

int description_point(struct plan *plan)
{
	uint8_t pointer[CAPD_POINTER_BYTES];
	size_t over = plan->corehdr.len % CAPD_POINTER_ALIGN;
	int err = over ? blob_zero(&plan->corehdr, CAPD_POINTER_ALIGN - over) : 0;

	capd_pointer_build(plan->description_paddr, plan->arch->big_endian, pointer);
	return err ? err : blob_append(&plan->corehdr, pointer, sizeof(pointer));
}

static int describe_segment(const struct plan *plan, const struct segment *seg, struct capd_segment *out)
{
	bool self = !strcmp(seg->what, "purgatory");

	if (strlen(seg->what) >= sizeof(out->purpose))
		return fail(-EINVAL, "the segment name %s is too long for the description", seg->what);
	out->paddr = seg->mem;
	out->len = seg->bufsz;
	out->memsz = seg->memsz;
	strcpy(out->purpose, seg->what);
	if (seg->images & FOR_IMAGE(PRIMARY))
		out->flags |= CAPD_SEGMENT_PRIMARY;
	if (seg->images & FOR_IMAGE(FALLBACK) && plan->nr_captures > FALLBACK)
		out->flags |= CAPD_SEGMENT_FALLBACK;
	if (seg->no_digest && !self)
		return 0;
	out->flags |= CAPD_SEGMENT_DIGEST;
	if (self)
		sha256_of(seg->buf, seg->bufsz, out->digest);
	else
		memcpy(out->digest, seg->digest, sizeof(out->digest));
	return 0;
}

static int describe_regions(const struct plan *plan, struct capture_description *d)
{
	const struct ranges *crash = &plan->memmap.crash;

	if (crash->nr > CAPD_MAX_CRASH_REGIONS)
		return fail(-E2BIG, "there are %zu crash regions, and the description has room for %d", crash->nr,
			    CAPD_MAX_CRASH_REGIONS);
	d->nr_crash_regions = crash->nr;
	for (size_t i = 0; i < crash->nr; i++)
		d->crash_regions[i] = (struct capd_crash_region){ crash->r[i].start, range_len(&crash->r[i]) };
	return 0;
}

int description_seal(struct plan *plan, uint64_t now)
{
	const struct segment *headers = plan_find(plan, "elfcorehdr");
	struct capture_description d = {
		.paddr = plan->description_paddr,
		.loaded_at = now,
		.machine = plan->arch->elf_machine,
		.page_bytes = 1u << plan->arch->page_shift,
		.policy = plan->policy,
		.flags = (plan->req->no_checks ? CAPD_NO_VERIFY : 0) | (plan->req->hotplug ? CAPD_HOTPLUG : 0),
		.vmcoreinfo_paddr = plan->crash.vmcoreinfo_len ? plan->crash.vmcoreinfo_paddr : 0,
		.vmcoreinfo_len = plan->crash.vmcoreinfo_len,
		.nr_segments = plan->nr_seg,
	};
	int err = describe_regions(plan, &d);

	if (headers) {
		d.elfcorehdr_paddr = headers->mem;
		d.elfcorehdr_len = headers->bufsz;
	}
	for (size_t i = 0; !err && i < plan->nr_seg; i++)
		err = describe_segment(plan, &plan->seg[i], &d.segments[i]);
	if (!err)
		capd_build(&d, plan->arch->big_endian, plan->description.data);
	return err;
}
