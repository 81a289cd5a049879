/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an object store is told and what it answers: credentials, names, a few elements of its XML, sizes of parts. */
#ifndef KDUMP_TRANSPORT_S3_TEXT_H
#define KDUMP_TRANSPORT_S3_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_credentials {
	char *access_key, *secret_key, *token; /* heap; TOKEN may be NULL */
};

/*
 * A file as the AWS tools have it (the profile "kdump", else "default", else the first), or key and secret as two
 * lines, with a session token as the third. -EINVAL, -ENOMEM; recorded. C is untouched on failure.
 */
int s3_credentials_parse(struct s3_credentials *c, const char *name, const char *text, size_t len);
void s3_credentials_deinit(struct s3_credentials *c);

/*
 * The text of the first element NAME (without attributes), with its entities resolved, from malloc; NULL: there is
 * none, or no memory. What cannot be printed becomes "?".
 */
char *s3_element(const char *xml, size_t len, const char *name);

/* "s3://BUCKET/PREFIX": both from malloc, PREFIX without slashes at its ends. -EINVAL, -ENOMEM; recorded. */
int s3_url_parse(const char *url, char **bucket, char **prefix);

/* Limits of the protocol: an upload has so many parts at most, and an object so many bytes. */
#define S3_PARTS_MAX 10000u
#define S3_OBJECT_MAX (5ull << 40)
/* Parts begin with this size, above the smallest that is allowed (5 MiB). */
#define S3_PART_BYTES (8ull << 20)

/* The size of part NUMBER (from 1): grows so that S3_PARTS_MAX parts hold S3_OBJECT_MAX bytes. */
uint64_t s3_part_bytes(unsigned int number);

#endif
