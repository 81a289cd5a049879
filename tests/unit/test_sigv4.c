// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AWS signature version 4 against the vectors that AWS publishes: the "AWS Signature Version 4 test suite", and the
 * examples of "Signature Calculations for the Authorization Header" in the Amazon S3 API reference. MD5 and HMAC
 * against the RFCs'.
 */
#include "kdump/transport/md5.h"
#include "kdump/transport/s3_text.h"
#include "kdump/transport/sigv4.h"
#include "lib/text.h"
#include "tests/unit/test.h"

#include <errno.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct sigv4_keys suite = { "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1",
					 "service" };
static const struct sigv4_keys s3 = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1",
				      "s3" };
static const struct sigv4_field plain[] = { { "host", "example.amazonaws.com" }, { "x-amz-date", "20150830T123600Z" } };

static char *sign(const struct sigv4_keys *keys, const struct sigv4_request *r, const char *time)
{
	static char *last;

	free(last);
	last = NULL;
	CHECK_EQ(sigv4_sign(keys, r, time, &last), 0);
	return last;
}

static void check_suite(const char *method, const char *path, const char *query, const char *signature)
{
	struct sigv4_request r = { method, path, query, plain, 2, EMPTY };
	char want[256];

	snprintf(want, sizeof(want),
		 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
		 "SignedHeaders=host;x-amz-date,Signature=%s",
		 signature);
	CHECK_STR(sign(&suite, &r, "20150830T123600Z"), want);
}

