// SPDX-License-Identifier: GPL-2.0
/*
 * Saved segments as CP defines them: names, types, page ranges, and the
 * directory that holds them; the guest's storage extents beside them.
 *
 * The same parsers serve zvm-run's options and the guest's DEFSEG.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zvm.h"

/* The types and what they mean: "z/VM: CP Commands and Utilities", DEFSEG. */
static const struct {
	const char *name;
	bool saved;
	bool readonly;
	bool common;
} seg_types[SEG_NTYPES] = {
	[SEG_SW] = { "SW", true,  false, true  },
	[SEG_EW] = { "EW", true,  false, false },
	[SEG_SR] = { "SR", true,  true,  false },
	[SEG_ER] = { "ER", true,  true,  false },
	[SEG_SN] = { "SN", false, false, true  },
	[SEG_EN] = { "EN", false, false, false },
	[SEG_SC] = { "SC", true,  true,  false },
};

#define fail(...) (snprintf(err, errlen, __VA_ARGS__), -1)
/* How much of a bad argument a message repeats: it may be 64 KiB long. */
#define SHOWN(len) ((int)((len) > 40 ? 40 : (len)))
#define DOTS(len) ((len) > 40 ? "..." : "")

/**
 * seg_type_name() - the two letters by which CP names a type
 * @type: type of a page range
 */
const char *seg_type_name(enum seg_type type)
{
	return seg_types[type].name;
}

/**
 * seg_type_saved() - does SAVESEG keep the content of such pages?
 * @type: type of a page range
 */
bool seg_type_saved(enum seg_type type)
{
	return seg_types[type].saved;
}

/**
 * seg_type_common() - do guests that share such pages see each other's stores?
 * @type: type of a page range
 */
bool seg_type_common(enum seg_type type)
{
	return seg_types[type].common;
}

/**
 * seg_type_readonly() - does CP forbid the guest to write to such pages?
 * @seg: segment, loaded
 * @type: type of the page range in it
 *
 * A non-shared copy belongs to the guest, except for SC.
 */
bool seg_type_readonly(const struct segment *seg, enum seg_type type)
{
	return seg_types[type].readonly && (seg->load == SEG_SHARED || type == SEG_SC);
}

