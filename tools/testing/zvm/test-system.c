// SPDX-License-Identifier: GPL-2.0
/*
 * Several guests on one system: what each sees of what the others do, and what is
 * left of one that ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "test.h"

#define LOADSHR		0x20
#define LOADNSR		0x24
#define PURGESEG	0x08
#define STORAGE		"64M"
#define MEMORY_BYTES	(128 * ZVM_MIB)
/* Nothing here takes as long, unless it waits for ever. */
#define ALARM_SECONDS	120

static char work[64] = "/tmp/test-system.XXXXXX";
static char dir[80], image[80];
static char response[8192];

/* A new system. */
static void begin(const char *name)
{
	snprintf(dir, sizeof(dir), "%.40s/%s", work, name);
}

static struct zvm *guest_or_not(const char *dcss, char *err, size_t errlen)
{
	struct zvm *vm = new_vm();

	if (zvm_configure(vm, "storage", STORAGE, err, errlen) ||
	    zvm_configure(vm, "system", dir, err, errlen) ||
	    (dcss && zvm_configure(vm, "dcss", dcss, err, errlen)) ||
	    system_join(vm, err, errlen)) {
		system_close(vm);
		free_vm(vm);
		return NULL;
	}
	return vm;
}

static struct zvm *new_guest(const char *dcss)
{
	char err[512];
	struct zvm *vm = guest_or_not(dcss, err, sizeof(err));

	if (!vm)
		zvm_die("%s", err);
	return vm;
}

static void end_guest(struct zvm *vm)
{
	system_close(vm);
	free_vm(vm);
}

static int ask(struct zvm *vm, const char *command)
{
	int rc;

	diag08(vm, command, response, sizeof(response) - 1, &rc);
	return rc;
}

/* Is it in what QUERY NSS MAP says to this guest? */
static bool sees(struct zvm *vm, const char *row)
{
	ask(vm, "QUERY NSS MAP");
	return strstr(response, row);
}

static int call(struct zvm *vm, uint64_t function, const char *name)
{
	uint64_t rx, ry;

	return diag64(vm, function, name, &rx, &ry);
}

static bool exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		zvm_die("%s: %s", path, strerror(errno));
}

static void test_directory(void)
{
	struct zvm *a, *b;

	begin("directory");
	a = new_guest(NULL);
	b = new_guest(NULL);
	result(!ask(a, "DEFSEG FS 20000-200FF EW 20100-201FF EN"),
	       "defined by one guest", response);
	result(sees(b, "0001 FS       DCSS     N/A      20000  200FF   EW   S  00000") &&
	       sees(b, "0001 FS       DCSS     N/A      20100  201FF   EN   S  00000"),
	       "seen by the other one", response);
	result(!ask(b, "DEFSEG OTHER 1000-10FF EW") && !ask(b, "SAVESEG OTHER"),
	       "saved by the other one", response);
	result(sees(a, "0002 OTHER    DCSS     N/A      01000  010FF   EW   A"),
	       "seen by the first one", response);
	ask(b, "PURGE NSS NAME FS");
	result(!sees(a, " FS "), "purged by the other one", response);
	end_guest(a);
	end_guest(b);

	a = new_guest(NULL);
	result(sees(a, "0002 OTHER "), "seen by a later one", response);
	ask(a, "DEFSEG NEW 20000-200FF EW");
	result(sees(a, "0003 NEW "), "no file number is used again", response);
	result(ask(a, "ZVM DEFINE NOW FS 20000-200FF EW") == 2, "no other users are made up",
	       response);
	end_guest(a);
}

