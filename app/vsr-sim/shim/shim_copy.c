/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Copies from and to memory of the program that may not be mapped. */

#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

static int
copy(uintptr_t theirs, void *ours, size_t len, long call)
{
	struct iovec local = { ours, len }, remote = { (void *)theirs, len };
	const int saved = errno;
	/* All arguments are long: the last one is passed on the stack, where the upper half of an
	 * int is undefined. */
	const ssize_t done = syscall(call, syscall(SYS_getpid), &local, 1L, &remote, 1L, 0L);
	const int err = errno;

	errno = saved;
	if (done == (ssize_t)len)
		return 0;
	if (done < 0 && (err == ENOSYS || err == EPERM)) {
		/* The system call is not allowed in this sandbox: access the address directly. */
		if (call == SYS_process_vm_readv)
			memcpy(ours, (const void *)theirs, len);
		else
			memcpy((void *)theirs, ours, len);
		return 0;
	}
	return -EFAULT;
}

int
shim_copy_in(void *to, uintptr_t from, size_t len)
{
	return len == 0 ? 0 : copy(from, to, len, SYS_process_vm_readv);
}

int
shim_copy_out(uintptr_t to, const void *from, size_t len)
{
	return len == 0 ? 0 : copy(to, (void *)(uintptr_t)from, len, SYS_process_vm_writev);
}