/**
 * seg_parse_name() - check and fold the name of a segment
 * @text: name, not ended by NUL
 * @len: length of @text
 * @name: result, SEG_NAME_LEN + 1 bytes, in upper case
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_parse_name(const char *text, size_t len, char *name, char *err, size_t errlen)
{
	size_t i;

	if (!len)
		return fail("segment name is empty");
	if (len > SEG_NAME_LEN)
		return fail("segment name '%.*s%s' is longer than %d characters", SHOWN(len), text,
			    DOTS(len), SEG_NAME_LEN);
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("$#@_-+:", text[i]))
			return fail("segment name '%.*s' has a character that CP does not allow",
				    (int)len, text);
		name[i] = toupper((unsigned char)text[i]);
	}
	name[len] = '\0';
	return 0;
}

/**
 * seg_parse_type() - look a type up by its two letters
 * @text: type, in either case, not ended by NUL
 * @len: length of @text
 * @type: result
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_parse_type(const char *text, size_t len, enum seg_type *type, char *err, size_t errlen)
{
	int i;

	for (i = 0; i < SEG_NTYPES; i++) {
		if (len == 2 && !strncasecmp(text, seg_types[i].name, 2)) {
			*type = i;
			return 0;
		}
	}
	return fail("segment type '%.*s%s' is unknown: use SW, EW, SR, ER, SN, EN or SC",
		    SHOWN(len), text, DOTS(len));
}

static int parse_page(const char *text, size_t len, uint64_t *page)
{
	size_t i;

	if (!len || len > 15)
		return -1;
	*page = 0;
	for (i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return -1;
		*page = *page * 16 + (isdigit((unsigned char)text[i]) ? text[i] - '0' :
				      toupper((unsigned char)text[i]) - 'A' + 10);
	}
	return 0;
}

/**
 * seg_parse_range() - parse FIRST-LAST, page numbers in hexadecimal
 * @text: range, not ended by NUL
 * @len: length of @text
 * @range: result; its type is left alone
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_parse_range(const char *text, size_t len, struct seg_range *range, char *err,
		    size_t errlen)
{
	const char *dash = memchr(text, '-', len);

	if (!dash || parse_page(text, dash - text, &range->first) ||
	    parse_page(dash + 1, text + len - dash - 1, &range->last))
		return fail("page range '%.*s%s' is not FIRST-LAST, page numbers in hex",
			    SHOWN(len), text, DOTS(len));
	if (range->first > range->last)
		return fail("page range '%.*s' ends before it begins", (int)len, text);
	if (range->last >= SEG_END_PAGES)
		return fail("page range '%.*s' ends above page %lX (512 GiB)", (int)len, text,
			    SEG_END_PAGES - 1);
	return 0;
}

/**
 * seg_check() - can CP define such a segment?
 * @seg: segment whose ranges are filled in
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_check(const struct segment *seg, char *err, size_t errlen)
{
	unsigned int i;

	for (i = 1; i < seg->nr_ranges; i++)
		if (seg->range[i].first <= seg->range[i - 1].last)
			return fail("segment %s: page ranges overlap or descend", seg->name);
	if (seg->range[seg->nr_ranges - 1].last - seg->range[0].first >= SEG_MAX_PAGES)
		return fail("segment %s is larger than 2047 MiB", seg->name);
	return 0;
}

/* Cut the next field off *@text at @sep; its length goes to @len. */
static const char *field(const char **text, char sep, size_t *len)
{
	const char *start = *text;

	if (!start) {
		*len = 0;
		return NULL;
	}
	*text = strchr(start, sep);
	*len = *text ? (size_t)((*text)++ - start) : strlen(start);
	return start;
}

static int parse_ranges(struct segment *seg, const char *text, size_t len, char *err,
			size_t errlen)
{
	char *copy = strndup(text, len), *rest = copy, *range;
	int rc = 0;

	while (!rc && (range = strsep(&rest, "+"))) {
		if (seg->nr_ranges == SEG_MAX_RANGES)
			rc = fail("segment %s has more than %d page ranges", seg->name,
				  SEG_MAX_RANGES);
		else
			rc = seg_parse_range(range, strlen(range), &seg->range[seg->nr_ranges++],
					     err, errlen);
	}
	free(copy);
	return rc;
}

/* One type for all ranges, or one for each, joined with '+'. */
static int parse_types(struct segment *seg, const char *text, size_t len, char *err,
		       size_t errlen)
{
	char *copy = strndup(text, len), *rest = copy, *type;
	unsigned int i, n = 0;
	int rc = 0;

	while (!rc && (type = strsep(&rest, "+"))) {
		if (n == seg->nr_ranges)
			rc = fail("segment %s has more types than page ranges", seg->name);
		else
			rc = seg_parse_type(type, strlen(type), &seg->range[n++].type, err,
					    errlen);
	}
	if (!rc && n == 1)
		for (i = 1; i < seg->nr_ranges; i++)
			seg->range[i].type = seg->range[0].type;
	else if (!rc && n < seg->nr_ranges)
		rc = fail("segment %s has fewer types than page ranges", seg->name);
	free(copy);
	return rc;
}

static int check_image(const struct segment *seg, char *err, size_t errlen)
{
	struct stat st;

	if (!*seg->image)
		return fail("segment %s: the name of its image is empty", seg->name);
	if (stat(seg->image, &st))
		return fail("segment %s: image '%s' is missing", seg->name, seg->image);
	if (!S_ISREG(st.st_mode))
		return fail("segment %s: image '%s' is not a regular file", seg->name, seg->image);
	if ((uint64_t)st.st_size > seg_end(seg) - seg_start(seg) + 1)
		return fail("segment %s: image '%s' is larger than the segment (%llu > %llu bytes)",
			    seg->name, seg->image, (unsigned long long)st.st_size,
			    (unsigned long long)(seg_end(seg) - seg_start(seg) + 1));
	return 0;
}

