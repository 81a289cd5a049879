// SPDX-License-Identifier: GPL-2.0-or-later
/* Credentials files, addresses, and what an object store answers: the same bytes as each of them. */
#include "kdump/transport/s3_text.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

static void printable(const char *text)
{
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "Code", "Message", "UploadId" };
	struct s3_credentials c = { 0 };
	char *bucket, *prefix, *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (!s3_credentials_parse(&c, "fuzz", text, size)) {
		printable(c.access_key);
		printable(c.secret_key);
		if (c.token)
			printable(c.token);
		s3_credentials_deinit(&c);
	} else if (c.access_key || c.secret_key || c.token) {
		abort();
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *element = s3_element(text, size, names[i]);

		if (element)
			printable(element);
		free(element);
	}
	if (!s3_url_parse(text, &bucket, &prefix)) {
		if (!*bucket || *prefix == '/' || (*prefix && prefix[strlen(prefix) - 1] == '/'))
			abort();
		free(bucket);
		free(prefix);
	}
	free(text);
	return 0;
}
