/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A linked purgatory as bytes of the loader: BLOB_FILE between the symbols BLOB_NAME and BLOB_NAME_last (its
 * last byte).
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

	.section .rodata, "a", %progbits
	.balign 16
	.globl BLOB_NAME
	.type BLOB_NAME, %object
BLOB_NAME:
	.incbin BLOB_FILE
	.set JOIN(BLOB_NAME, _last), . - 1
	.globl JOIN(BLOB_NAME, _last)
	.size BLOB_NAME, . - BLOB_NAME

	.section .note.GNU-stack, "", %progbits
