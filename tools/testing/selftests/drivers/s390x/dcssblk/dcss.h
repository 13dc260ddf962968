/* SPDX-License-Identifier: GPL-2.0 */
/* All that the DCSS tests share. */
#ifndef DCSS_H
#define DCSS_H

#include "area.h"
#include "blockdev.h"
#include "case.h"
#include "child.h"
#include "files.h"
#include "klog.h"
#include "options.h"
#include "proc.h"
#include "say.h"

#endif
