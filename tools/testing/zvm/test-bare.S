/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest without Linux that asks DIAGNOSE X'500' for the storage limit, as a
 * kernel does first that hopes for KVM. z/VM does not know the code. The guest
 * looks at the program interruption, and tells its result by a CP command,
 * GOOD or BAD, which test-rig finds in the transcript.
 */
	.globl	_start
_start:	j	begin
	.org	0x1000			/* QEMU puts a kernel's parameters before */
begin:	larl	%r3, prefix		/* the interruption is to find the prefix area */
	spx	0(%r3)
	larl	%r3, new_psw
	mvc	0x1d0(16), 0(%r3)
	larl	%r5, after
	lghi	%r1, 4
	lghi	%r2, 0
	diag	%r2, %r4, 0x500
after:	j	wrong			/* answered, or no interruption */
handler: larl	%r3, ilc_and_code
	clc	0x8c(4), 0(%r3)
	jne	wrong
	clg	%r5, 0x158		/* old PSW: the next instruction, ... */
	jne	wrong
	tm	0x153, 0x01		/* ... in 64-bit mode */
	jz	wrong
	ltgr	%r2, %r2		/* the limit */
	jnz	wrong
	larl	%r6, good
	j	tell
wrong:	larl	%r6, bad
tell:	lghi	%r7, 4
	diag	%r6, %r7, 8
	larl	%r6, stop
	lpswe	0(%r6)			/* a disabled wait: QEMU ends */
	.balign	8
new_psw: .quad	0x0000000180000000, handler
stop:	.quad	0x0002000180000000, 0
prefix:	.long	0x20000
ilc_and_code: .long 0x00040006		/* specification exception */
good:	.long	0xc7d6d6c4		/* in EBCDIC */
bad:	.long	0xc2c1c440
