/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/**
 * @file
 * Interrupts: vectors connected to eventfds. Masks and pending bits stand in the MSI-X table of
 * the register half. virtio 1.4 4.1.5.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "vsim/ring/vsim_walk.h"

/** Only eventfds: a write to anything else might block, or do worse. */
static bool
is_eventfd(int fd)
{
	char path[32], name[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = '\0';
	return strcmp(name, "anon_inode:[eventfd]") == 0;
}

static void
signal_fd(int fd)
{
	struct pollfd full = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	/* An eventfd at its limit would block whoever writes; it has been signalled well enough.
	 * Its flags belong to the driver, so it cannot simply be made non-blocking. */
	if (poll(&full, 1, 0) != 1 || !(full.revents & POLLOUT))
		return;
	if (write(fd, &one, sizeof(one)) < 0)
		return; /* Nothing to be done; the driver polls or misses it. */
}

void
vsim_irq_raise(struct vsim_fn *fn, uint16_t vector)
{
	if (vector >= fn->nic->nb_vectors)
		return;
	if (vsim_msix_masked(fn, vector)) {
		fn->msix_pba[vector / 8] |= 1u << vector % 8;
		return;
	}
	if (fn->irq_fd[vector] >= 0)
		signal_fd(fn->irq_fd[vector]);
}

void
vsim_queue_irq(struct vsim_queue *q)
{
	struct vsim_fn *fn = q->fn;

	vsim_count(&q->ctr->interrupts, 1);
	if (!vsim_msix_on(fn)) {
		fn->isr |= VIRTIO_PCI_ISR_QUEUE; /* 4.1.4.5.1 */
		return;
	}
	vsim_irq_raise(fn, fn->queue_cfg[q->qi].vector);
}

int
vsim_fn_irq_set(struct vsim_fn *fn, uint16_t vector, int eventfd)
{
	int fd = -1;

	if (vector >= fn->nic->nb_vectors)
		return -EINVAL;
	if (eventfd >= 0) {
		if (!is_eventfd(eventfd))
			return -EINVAL;
		fd = fcntl(eventfd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	}
	vsim_nic_lock(fn->nic);
	if (fn->irq_fd[vector] >= 0) {
		close(fn->irq_fd[vector]);
		fn->nb_irq_fds--;
	}
	fn->irq_fd[vector] = fd;
	if (fd >= 0)
		fn->nb_irq_fds++;
	vsim_msix_connect(fn, vector, fd >= 0);
	vsim_nic_unlock(fn->nic);
	return 0;
}

int
vsim_fn_irq_trigger(struct vsim_fn *fn, uint16_t vector)
{
	if (vector >= fn->nic->nb_vectors)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	vsim_irq_raise(fn, vector);
	vsim_nic_unlock(fn->nic);
	return 0;
}