static void test_users(void)
{
	struct zvm *a, *b;

	begin("users");
	a = new_guest("FS,SW,20000-200FF");
	b = new_guest(NULL);
	result(!call(b, LOADSHR, "FS") && sees(a, "A  00001"), "a user of another guest", response);
	result(!call(a, LOADSHR, "FS") && sees(a, "A  00002") && sees(b, "A  00002"),
	       "users of both", response);
	call(a, PURGESEG, "FS");
	result(sees(b, "A  00001"), "one has purged it", response);
	ask(a, "PURGE NSS NAME FS");
	result(sees(a, "P  00001") && call(a, LOADSHR, "FS") == 2,
	       "out of the directory, and still in use", response);
	call(b, PURGESEG, "FS");
	result(!sees(a, " FS ") && !sees(b, " FS "), "gone with its last user", response);
	result(!exists("0001.shared") && !exists("0001.image"), "and so are its files", NULL);
	end_guest(a);
	end_guest(b);
}

static void test_saved_anew(void)
{
	struct zvm *a, *b;

	begin("anew");
	a = new_guest("FS,EW,20000-200FF");
	b = new_guest(NULL);
	call(b, LOADNSR, "FS");
	call(a, LOADNSR, "FS");
	result(!ask(a, "DEFSEG FS 20000-200FF EW") && !ask(a, "SAVESEG FS"),
	       "saved anew", response);
	result(sees(b, "0001 FS       DCSS     N/A      20000  200FF   EW   P  00002") &&
	       sees(b, "0002 FS       DCSS     N/A      20000  200FF   EW   A  00000"),
	       "guests have the old one until they purge it", response);
	call(a, PURGESEG, "FS");
	call(a, LOADNSR, "FS");
	result(sees(a, "EW   P  00001") && sees(a, "EW   A  00001"), "who loads it has the new one",
	       response);
	save_result = -1;
	result(ask(a, "DEFSEG FS 20000-200FF EW") == 0 && ask(a, "SAVESEG FS") == 177 &&
	       !exists("0003.image") && exists("0002.image"),
	       "a save that fails leaves the old one",
	       response);
	save_result = 7;
	end_guest(b);
	result(!sees(a, "EW   P "), "the old one goes with the guest that had it", response);
	end_guest(a);
}

