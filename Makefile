# SPDX-License-Identifier: GPL-2.0
#
# The front door: 'make' does the main job, 'make help' lists the rest.

BASE ?= $(shell cat patches/default)
KERNEL ?=
DEBUG ?=
GROUP :=
export ONLY ?=
N ?= 1000
GUESTS ?= 8
SEED ?=
# Other kernels and machines: what make check-configs is to run.
CONFIGS ?= dcssblk-distro admin-distro pressure-distro zram-distro kaslr-distro \
	$(if $(SUITE),dcssblk-debian admin-debian) pmem-stock pmem-patched dump
# The groups of make check that strain files, where they are to be run.
STRESS = $(if $(GROUP),$(filter stress-%,$(GROUP)),$(filter patched,$(KERNELS)))
JOBS ?= $(shell echo $$(($$(nproc) + 1)))

BASES := $(notdir $(patsubst %/series,%,$(wildcard patches/*/series)))
ifeq ($(filter $(BASE),$(BASES)),)
$(error there is no patches/$(BASE)/series: BASE is one of $(BASES))
endif

O := $(CURDIR)/build
B := $(O)/$(BASE)
# What scripts/series has applied to the patched tree, and when.
APPLIED := $(B)/linux/.series-files
ZVM := tools/testing/zvm
KSELFTEST := tools/testing/selftests/drivers/s390x/dcssblk
PROGRESS := scripts/progress

# What a build must not depend on, or ccache would never hit.
export CCACHE_DIR := $(O)/ccache
# The same cache serves other checkouts, and other trees of this one: these options
# have a tree's name in them, and HOSTCFLAGS keeps it out of generated headers.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_IGNOREOPTIONS := -fmacro-prefix-map=* -Wa,-I*
export KBUILD_BUILD_TIMESTAMP := 1970-01-01
export KBUILD_BUILD_USER := zvm
export KBUILD_BUILD_HOST := zvm
export ZVM_BUILD := $(O)/zvm
export SELFTESTS := $(O)/selftests
export PATH := $(PATH):/usr/sbin:/sbin

# What guests run: from a segment, to strain it, and with make shell.
PROGRAMS := $(O)/userland/bash_perl_python3
export STRAIN := $(O)/userland/bash_coreutils_dash_diffutils_findutils_fio_gdb_grep_linux-perf_mount_python3_sed_stress-ng
# The suite of Debian that has this base, if there is one, and its kernel.
SUITE := $(shell cat patches/$(BASE)/distribution 2>/dev/null)
DISTRIBUTION := $(O)/zvm/kernels/$(SUITE)
# What reads dumps of a guest: as new as the kernel.
NEW_SUITE := $(or $(SUITE),sid)
export CRASH := $(O)/userland/$(NEW_SUITE)/bash_coreutils_crash_dash_mount
packages = $(O)/userland/$(subst $() ,_,$(sort $(1)))
# Not one of the environment's.
ROOT :=
PACKAGES :=
UNPACK_OPTIONS :=
ifneq ($(and $(PACKAGES),$(ROOT)),)
$(error either PACKAGES= or ROOT=: the packages are a root file system)
endif
SHELL_ROOT := $(if $(PACKAGES),$(call packages,bash coreutils dash mount procps $(PACKAGES)))

# For the kernel's own make: guests are s390 but for these.
X86 := ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu-

# The new files of the series, at the path they have in the kernel.
NEW_FILES = $(shell scripts/series adds $(BASE))
KERNELS = $(shell scripts/series kernels $(BASE))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SECONDARY:

all: $(KERNELS:%=$(B)/%/bzImage) rig selftests ## build, boot, mount a DCSS with -o dax, show what works
	@scripts/show $(B) $(BASE)

table: $(KERNELS:%=$(B)/%/bzImage) rig selftests ## what works, into the tables of README and Documentation
	@scripts/show $(B) $(BASE) --write
	@scripts/check-works $(B) $(BASE) --write

ifeq ($(DEBUG),1)
check: $(B)/debug/bzImage rig selftests
	@scripts/check $(B) $(BASE) $(or $(GROUP),dcssblk-debug admin-debug soak-debug)
else
check: $(KERNELS:%=$(B)/%/bzImage) rig selftests $(if $(STRESS),$(STRAIN)/.unpacked) ## pass the tests; the last line counts them (GROUP=, ONLY=)
	@scripts/check $(B) $(BASE) $(GROUP)
endif

check-configs: $(CONFIGS) ## the same for other kernels and machines: CONFIGS=, see below
	@scripts/check $(B) $(BASE) $(CONFIGS)

soak: $(B)/patched/bzImage rig selftests ## N=1000 rounds of random operations on several devices
	@scripts/soak $(B) patched $(N) $(SEED)

mutants: $(B)/patched/bzImage rig selftests ## a kernel without each patch: its test has to fail; hours, goes on where it was
	@ONLY= scripts/mutants $(B) $(BASE) "$(ONLY)"

bench: $(B)/stock/bzImage $(B)/patched/bzImage rig selftests plot-tools $(PROGRAMS)/.unpacked ## what struct pages cost, against stock and the goals (MODES=)
	@scripts/bench $(B) $(BASE) $(PROGRAMS) $(MODES)

xip: $(B)/stock/bzImage $(B)/patched/bzImage rig selftests plot-tools $(PROGRAMS)/.unpacked ## what execute in place saves, with a plot (GUESTS=)
	@scripts/xip $(B) $(PROGRAMS) $(GUESTS)

figures: $(B)/stock/bzImage $(B)/patched/bzImage rig selftests plot-tools $(PROGRAMS)/.unpacked ## bench and xip, into README and Documentation
	@scripts/bench $(B) $(BASE) $(PROGRAMS) || [ $$? = 1 ]
	@scripts/xip $(B) $(PROGRAMS)
	@scripts/figures $(B) $(BASE)

shell: $(B)/patched/bzImage rig selftests $(SHELL_ROOT:%=%/.unpacked) ## an interactive guest with a DCSS (PACKAGES=, ROOT=)
	@scripts/shell $(B) "$(or $(SHELL_ROOT),$(ROOT))"

stock: $(B)/stock/bzImage ## only the stock kernel of BASE
patched: $(B)/patched/bzImage ## only the patched kernel of BASE

tree: $(B)/source/Makefile ## a git tree at build/BASE/git, each patch a commit
	@scripts/series tree $(BASE) $(B)/source $(B)/git

refresh: ## write the commits of that tree back to patches/BASE
	@scripts/series refresh $(BASE) $(B)/git

series: ## mails for the list at build/BASE/mail, signed off by git's identity
	@[ -d $(B)/git ] || $(MAKE) --no-print-directory tree
	@scripts/series mail $(BASE) $(B)/git $(B)/mail

clean: ## remove what was built, keep what was fetched
	rm -rf $(addprefix $(O)/*/,stock patched debug distro debian dump pmem-* linux \
		check check.only mail mutant prefix variants zvm-test.* places.* soak.* stress.*) \
		$(O)/selftests* $(O)/pmem-selftests* $(O)/default $(O)/log

distclean: ## remove build/ altogether
	rm -rf $(O)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  BASE=$(BASE)       the series to work on; there is: $(BASES)"
	@echo "  KERNEL=/path    a source tree of your own instead of Debian's"
	@echo "  JOBS=N          how many compilers at a time"
	@echo "  DEBUG=1         make check with KASAN, kmemleak and lockdep"
	@echo "  GROUP=name      make check: one of scripts/check only"
	@echo "  ONLY=text       make check: cases with that in their name; PROGRAM/text"
	@echo "                  make mutants: patches with that in their name"
	@echo "  CONFIGS=        some of $(CONFIGS)"
	@echo "  PACKAGES=       make shell: Debian's packages that the guest has"
	@echo "  ROOT=           make shell: a directory or an image with its root file system"
	@echo "  GUESTS=$(GUESTS)        how many make xip starts, at most"
	@echo "  N=, SEED=       how many rounds make soak does, and where it begins"

tools:
	@scripts/install-tools $(O)/log/install-tools
plot-tools: tools
	@scripts/install-tools $(O)/log/install-tools bench
pmem-tools: tools
	@scripts/install-tools $(O)/log/install-tools pmem
debian-tools: tools
	@scripts/install-tools $(O)/log/install-tools debian

# The source. A tree of the user's is copied each time it is named: it may
# have changed.
$(B)/source/Makefile: scripts/fetch-source patches/$(BASE)/suites $(if $(KERNEL),FORCE) | tools
	@$(PROGRESS) $(O)/log/fetch-$(BASE) "fetch the source of linux $(BASE)" \
		scripts/fetch-source $(BASE) $(B)/source "$(KERNEL)"
	@touch $@

# The series is applied to a copy that shares unchanged files.
$(APPLIED): $(wildcard patches/$(BASE)/*.patch) patches/$(BASE)/series $(NEW_FILES) scripts/series $(B)/source/Makefile
	@$(PROGRESS) $(O)/log/apply-$(BASE) "apply patches/$(BASE)" \
		scripts/series apply $(BASE) $(B)/source $(B)/linux

$(B)/stock/bzImage: $(B)/source/Makefile
	@scripts/build-kernel $(B)/source $(B)/stock "build stock linux $(BASE)"
$(B)/patched/bzImage: $(APPLIED)
	@scripts/build-kernel $(B)/linux $(B)/patched "build patched linux $(BASE)"
	@ln -sfn $(B)/patched $(O)/default
$(B)/debug/bzImage: $(APPLIED) $(ZVM)/debug.config
	@scripts/build-kernel $(B)/linux $(B)/debug "build debug linux $(BASE)" $(CURDIR)/$(ZVM)/debug.config
$(B)/distro/bzImage: $(APPLIED) $(ZVM)/distro.config
	@scripts/build-kernel $(B)/linux $(B)/distro "build linux $(BASE) as distributions do" $(CURDIR)/$(ZVM)/distro.config
$(B)/dump/bzImage: $(APPLIED) $(ZVM)/dump.config
	@scripts/build-kernel $(B)/linux $(B)/dump "build linux $(BASE) with debug information" $(CURDIR)/$(ZVM)/dump.config
$(B)/debian/bzImage: $(APPLIED) $(ZVM)/debian.config $(DISTRIBUTION)/version | debian-tools
	@WHOLE=$(DISTRIBUTION)/config scripts/build-kernel $(B)/linux $(B)/debian "build linux $(BASE) as Debian does" $(CURDIR)/$(ZVM)/debian.config
$(B)/pmem-stock/bzImage: $(B)/source/Makefile $(ZVM)/pmem.config
	@$(X86) scripts/build-kernel $(B)/source $(B)/pmem-stock "build stock linux $(BASE) for x86" $(CURDIR)/$(ZVM)/pmem.config
$(B)/pmem-patched/bzImage: $(APPLIED) $(ZVM)/pmem.config
	@$(X86) scripts/build-kernel $(B)/linux $(B)/pmem-patched "build patched linux $(BASE) for x86" $(CURDIR)/$(ZVM)/pmem.config
$(addprefix $(B)/,$(addsuffix /bzImage,stock patched debug distro debian dump pmem-stock pmem-patched)): \
	$(ZVM)/guest.config scripts/build-kernel | tools

# A group of check-configs, and the kernel that it boots.
dcssblk-distro admin-distro pressure-distro zram-distro kaslr-distro: $(B)/distro/bzImage rig selftests
dcssblk-debian admin-debian: $(B)/debian/bzImage rig selftests
pmem-stock pmem-patched: %: $(B)/%/bzImage pmem-rig pmem-selftests
dump: $(B)/dump/bzImage rig $(CRASH)/.unpacked

rig: | tools
	@$(PROGRESS) $(O)/log/zvm "build the virtual z/VM" \
		$(MAKE) -C $(ZVM) O=$(O)/zvm

# Debian's kernels, and with them its configuration.
$(O)/zvm/kernels/%/version:
	@mkdir -p $(O)/zvm/kernels
	@$(PROGRESS) $(O)/log/debian-kernel "fetch the kernel of Debian's $*" \
		$(ZVM)/debian-kernel $(@D) $*

# Debian's packages for a guest; the directory is named by them, which have no "_".
$(O)/userland/%/.unpacked: $(ZVM)/unpack-debian
	@mkdir -p $(dir $(@D))
	@rm -rf $(@D)
	@$(PROGRESS) $(O)/log/userland "fetch packages for s390x: $(subst _, ,$(notdir $(@D)))" \
		$(ZVM)/unpack-debian --arch=s390x $(UNPACK_OPTIONS) $(@D) \
		$(subst _, ,$(notdir $(@D)))
	@touch $@
$(CRASH)/.unpacked: UNPACK_OPTIONS := --suites=$(NEW_SUITE) --or=sid
$(STRAIN)/.unpacked: UNPACK_OPTIONS := --or=$(NEW_SUITE) --or=sid

# Once for all kernels, with the newest of the trees that are here.
SELFTEST_TREE = $$(ls -d $(BASES:%=$(O)/%/source) 2>/dev/null | sort -V | tail -n 1)

selftests: $(B)/source/Makefile | tools
	@$(PROGRESS) $(O)/log/selftests "build the selftests" \
		scripts/build-selftests \
		$(SELFTEST_TREE) $(SELFTESTS)

pmem-rig: | pmem-tools
	@$(PROGRESS) $(O)/log/pmem "build the guest with persistent memory" \
		$(MAKE) -C $(ZVM) O=$(O)/pmem GUEST=x86_64

pmem-selftests: $(B)/source/Makefile | pmem-tools
	@$(X86) $(PROGRESS) $(O)/log/pmem-selftests "build the selftests for x86" \
		scripts/build-selftests $(SELFTEST_TREE) $(O)/pmem-selftests

FORCE:
.PHONY: all xip bench check check-configs mutants table shell soak stock patched tree refresh \
	series clean distclean help figures tools rig selftests plot-tools pmem-tools debian-tools pmem-rig \
	pmem-selftests $(CONFIGS) FORCE
