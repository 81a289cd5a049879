/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "lib/json.h"

#include "tests/unit/test.h"

#include <errno.h>

#ifdef HAVE_JSONC

/* As in lib/json.c: both sides use the name, for a type and for a function. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

/* What ROOT prints, without the white space between the tokens, which is json-c's affair. The caller frees it. */
static char *printed(struct json *root)
{
	char *text = NULL, *to;
	bool inside = false;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int err = json_print(root, f);

	fclose(f);
	if (err) {
		printf("%s\n", err_text());
		free(text);
		return NULL;
	}
	CHECK(len && text[len - 1] == '\n');
	to = text;
	for (const char *from = text; *from; from++) {
		if (*from == '\\')
			*to++ = *from++;
		else if (*from == '"')
			inside = !inside;
		if (inside || (*from != ' ' && *from != '\n'))
			*to++ = *from;
	}
	*to = 0;
	return text;
}

static void check_printed(struct json *root, const char *want)
{
	char *got = printed(root);

	CHECK_STR(got, want);
	free(got);
	json_free(root);
}

TEST(built_in)
{
	CHECK(json_built_in());
}

TEST(empty)
{
	check_printed(json_object(), "{}");
	json_free(NULL);
}

TEST(every_kind)
{
	struct json *root = json_object(), *list, *row;

	json_add_string(root, "name", "a b/c \"d\" \\");
	json_add_number(root, "least", INT64_MIN);
	json_add_number(root, "most", INT64_MAX);
	json_add_hex(root, "last", UINT64_MAX);
	json_add_hex(root, "first", 0);
	json_add_hex(root, "above_2_to_53", (1ull << 53) + 1);
	json_add_bool(root, "yes", true);
	json_add_bool(root, "no", false);
	list = json_array_in(root, "list");
	json_add_number(list, NULL, 1);
	json_add_string(list, NULL, "two");
	row = json_object_in(list, NULL);
	json_add_bool(row, "three", true);
	row = json_object_in(root, "object");
	json_add_number(json_array_in(row, "inner"), NULL, 4);
	json_array_in(root, "nothing");
	check_printed(root, "{\"name\":\"a b/c \\\"d\\\" \\\\\",\"least\":-9223372036854775808,"
			    "\"most\":9223372036854775807,"
			    "\"last\":\"0xffffffffffffffff\",\"first\":\"0x0\",\"above_2_to_53\":\"0x20000000000001\","
			    "\"yes\":true,\"no\":false,\"list\":[1,\"two\",{\"three\":true}],"
			    "\"object\":{\"inner\":[4]},\"nothing\":[]}");
}

/* Printing does not change it. */
TEST(printed_twice)
{
	struct json *root = json_object();
	char *once, *twice;

	json_add_number(root, "n", 1);
	once = printed(root);
	twice = printed(root);
	CHECK_STR(twice, once);
	free(once);
	free(twice);
	json_free(root);
}

/* Mistakes of ours are errors of the report, never a crash and never a report with a hole. */
TEST(keys_that_do_not_fit)
{
	struct json *root = json_object();

	json_add_number(root, NULL, 1);
	CHECK_FAILS(json_print(root, stdout), -EINVAL, "inconsistent");
	json_free(root);

	root = json_object();
	json_add_number(json_array_in(root, "list"), "key", 1);
	CHECK_FAILS(json_print(root, stdout), -EINVAL, "inconsistent");
	json_free(root);

	root = json_object();
	json_add_number(root, "key", 1);
	json_add_string(root, "key", "again");
	CHECK_FAILS(json_print(root, stdout), -EINVAL, "a key is there twice");
	json_free(root);
}

/* What hangs on something that failed is harmless. */
TEST(nothing_to_hang_on)
{
	json_add_string(NULL, "key", "value");
	json_add_number(NULL, "key", 1);
	json_add_hex(NULL, NULL, 1);
	json_add_bool(NULL, "key", true);
	CHECK(!json_object_in(NULL, "key"));
	CHECK(!json_array_in(NULL, NULL));
	CHECK_FAILS(json_print(NULL, stdout), -ENOMEM, "out of memory");
}

TEST(full_disk)
{
	struct json *root = json_object();
	FILE *full = fopen("/dev/full", "w");

	json_add_string(root, "key", "value");
	if (full) {
		CHECK_FAILS(json_print(root, full), -EIO, "cannot write the JSON report: No space left");
		fclose(full);
	}
	json_free(root);
}

TEST(bytes_that_are_no_utf8)
{
	struct json *root = json_object();

	json_add_string(root, "latin", "caf\xe9!");
	json_add_string(root, "fine", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xaa\x82");
	json_add_string(root, "cut", "\xf0\x9f\xaa");
	json_add_string(root, "long_form", "\xc0\xaf");
	json_add_string(root, "surrogate", "\xed\xa0\x80");
	json_add_string(root, "too_high", "\xf4\x90\x80\x80");
	check_printed(root, "{\"latin\":\"caf\xef\xbf\xbd!\",\"fine\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xaa\x82\","
			    "\"cut\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
			    "\"long_form\":\"\xef\xbf\xbd\xef\xbf\xbd\","
			    "\"surrogate\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
			    "\"too_high\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
}

/* Whatever the string, a strict reader takes the report, and gives back a string that was UTF-8. */
TEST(random_strings)
{
	for (unsigned int i = 0; i < 3000; i++) {
		struct json *root = json_object();
		struct json_c_object *back, *value;
		struct json_tokener *tokener = json_tokener_new();
		bool ascii = test_random() % 2;
		char s[12] = { 0 }, *text;

		for (size_t n = 0; n < sizeof(s) - 1; n++)
			s[n] = ascii ? 1 + test_random() % 0x7f : test_random();
		json_add_string(root, "s", s);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		text = printed(root);
		back = json_tokener_parse_ex(tokener, text, strlen(text) + 1);
		CHECK(back && json_tokener_get_error(tokener) == json_tokener_success);
		CHECK(json_object_object_get_ex(back, "s", &value));
		if (ascii)
			CHECK_STR(json_object_get_string(value), s);
		json_object_put(back);
		json_tokener_free(tokener);
		free(text);
		json_free(root);
	}
}

TEST(many)
{
	struct json *root = json_object(), *list = json_array_in(root, "list");
	char *text;

	for (unsigned int i = 0; i < 20000; i++)
		json_add_number(json_object_in(list, NULL), "i", i);
	text = printed(root);
	CHECK(text && strlen(text) > 20000 * 7);
	free(text);
	json_free(root);
}

#else

TEST(not_built_in)
{
	struct json *root = json_object();

	CHECK(!json_built_in());
	CHECK(!root);
	json_add_string(root, "key", "value");
	json_add_number(json_array_in(root, "list"), NULL, 1);
	json_add_hex(json_object_in(root, "object"), "key", 1);
	json_add_bool(root, "key", true);
	CHECK_FAILS(json_print(root, stdout), -ENOTSUP, "no json-c");
	json_free(root);
}

#endif