/* A child that ends without a word, with the lock of the system or without. */
static void killed_guest(const char *name, bool locked)
{
	pid_t pid = fork();

	if (!pid) {
		struct zvm *vm = new_guest(NULL);

		call(vm, LOADSHR, name);
		if (locked)
			system_enter(vm);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
}

static void test_killed(void)
{
	struct zvm *a;

	begin("killed");
	a = new_guest("FS,SW,20000-200FF");
	killed_guest("FS", false);
	result(sees(a, "A  00000"), "a guest that is killed uses nothing", response);
	killed_guest("FS", true);
	result(sees(a, "A  00000"), "nor does one that CP was at work for", response);
	ask(a, "PURGE NSS NAME FS");
	result(!sees(a, " FS ") && !exists("0001.shared"), "and its segment can go", response);
	end_guest(a);
}

/* What others define is no business of a guest that has no memory there. */
static void test_elsewhere(void)
{
	struct zvm *a, *b;

	begin("elsewhere");
	a = new_guest(NULL);
	b = new_guest(NULL);
	result(!ask(b, "DEFSEG OVER 1000-10FF EW") && !ask(b, "SAVESEG OVER") &&
	       call(a, LOADSHR, "OVER") == 2, "a segment over the storage of this guest", response);
	end_guest(b);
	end_guest(a);
}

/* What a guest has left that was killed while it brought an image along. */
static void test_left(void)
{
	char path[128], dcss[160];
	struct zvm *vm;

	begin("left");
	end_guest(new_guest(NULL));
	snprintf(path, sizeof(path), "%s/0001.image", dir);
	put_file(path, "half");
	vm = new_guest("FS,EW,20000-200FF");
	ask(vm, "QUERY NSS MAP");
	result(!exists("0001.image") && !seg_find(vm, "FS", 'A')->image,
	       "what is left of another guest is nobody's content", NULL);
	end_guest(vm);
	begin("left too");
	put_file(image, "abc");
	snprintf(dcss, sizeof(dcss), "FS,EW,20000-200FF,%s", image);
	end_guest(new_guest(dcss));
	result(exists("0001.image"), "an image that is brought along is kept", NULL);
}

static void test_refused(void)
{
	char err[512] = "", path[128];
	struct zvm *vm;

	begin("refused");
	end_guest(new_guest("FS,EW,20000-200FF"));
	vm = guest_or_not("FS,EW,30000-300FF", err, sizeof(err));
	result(!vm && strstr(err, "in the system already"), "a segment that is there already", err);
	snprintf(path, sizeof(path), "%s/directory", dir);
	put_file(path, "zvm-system 1\nnext 1\n0001 A FS,XX,20000-200FF\n");
	vm = guest_or_not(NULL, err, sizeof(err));
	result(!vm && strstr(err, "directory: segment type 'XX'"),
	       "a directory that is broken", err);
	put_file(path, "");
	vm = guest_or_not(NULL, err, sizeof(err));
	result(!vm && strstr(err, "not one of 'zvm-system 1'"), "a directory that is empty", err);
	put_file(path, "something else\n");
	vm = guest_or_not(NULL, err, sizeof(err));
	result(!vm && strstr(err, "not one of 'zvm-system 1'"),
	       "a directory of something else", err);
	snprintf(dir, sizeof(dir), "%.40s/refused/guests", work);
	snprintf(path, sizeof(path), "%s/file", dir);
	put_file(path, "");
	vm = guest_or_not(NULL, err, sizeof(err));
	result(!vm && strstr(err, "no system in it"), "a directory with files of others", err);
	put_file(path, "");
	snprintf(dir, sizeof(dir), "%.40s/refused/no/such", work);
	vm = guest_or_not(NULL, err, sizeof(err));
	result(!vm && strstr(err, "cannot be made"), "a directory that cannot be made", err);
}

/* Memory, which is one for each process. */
static uint8_t *memory;

static void no_code(uint64_t addr, const uint8_t *content)
{
	(void)addr;
	(void)content;
}

static struct zvm *guest_with_memory(const char *dcss)
{
	static struct zvm_memory mixed;
	struct zvm *vm = new_guest(dcss);
	int fd = memfd_create(MEMORY_NAME, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, MEMORY_BYTES))
		zvm_die("memfd: %s", strerror(errno));
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memory_init(MEMORY_BYTES, no_code);
	memory_attach(vm);
	memory_clear(vm);
	mixed = guest_memory;
	mixed.real = vm->mem->real;
	vm->mem = &mixed;
	return vm;
}

static uint8_t *page(uint64_t number)
{
	return memory + (number << ZVM_PAGE_SHIFT);
}

/* One that loads the segment, stores to it when it is told to, and ends then. */
static pid_t other_guest(int ready, int go)
{
	pid_t pid = fork();
	struct zvm *vm;
	char c = 0;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vm = guest_with_memory(NULL);
	if (call(vm, LOADSHR, "FS"))
		_exit(1);
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	*page(0x5001) = 'x';
	*page(0x5010) = 'y';
	*page(0x5020) = 'z';
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	raise(SIGKILL);
	return 0;
}

static int image_byte(const char *name, off_t offset)
{
	char path[128];
	uint8_t byte = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &byte, 1, offset) < 0)
		return -1;
	close(fd);
	return byte;
}