TEST(suite_of_aws)
{
	check_suite("GET", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	check_suite("POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
	check_suite("GET", "/", "Param1=value1&Param2=value2",
		    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
	check_suite("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
		    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
	check_suite("GET", "/%E1%88%B4", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
}

static void check_s3(const char *method, const char *path, const char *query, const struct sigv4_field *field,
		     size_t nr, const char *digest, const char *signature)
{
	struct sigv4_request r = { method, path, query, field, nr, digest };
	const char *got = sign(&s3, &r, "20130524T000000Z");

	CHECK(got && strlen(got) > 64);
	if (got)
		CHECK_STR(got + strlen(got) - 64, signature);
}

#define HOST "examplebucket.s3.amazonaws.com"

TEST(examples_of_s3)
{
	const struct sigv4_field get[] = { { "host", HOST },
					   { "range", "bytes=0-9" },
					   { "x-amz-content-sha256", EMPTY },
					   { "x-amz-date", "20130524T000000Z" } };
	const struct sigv4_field list[] = { { "host", HOST },
					    { "x-amz-content-sha256", EMPTY },
					    { "x-amz-date", "20130524T000000Z" } };
	const char *welcome = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
	const struct sigv4_field put[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" },
					   { "host", HOST },
					   { "x-amz-content-sha256", welcome },
					   { "x-amz-date", "20130524T000000Z" },
					   { "x-amz-storage-class", "REDUCED_REDUNDANCY" } };

	check_s3("GET", "/test.txt", "", get, 4, EMPTY,
		 "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	check_s3("PUT", "/test%24file.text", "", put, 5, welcome,
		 "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	check_s3("GET", "/", "lifecycle=", list, 3, EMPTY,
		 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	check_s3("GET", "/", "max-keys=2&prefix=J", list, 3, EMPTY,
		 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

/* The suite's get-header-value-trim: blanks at the ends go, rows of them shrink. */
TEST(values_are_trimmed)
{
	const struct sigv4_field field[] = { { "host", "example.amazonaws.com" },
					     { "my-header1", " value1" },
					     { "my-header2", " \"a   b   c\"" },
					     { "x-amz-date", "20150830T123600Z" } };
	struct sigv4_request r = { "GET", "/", "", field, 4, EMPTY };
	const char *got = sign(&suite, &r, "20150830T123600Z");

	CHECK(strstr(got, "SignedHeaders=host;my-header1;my-header2;x-amz-date,"));
	CHECK(strstr(got, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
}

TEST(time_of_a_request)
{
	char text[SIGV4_TIME_BYTES];

	sigv4_time(1440938160, text);
	CHECK_STR(text, "20150830T123600Z");
	sigv4_time(0, text);
	CHECK_STR(text, "19700101T000000Z");
}

TEST(encoding)
{
	struct blob b;

	blob_init(&b);
	CHECK_EQ(sigv4_encode(&b, "var/crash 10:00:00+\xc3\xa4~_.-/", "/"), 0);
	CHECK_STR((char *)b.data, "var/crash%2010%3A00%3A00%2B%C3%A4~_.-/");
	b.len = 0;
	CHECK_EQ(sigv4_encode(&b, "a/b=", ""), 0);
	CHECK_STR((char *)b.data, "a%2Fb%3D");
	blob_deinit(&b);
}

static void check_hmac(const void *key, size_t key_len, const char *text, const char *want)
{
	uint8_t mac[SHA256_BYTES];
	char hex[SIGV4_HEX_BYTES];

	hmac_sha256(key, key_len, text, strlen(text), mac);
	text_hex(mac, sizeof(mac), hex);
	CHECK_STR(hex, want);
}

/* RFC 4231, test cases 1, 2 and 6. */
TEST(hmac)
{
	uint8_t key[131];

	memset(key, 0x0b, 20);
	check_hmac(key, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check_hmac("Jefe", 4, "what do ya want for nothing?",
		   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	check_hmac(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First",
		   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void check_md5(const char *text, const char *want)
{
	uint8_t digest[MD5_BYTES];
	char hex[2 * MD5_BYTES + 1];

	md5_of(text, strlen(text), digest);
	text_hex(digest, sizeof(digest), hex);
	CHECK_STR(hex, want);
}

/* RFC 1321, A.5. */
TEST(md5)
{
	check_md5("", "d41d8cd98f00b204e9800998ecf8427e");
	check_md5("a", "0cc175b9c0f1b6a831c399e269772661");
	check_md5("message digest", "f96b697d7cb7938d525a2f31aaf161d0");
	check_md5("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f");
	check_md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		  "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(md5_in_pieces)
{
	uint8_t bytes[1000], whole[MD5_BYTES], got[MD5_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = test_random();
	for (size_t len = 0; len < 200; len++) {
		struct md5 m;
		size_t first = test_random() % (len + 1);

		md5_of(bytes, len, whole);
		md5_init(&m);
		md5_update(&m, bytes, first);
		md5_update(&m, bytes + first, len - first);
		md5_final(&m, got);
		CHECK(!memcmp(whole, got, sizeof(got)));
	}
}

static int parse(struct s3_credentials *c, const char *text)
{
	return s3_credentials_parse(c, "FILE", text, strlen(text));
}

static void check_credentials(const char *text, const char *key, const char *secret, const char *token)
{
	struct s3_credentials c = { 0 };

	CHECK_EQ(parse(&c, text), 0);
	CHECK_STR(c.access_key, key);
	CHECK_STR(c.secret_key, secret);
	if (token)
		CHECK_STR(c.token, token);
	else
		CHECK(!c.token);
	s3_credentials_deinit(&c);
}

TEST(credentials)
{
	struct s3_credentials c = { 0 };

	check_credentials("KEY\nse/cr+et\n", "KEY", "se/cr+et", NULL);
	check_credentials("# remark\n\nKEY\r\nsecret\r\ntoken=\r\n", "KEY", "secret", "token=");
	check_credentials("aws_access_key_id=K\naws_secret_access_key = S==\n", "K", "S==", NULL);
	check_credentials("[a]\naws_access_key_id=K\naws_secret_access_key=S\nregion = x\n[b]\naws_access_key_id=L\n",
			  "K", "S", NULL);
	check_credentials("[a]\naws_access_key_id=K\n[default]\naws_access_key_id=D\naws_secret_access_key=E\n"
			  "aws_session_token=T\n",
			  "D", "E", "T");
	check_credentials("[default]\naws_access_key_id=D\n[kdump]\naws_access_key_id=K\naws_secret_access_key=S\n",
			  "K", "S", NULL);
	CHECK_FAILS(parse(&c, ""), -EINVAL, "FILE: there are no credentials");
	CHECK_FAILS(parse(&c, "# nothing\n"), -EINVAL, "no credentials");
	CHECK_FAILS(parse(&c, "KEY\n"), -EINVAL, "aws_secret_access_key");
	CHECK_FAILS(parse(&c, "a\nb\nc\nd\n"), -EINVAL, "two lines");
	CHECK_FAILS(parse(&c, "a b\nc\n"), -EINVAL, "two lines");
	CHECK_FAILS(parse(&c, "aws_access_key_id=K\naws_access_key_id=L\naws_secret_access_key=S\n"), -EINVAL, "once");
	CHECK_FAILS(parse(&c, "[default]\naws_access_key_id=\naws_secret_access_key=S\n"), -EINVAL,
		    "aws_access_key_id");
	CHECK(!c.access_key && !c.secret_key);
}

static void check_element(const char *xml, const char *want)
{
	char *got = s3_element(xml, strlen(xml), "Code");

	if (want)
		CHECK_STR(got, want);
	else
		CHECK(!got);
	free(got);
}

TEST(elements)
{
	check_element("<?xml?><Error><Code>NoSuchBucket</Code><Message>x</Message></Error>", "NoSuchBucket");
	check_element("<Code>&quot;a&quot;&amp;&lt;b&gt;&apos;&nbsp;</Code>", "\"a\"&<b>'&nbsp;");
	check_element("<Code>a\x1b[31m\xff</Code>", "a?[31m?");
	check_element("<Code></Code>", "");
	check_element("<Code>x", NULL);
	check_element("</Code><Code>x</Code", NULL);
	check_element("", NULL);
	check_element("<Codex>y</Codex>", NULL);
}

TEST(urls)
{
	char *bucket, *prefix;

	CHECK_EQ(s3_url_parse("s3://bucket/a/b//", &bucket, &prefix), 0);
	CHECK_STR(bucket, "bucket");
	CHECK_STR(prefix, "a/b");
	free(bucket);
	free(prefix);
	CHECK_EQ(s3_url_parse("s3://my.bucket-1", &bucket, &prefix), 0);
	CHECK_STR(bucket, "my.bucket-1");
	CHECK_STR(prefix, "");
	free(bucket);
	free(prefix);
	CHECK_FAILS(s3_url_parse("s3:///x", &bucket, &prefix), -EINVAL, "bucket's name is missing");
	CHECK_FAILS(s3_url_parse("s3://b@d/x", &bucket, &prefix), -EINVAL, "no such name");
}

TEST(parts_suffice)
{
	uint64_t sum = 0;

	for (unsigned int i = 1; i <= S3_PARTS_MAX; i++) {
		CHECK(s3_part_bytes(i) >= 5ull << 20 && s3_part_bytes(i) <= 5ull << 30);
		sum += s3_part_bytes(i);
	}
	CHECK(sum >= S3_OBJECT_MAX);
	/* A dump of 64 GiB needs parts of no more than 64 MiB in memory. */
	sum = 0;
	for (unsigned int i = 1; sum < 64ull << 30; i++) {
		sum += s3_part_bytes(i);
		CHECK(s3_part_bytes(i) <= 64ull << 20);
	}
}