static int parse_option(struct segment *seg, const char *text, char *err, size_t errlen)
{
	const char *name, *type, *ranges;
	size_t nlen, tlen, rlen;

	name = field(&text, ',', &nlen);
	type = field(&text, ',', &tlen);
	ranges = field(&text, ',', &rlen);
	if (seg_parse_name(name, nlen, seg->name, err, errlen))
		return -1;
	if (!ranges)
		return fail("segment %s: want NAME,TYPE,FIRST-LAST[,IMAGE]", seg->name);
	if (parse_ranges(seg, ranges, rlen, err, errlen) ||
	    parse_types(seg, type, tlen, err, errlen) || seg_check(seg, err, errlen))
		return -1;
	if (!text)
		return 0;
	seg->image = strdup(text);
	return check_image(seg, err, errlen);
}

/**
 * seg_parse_option() - parse NAME,TYPE[+TYPE...],FIRST-LAST[+...][,IMAGE]
 * @text: argument of zvm-run's --dcss
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: a new segment of class A, or NULL with a message in @err.
 */
struct segment *seg_parse_option(const char *text, char *err, size_t errlen)
{
	struct segment *seg = seg_new();

	seg->class = 'A';
	if (!parse_option(seg, text, err, errlen))
		return seg;
	seg_free(seg);
	return NULL;
}

/**
 * seg_check_place() - could CP load a segment into this guest?
 * @vm: virtual machine whose storage is known
 * @seg: segment
 * @err: receives the reason
 * @errlen: size of @err
 *
 * A guest whose storage has gaps can only have segments in the lowest one, as IBM's
 * "Device Drivers, Features, and Commands" says of DCSSs.
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_check_place(const struct zvm *vm, const struct segment *seg, char *err, size_t errlen)
{
	unsigned int i;

	if (zvm_find_storage(vm, seg_start(seg), seg_end(seg)))
		return fail("segment %s overlaps the guest's storage", seg->name);
	for (i = 1; i < vm->nr_extents; i++)
		if (vm->extent[i].first > vm->extent[i - 1].last + 1)
			break;
	if (i < vm->nr_extents && seg_start(seg) > vm->extent[i].last)
		return fail("segment %s is not in the lowest gap of the guest's storage",
			    seg->name);
	return 0;
}

/**
 * seg_check_conflicts() - refuse a segment that the guest could not use
 * @vm: virtual machine whose storage and other segments are known
 * @seg: new segment
 * @err: receives the reason
 * @errlen: size of @err
 *
 * CP would define overlapping segments and refuse to load the second one; for
 * zvm-run it is a typing error.
 *
 * Return: 0, or -1 with a message in @err.
 */
int seg_check_conflicts(const struct zvm *vm, const struct segment *seg, char *err, size_t errlen)
{
	const struct segment *other;

	if (seg_check_place(vm, seg, err, errlen))
		return -1;
	for (other = vm->segments; other; other = other->next) {
		if (!strcmp(seg->name, other->name))
			return vm->system ? fail("segment %s is in the system already", seg->name) :
					    fail("segment %s is defined twice", seg->name);
		if (seg_start(seg) <= seg_end(other) && seg_start(other) <= seg_end(seg))
			return fail("segments %s and %s overlap", other->name, seg->name);
	}
	return 0;
}

/** seg_new() - an empty segment */
struct segment *seg_new(void)
{
	struct segment *seg = calloc(1, sizeof(*seg));

	if (!seg)
		abort();
	seg->fd = -1;
	seg->shared = -1;
	return seg;
}

/**
 * seg_free() - the end of a segment that is not in the directory
 * @seg: segment
 */
