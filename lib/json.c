/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "lib/json.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_JSONC

/* json-c calls a type json_object, we a function: in this file theirs has another name, which no linker sees. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

/*
 * One for each object and array: json-c knows no parents, and a failed addition must be known to the root. The
 * nodes hang in a list from the root; json-c owns the values.
 */
struct json {
	struct json_c_object *value;
	struct json *root;
	struct json *next;     /* root: first of the list */
	int err;               /* root: of the first addition that failed */
};

bool json_built_in(void)
{
	return true;
}

struct json *json_object(void)
{
	struct json *root = calloc(1, sizeof(*root));

	if (!root)
		return NULL;
	root->root = root;
	root->value = json_object_new_object();
	if (!root->value) {
		free(root);
		return NULL;
	}
	return root;
}

static void note_failure(struct json *node, int err)
{
	if (!node->root->err)
		node->root->err = err;
}

/* Hand VALUE (NULL: it could not be made) to PARENT. Does PARENT own it now? */
static bool attach(struct json *parent, const char *key, struct json_c_object *value)
{
	int ret;

	if (!value) {
		note_failure(parent, -ENOMEM);
		return false;
	}
	/* json-c would answer these with an assertion, or drop the earlier value without a word. */
	if (!json_object_is_type(parent->value, key ? json_type_object : json_type_array) ||
	    (key && json_object_object_get_ex(parent->value, key, NULL))) {
		note_failure(parent, -EINVAL);
		json_object_put(value);
		return false;
	}
	if (key)
		ret = json_object_object_add(parent->value, key, value);
	else
		ret = json_object_array_add(parent->value, value);
	if (ret) {
		note_failure(parent, -ENOMEM);
		json_object_put(value);
		return false;
	}
	return true;
}

static struct json *container(struct json *parent, const char *key, struct json_c_object *value)
{
	struct json *node;

	if (!attach(parent, key, value))
		return NULL;
	node = calloc(1, sizeof(*node));
	if (!node) {
		note_failure(parent, -ENOMEM);
		return NULL;
	}
	node->value = value;
	node->root = parent->root;
	node->next = parent->root->next;
	parent->root->next = node;
	return node;
}

struct json *json_object_in(struct json *parent, const char *key)
{
	return parent ? container(parent, key, json_object_new_object()) : NULL;
}

struct json *json_array_in(struct json *parent, const char *key)
{
	return parent ? container(parent, key, json_object_new_array()) : NULL;
}

/*
 * Length of the well-formed UTF-8 sequence at S (RFC 3629), 0 when it is none. The NUL at the end stops every
 * test.
 */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, second_first, second_last;
		size_t len;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = 1;

		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (forms[i].len > 1 && (s[1] < forms[i].second_first || s[1] > forms[i].second_last))
			return 0;
		while (n < forms[i].len && s[n] >= 0x80 && s[n] <= 0xbf)
			n++;
		return n == forms[i].len ? n : 0;
	}
	return 0;
}

/* JSON is UTF-8 (RFC 8259), file names and command lines are any bytes: a byte that is not becomes U+FFFD. */
static struct json_c_object *new_string(const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	struct json_c_object *string;
	char *text, *to;

	text = malloc(3 * strlen(value) + 1);
	if (!text)
		return NULL;
	for (to = text; *s;) {
		size_t n = utf8_len(s);

		memcpy(to, n ? (const char *)s : "\xef\xbf\xbd", n ? n : 3);
		to += n ? n : 3;
		s += n ? n : 1;
	}
	*to = 0;
	string = json_object_new_string(text);
	free(text);
	return string;
}

void json_add_string(struct json *parent, const char *key, const char *value)
{
	if (parent)
		attach(parent, key, new_string(value));
}

void json_add_number(struct json *parent, const char *key, int64_t value)
{
	if (parent)
		attach(parent, key, json_object_new_int64(value));
}

void json_add_hex(struct json *parent, const char *key, uint64_t value)
{
	char text[2 + 16 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_add_string(parent, key, text);
}

void json_add_bool(struct json *parent, const char *key, bool value)
{
	if (parent)
		attach(parent, key, json_object_new_boolean(value));
}

int json_print(struct json *root, FILE *out)
{
	const char *text;

	if (!root)
		return fail(-ENOMEM, "out of memory for the JSON report");
	if (root->err == -EINVAL)
		return fail(-EINVAL, "the JSON report is inconsistent: a key is there twice, or missing");
	text = root->err ? NULL : json_object_to_json_string_ext(root->value, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_SPACED |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return fail(-ENOMEM, "out of memory for the JSON report");
	if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
		return fail(-EIO, "cannot write the JSON report: %s", strerror(errno));
	return 0;
}

void json_free(struct json *root)
{
	if (!root)
		return;
	json_object_put(root->value);
	while (root) {
		struct json *next = root->next;

		free(root);
		root = next;
	}
}

#else

bool json_built_in(void)
{
	return false;
}

struct json *json_object(void)
{
	return NULL;
}

struct json *json_object_in(struct json *parent, const char *key)
{
	(void)parent;
	(void)key;
	return NULL;
}

struct json *json_array_in(struct json *parent, const char *key)
{
	(void)parent;
	(void)key;
	return NULL;
}

void json_add_string(struct json *parent, const char *key, const char *value)
{
	(void)parent;
	(void)key;
	(void)value;
}

void json_add_number(struct json *parent, const char *key, int64_t value)
{
	(void)parent;
	(void)key;
	(void)value;
}

void json_add_hex(struct json *parent, const char *key, uint64_t value)
{
	(void)parent;
	(void)key;
	(void)value;
}

void json_add_bool(struct json *parent, const char *key, bool value)
{
	(void)parent;
	(void)key;
	(void)value;
}

int json_print(struct json *root, FILE *out)
{
	(void)root;
	(void)out;
	return fail(-ENOTSUP, "this build has no json-c: no JSON output");
}

void json_free(struct json *root)
{
	(void)root;
}

#endif
