/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kdump-compressed format, version 6, 64-bit: offsets within its headers. doc/formats.md describes it; readers: crash, libkdumpfile, drgn.
 * Byte order is that of the dumped machine. All sizes in bytes unless they say blocks; a block is a page of the dumped kernel.
 */
#ifndef DISKDUMP_FORMAT_H
#define DISKDUMP_FORMAT_H

#define DISKDUMP_SIGNATURE "KDUMP   "
#define DISKDUMP_VERSION 6

enum { /* main header, block 0 */
	DD_SIGNATURE = 0, DD_HEADER_VERSION = 8, DD_UTSNAME = 12, DD_UTSNAME_FIELD = 65, DD_TV_SEC = 408, DD_TV_USEC = 416,
	DD_STATUS = 424, DD_BLOCK_SIZE = 428, DD_SUB_HDR_BLOCKS = 432, DD_BITMAP_BLOCKS = 436, DD_MAX_MAPNR = 440,
	DD_TOTAL_RAM_BLOCKS = 444, DD_DEVICE_BLOCKS = 448, DD_WRITTEN_BLOCKS = 452, DD_CURRENT_CPU = 456, DD_NR_CPUS = 460,
	DD_HEADER_BYTES = 464,
};

enum { /* sub header, block 1 */
	DDS_PHYS_BASE = 0, DDS_DUMP_LEVEL = 8, DDS_SPLIT = 12, DDS_START_PFN = 16, DDS_END_PFN = 24, DDS_OFFSET_VMCOREINFO = 32,
	DDS_SIZE_VMCOREINFO = 40, DDS_OFFSET_NOTE = 48, DDS_SIZE_NOTE = 56, DDS_OFFSET_ERASEINFO = 64, DDS_SIZE_ERASEINFO = 72,
	DDS_START_PFN_64 = 80, DDS_END_PFN_64 = 88, DDS_MAX_MAPNR_64 = 96, DDS_BYTES = 104,
};

enum { /* page descriptor */
	DDP_OFFSET = 0, DDP_SIZE = 8, DDP_FLAGS = 12, DDP_PAGE_FLAGS = 16, DDP_BYTES = 24,
};

enum { /* page descriptor flags and header status */
	DD_FLAG_ZLIB = 0x1, DD_FLAG_LZO = 0x2, DD_FLAG_SNAPPY = 0x4, DD_STATUS_INCOMPLETE = 0x8, DD_STATUS_NO_VMEMMAP = 0x10, DD_FLAG_ZSTD = 0x20,
};

#endif