/* SW, SN and EW: the memory of the first two is one for both guests. */
static void test_shared(void)
{
	int ready[2], go[2];
	char dcss[160], c = 0;
	struct zvm *vm;
	pid_t pid;

	begin("shared");
	put_file(image, "abc");
	snprintf(dcss, sizeof(dcss), "FS,SW+SN+EW,5000-500F+5010-501F+5020-502F,%s", image);
	if (pipe(ready) || pipe(go))
		zvm_die("pipe: %s", strerror(errno));
	end_guest(new_guest(dcss));
	pid = other_guest(ready[1], go[0]);
	if (read(ready[0], &c, 1) != 1)
		zvm_die("the other guest has ended");
	vm = guest_with_memory(NULL);
	call(vm, LOADSHR, "FS");
	result(!memcmp(page(0x5000), "abc", 4), "shared: what was saved is there", NULL);
	if (write(go[1], &c, 1) != 1 || read(ready[0], &c, 1) != 1)
		zvm_die("the other guest has ended");
	result(*page(0x5001) == 'x' && *page(0x5010) == 'y',
	       "SW, SN: stores of another guest", NULL);
	result(!*page(0x5020), "EW: no store of another guest", NULL);
	*page(0x5002) = 'v';
	*page(0x5021) = 'w';
	result(image_byte("0001.image", 0x1000) == 0, "SW: what was saved stays", NULL);

	result(!ask(vm, "DEFSEG FS 5000-500F SW 5010-501F SN 5020-502F EW") &&
	       !ask(vm, "SAVESEG FS"), "saved", response);
	result(image_byte("0002.image", 0) == 'a' && image_byte("0002.image", 0x1000) == 'x' &&
	       image_byte("0002.image", 0x2000) == 'v',
	       "saved: what both guests have stored", NULL);
	result(image_byte("0002.image", 0x21000) == 'w', "saved: what is its own", NULL);
	result(image_byte("0002.image", 0x10000) == 0 && image_byte("0002.image", 0x20000) == 0,
	       "saved: nothing that is not, and nothing of the other's", NULL);

	call(vm, PURGESEG, "FS");
	call(vm, LOADSHR, "FS");
	result(*page(0x5001) == 'x' && !*page(0x5010), "loaded anew: as saved", NULL);
	*page(0x5001) = 'u';
	*page(0x5004) = 'u';
	*page(0x5011) = 'u';
	call(vm, PURGESEG, "FS");
	call(vm, LOADSHR, "FS");
	result(*page(0x5001) == 'x' && !*page(0x5004) && !*page(0x5011),
	       "its last user has gone: as saved", NULL);
	call(vm, LOADNSR, "FS");
	*page(0x5001) = 'u';
	result(image_byte("0002.image", 0x1000) == 'x', "SW: a copy of one's own", NULL);
	*page(0x1000) = 'q';
	result(!ask(vm, "DEFSEG FS 1000-10FF EW") && !ask(vm, "SAVESEG FS") &&
	       image_byte("0003.image", 0) == 'q' && !image_byte("0003.image", 0x2000),
	       "saved at another place: what is there", response);
	ask(vm, "DEFSEG FS 5000-500F SW 5010-501F SN 5020-502F EW");
	ask(vm, "SAVESEG FS");
	if (write(go[1], &c, 1) != 1)
		zvm_die("the other guest has ended");
	waitpid(pid, NULL, 0);
	call(vm, PURGESEG, "FS");
	call(vm, LOADSHR, "FS");
	result(exists("0004.shared") && !exists("0001.image") && !exists("0001.shared"),
	       "what nobody uses is gone", NULL);
	system_close(vm);
	free_vm(vm);
	vm = new_guest(NULL);
	ask(vm, "QUERY NSS MAP");
	result(!exists("0004.shared") && exists("0004.image"),
	       "and what a guest that ended has shared",
	       NULL);
	end_guest(vm);
}

int main(void)
{
	char command[128];

	if (!mkdtemp(work))
		zvm_die("%s: %s", work, strerror(errno));
	snprintf(image, sizeof(image), "%.40s/image", work);
	alarm(ALARM_SECONDS);
	puts("TAP version 13");
	fflush(stdout);
	test_directory();
	test_users();
	test_saved_anew();
	test_killed();
	test_elsewhere();
	test_left();
	test_refused();
	fflush(stdout);
	test_shared();
	snprintf(command, sizeof(command), "rm -rf %.40s", work);
	return system(command) || test_end();
}