void seg_free(struct segment *seg)
{
	if (seg->fd >= 0)
		close(seg->fd);
	if (seg->shared >= 0)
		close(seg->shared);
	free(seg->image);
	free(seg);
}

/**
 * seg_add() - put a segment into the directory
 * @vm: virtual machine
 * @seg: segment; receives its spool file number
 */
void seg_add(struct zvm *vm, struct segment *seg)
{
	struct segment **p = &vm->segments;

	seg->spid = ++vm->next_spid;
	while (*p)
		p = &(*p)->next;
	*p = seg;
}

/**
 * seg_remove() - take a segment out of the directory
 * @vm: virtual machine
 * @seg: segment; stays allocated
 */
void seg_remove(struct zvm *vm, struct segment *seg)
{
	struct segment **p = &vm->segments;

	while (*p != seg)
		p = &(*p)->next;
	*p = seg->next;
	seg->next = NULL;
}

/**
 * seg_take_image() - the image stays with the name of a segment
 * @to: segment that is to have it
 * @from: segment that has it, or NULL
 */
void seg_take_image(struct segment *to, struct segment *from)
{
	if (!from)
		return;
	to->image = from->image;
	to->fd = from->fd;
	from->image = NULL;
	from->fd = -1;
}

/**
 * seg_activate() - a segment that was saved takes the place of an older one
 * @vm: virtual machine
 * @skeleton: segment in the directory
 * @active: the older one, or NULL; ends when the last guest purges it
 */
void seg_activate(struct zvm *vm, struct segment *skeleton, struct segment *active)
{
	if (active && seg_in_use(active)) {
		active->class = 'P';
	} else if (active) {
		seg_remove(vm, active);
		seg_free(active);
	}
	skeleton->class = 'A';
}

/**
 * seg_find() - find a segment by name and class
 * @vm: virtual machine
 * @name: name in upper case
 * @class: 'A' active or 'S' skeleton
 */
struct segment *seg_find(const struct zvm *vm, const char *name, char class)
{
	struct segment *seg;

	for (seg = vm->segments; seg; seg = seg->next)
		if (seg->class == class && !strcmp(seg->name, name))
			return seg;
	return NULL;
}

/**
 * seg_find_loaded() - find a segment that the guest has loaded
 * @vm: virtual machine
 * @name: name in upper case
 *
 * It may have been replaced or purged from the directory since.
 */
struct segment *seg_find_loaded(const struct zvm *vm, const char *name)
{
	struct segment *seg;

	for (seg = vm->segments; seg; seg = seg->next)
		if (seg->load != SEG_PURGED && !strcmp(seg->name, name))
			return seg;
	return NULL;
}

/**
 * seg_has_pages() - has a segment pages of some types?
 * @seg: segment
 * @is: seg_type_saved() or seg_type_common()
 */
bool seg_has_pages(const struct segment *seg, bool (*is)(enum seg_type type))
{
	unsigned int i;

	for (i = 0; i < seg->nr_ranges; i++)
		if (is(seg->range[i].type))
			return true;
	return false;
}

/**
 * seg_open_image() - have the image of a segment open, if it has one
 * @seg: segment; its image may be read-only
 *
 * Return: 0, or -1 with errno.
 */
int seg_open_image(struct segment *seg)
{
	if (seg->fd >= 0 || !seg->image)
		return 0;
	seg->fd = open(seg->image, O_RDWR | O_CLOEXEC);
	if (seg->fd < 0 && (errno == EACCES || errno == EROFS || errno == ETXTBSY))
		seg->fd = open(seg->image, O_RDONLY | O_CLOEXEC);
	return seg->fd < 0 ? -1 : 0;
}

/**
 * seg_same_ranges() - are two segments at the same place, and of the same types?
 * @a: segment
 * @b: segment
 */
bool seg_same_ranges(const struct segment *a, const struct segment *b)
{
	return a->nr_ranges == b->nr_ranges &&
	       !memcmp(a->range, b->range, a->nr_ranges * sizeof(a->range[0]));
}

