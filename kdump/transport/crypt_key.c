// SPDX-License-Identifier: GPL-2.0-or-later
/* Key files: lines of a word and base64, made once where dumps are read, and kept there. Base64 is libsodium's too, but
 * kdump.conf has to be read without it. */
#include "kdump/transport/crypt.h"

#include "lib/err.h"
#include "lib/file.h"
#include "lib/text.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any text of two keys and some remarks. */
#define KEY_FILE_MAX 65536

#ifdef HAVE_SODIUM
#include <sodium.h>

#define BASE64_LEN sodium_base64_ENCODED_LEN(CRYPT_KEY_LEN, sodium_base64_VARIANT_ORIGINAL)

static bool key_of(const char *text, size_t text_len, uint8_t key[CRYPT_KEY_LEN])
{
	uint8_t bytes[CRYPT_KEY_LEN];
	bool good;
	size_t len;

	good = !sodium_base642bin(bytes, sizeof(bytes), text, text_len, NULL, &len, NULL,
				  sodium_base64_VARIANT_ORIGINAL) &&
	       len == sizeof(bytes);
	if (good)
		memcpy(key, bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return good;
}

int crypt_public_parse(const char *text, uint8_t key[CRYPT_KEY_LEN])
{
	if (!key_of(text, strlen(text), key))
		return fail(
			-EINVAL,
			"encrypt %.80s: that is no public key; \"kdump decrypt --new-key FILE\" makes and prints one",
			text);
	return 0;
}

int crypt_public_text(const uint8_t key[CRYPT_KEY_LEN], char **text)
{
	char *t = malloc(BASE64_LEN);

	if (!t)
		return fail(-ENOMEM, "out of memory");
	*text = sodium_bin2base64(t, BASE64_LEN, key, CRYPT_KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
	return 0;
}

static int create(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), err;

	if (fd < 0 && errno == EEXIST)
		return fail(-EEXIST, "%s: exists; a key is never replaced, because it may be all that opens a dump",
			    path);
	if (fd < 0)
		return fail_sys(-errno, "%s: cannot create", path);
	err = file_write_all(fd, text, strlen(text));
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err)
		return 0;
	unlink(path);
	return fail_sys(err, "%s: cannot write", path);
}

int crypt_pair_make(const char *path, struct crypt_pair *pair)
{
	char public_text[BASE64_LEN], secret_text[BASE64_LEN], text[512];
	struct crypt_pair made;
	int err;

	if (sodium_init() < 0)
		return fail(-EIO, "libsodium cannot be used: there is no source of random numbers");
	crypto_box_keypair(made.public_key, made.secret_key);
	sodium_bin2base64(public_text, sizeof(public_text), made.public_key, CRYPT_KEY_LEN,
			  sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(secret_text, sizeof(secret_text), made.secret_key, CRYPT_KEY_LEN,
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof(text),
		 "# Opens dumps of kdump that were encrypted to the public key. Keep it off the machines that crash.\n"
		 "public %s\nsecret %s\n",
		 public_text, secret_text);
	err = create(path, text);
	if (!err)
		*pair = made;
	sodium_memzero(text, sizeof(text));
	sodium_memzero(secret_text, sizeof(secret_text));
	crypt_pair_deinit(&made);
	return err;
}

static bool take_key(struct text *line, const char *word, uint8_t key[CRYPT_KEY_LEN], bool *has)
{
	struct text t = *line;

	if (*has || !text_take(&t, word) || !text_blanks(&t))
		return false;
	*has = key_of(t.at, t.len, key);
	return *has;
}

int crypt_pair_parse(const char *name, const char *text, size_t len, struct crypt_pair *pair)
{
	struct text rest = text_of(text, len), line;
	bool has_public = false, has_secret = false;
	uint8_t public_key[CRYPT_KEY_LEN];
	struct crypt_pair p;
	unsigned int number = 0;
	int err = 0;

	while (!err && text_line(&rest, &line)) {
		number++;
		text_trim(&line);
		/* The line is not shown: it may be the secret. */
		if (line.len && *line.at != '#' && !take_key(&line, "public", p.public_key, &has_public) &&
		    !take_key(&line, "secret", p.secret_key, &has_secret))
			err = fail(-EINVAL,
				   "%s:%u: this is no line of a key file; \"kdump decrypt --new-key FILE\" makes them",
				   name, number);
	}
	if (!err && !has_secret)
		err = fail(-EINVAL, "%s: there is no secret key in it", name);
	if (!err && (crypto_scalarmult_base(public_key, p.secret_key) ||
		     (has_public && memcmp(public_key, p.public_key, CRYPT_KEY_LEN))))
		err = fail(-EINVAL, "%s: its public and its secret key do not belong together", name);
	if (!err) {
		memcpy(p.public_key, public_key, CRYPT_KEY_LEN);
		*pair = p;
	}
	crypt_pair_deinit(&p);
	return err;
}

/* A pipe is nobody else's; of a file all may not. */
static int read_key(int fd, const char *path, char *text, size_t *len)
{
	struct stat st;
	ssize_t n = 0;

	if (fstat(fd, &st))
		return fail_sys(-errno, "%s", path);
	if (S_ISREG(st.st_mode) && st.st_mode & 077)
		return fail(-EPERM, "%s: others than its owner have access to this key (mode %04o); chmod 600 it", path,
			    (unsigned int)st.st_mode & 07777);
	for (*len = 0; *len < KEY_FILE_MAX && (n = read(fd, text + *len, KEY_FILE_MAX - *len));) {
		if (n < 0 && errno != EINTR)
			return fail_sys(-errno, "%s: cannot read", path);
		*len += n < 0 ? 0 : n;
	}
	return *len == KEY_FILE_MAX ? fail(-EINVAL, "%s: it is too long for a key file", path) : 0;
}

int crypt_pair_read(const char *path, struct crypt_pair *pair)
{
	char *text;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;

	if (fd < 0)
		return fail_sys(-errno, "%s: cannot open the key", path);
	text = malloc(KEY_FILE_MAX);
	err = text ? read_key(fd, path, text, &len) : fail(-ENOMEM, "out of memory");
	close(fd);
	if (!err && sodium_init() < 0)
		err = fail(-EIO, "libsodium cannot be used: there is no source of random numbers");
	if (!err)
		err = crypt_pair_parse(path, text, len, pair);
	if (text)
		sodium_memzero(text, KEY_FILE_MAX);
	free(text);
	return err;
}

void crypt_pair_deinit(struct crypt_pair *pair)
{
	sodium_memzero(pair, sizeof(*pair));
}

#else

static int without(void)
{
	return fail(-EOPNOTSUPP, "this kdump was built without libsodium: it can neither encrypt nor decrypt");
}

int crypt_public_parse(const char *text, uint8_t key[CRYPT_KEY_LEN])
{
	(void)text, (void)key;
	return without();
}

int crypt_public_text(const uint8_t key[CRYPT_KEY_LEN], char **text)
{
	(void)key, (void)text;
	return without();
}

int crypt_pair_make(const char *path, struct crypt_pair *pair)
{
	(void)path, (void)pair;
	return without();
}

int crypt_pair_parse(const char *name, const char *text, size_t len, struct crypt_pair *pair)
{
	(void)name, (void)text, (void)len, (void)pair;
	return without();
}

int crypt_pair_read(const char *path, struct crypt_pair *pair)
{
	(void)path, (void)pair;
	return without();
}

void crypt_pair_deinit(struct crypt_pair *pair)
{
	(void)pair;
}
#endif