/**
 * seg_in_use() - has a guest loaded it?
 * @seg: segment
 */
bool seg_in_use(const struct segment *seg)
{
	return seg->load != SEG_PURGED || seg->users;
}

/** seg_start() - address of a segment's first byte */
uint64_t seg_start(const struct segment *seg)
{
	return seg->range[0].first << ZVM_PAGE_SHIFT;
}

/** seg_end() - address of a segment's last byte */
uint64_t seg_end(const struct segment *seg)
{
	return ((seg->range[seg->nr_ranges - 1].last + 1) << ZVM_PAGE_SHIFT) - 1;
}

/* A size as CP writes it: a number and K, M or G; 0 needs no letter. */
static int parse_size(const char *text, size_t len, uint64_t *size)
{
	char *end;

	if (!len || len > 12 || !isdigit((unsigned char)*text))
		return -1;
	*size = strtoull(text, &end, 10);
	if (end == text + len)
		return *size ? -1 : 0;
	if (end != text + len - 1)
		return -1;
	switch (toupper((unsigned char)*end)) {
	case 'G':
		*size <<= 10; /* fall through */
	case 'M':
		*size <<= 10; /* fall through */
	case 'K':
		*size <<= 10;
		return 0;
	}
	return -1;
}

static int parse_extent(struct zvm *vm, const char *text, size_t len, char *err, size_t errlen)
{
	const char *dash = memchr(text, '-', len);
	const char *last = dash ? dash + 1 : text;
	uint64_t start = 0, end;

	if ((dash && parse_size(text, dash - text, &start)) ||
	    parse_size(last, text + len - last, &end))
		return fail("storage extent '%.*s%s' is not SIZE or START-END, such as 512M or 0-144M",
			    SHOWN(len), text, DOTS(len));
	if (start >= end || start % ZVM_MIB || end % ZVM_MIB)
		return fail("storage extent '%.*s' is empty or not a multiple of 1M", (int)len,
			    text);
	if (end > SEG_END_PAGES << ZVM_PAGE_SHIFT)
		return fail("storage extent '%.*s' ends above 512G", (int)len, text);
	if (vm->nr_extents && start <= vm->extent[vm->nr_extents - 1].last)
		return fail("storage extents overlap or descend at '%.*s'", (int)len, text);
	if (vm->nr_extents == ZVM_MAX_EXTENTS)
		return fail("more than %d storage extents", ZVM_MAX_EXTENTS);
	vm->extent[vm->nr_extents].first = start;
	vm->extent[vm->nr_extents++].last = end - 1;
	return 0;
}

/**
 * zvm_parse_storage() - parse SIZE or START-END[,START-END...]
 * @vm: virtual machine that receives the extents
 * @text: argument of zvm-run's --storage
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int zvm_parse_storage(struct zvm *vm, const char *text, char *err, size_t errlen)
{
	const char *extent;
	size_t len;

	vm->nr_extents = 0;
	while ((extent = field(&text, ',', &len)))
		if (parse_extent(vm, extent, len, err, errlen))
			return -1;
	if (vm->extent[0].first || vm->extent[0].last + 1 < ZVM_MIN_STORAGE)
		return fail("storage has to begin with an extent 0-%luM or larger",
			    ZVM_MIN_STORAGE / ZVM_MIB);
	return 0;
}

/**
 * zvm_find_storage() - the guest storage that a range overlaps
 * @vm: virtual machine
 * @first: address of the first byte
 * @last: address of the last byte
 *
 * Return: the first extent of storage with a byte of the range, or NULL.
 */
const struct extent *zvm_find_storage(const struct zvm *vm, uint64_t first, uint64_t last)
{
	unsigned int i;

	for (i = 0; i < vm->nr_extents; i++)
		if (first <= vm->extent[i].last && vm->extent[i].first <= last)
			return &vm->extent[i];
	return NULL;
}
