/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Interrupts of a function: VFIO_DEVICE_SET_IRQS and the MSI-X table. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/base_eventfd.h"
#include "host_cfg.h"
#include "host_fn.h"
#include "host_irq.h"

/* Address of interrupt messages: any address in the x86 window will do. */
#define MSI_ADDRESS 0xfee00000u

uint32_t
host_irq_count(const struct host_fn *fn, uint32_t index)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX && fn->pf != NULL)
		return 0; /* PCIe 9.3.4.1.18: a VF has no interrupt pin. */
	if (index == VFIO_PCI_ERR_IRQ_INDEX)
		return fn->express_cap != 0;
	if (index == VFIO_PCI_REQ_IRQ_INDEX)
		return 1;
	return fn->irqs[index].count;
}

void
host_irq_msix_program(struct host_fn *fn)
{
	uint16_t control;

	if (fn->msix_cap == 0)
		return;
	control = host_cfg_read(fn, fn->msix_cap + PCI_MSIX_CTRL, 2);
	control &= ~(PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK);
	for (uint32_t v = 0; v < fn->nb_vectors; v++) {
		const uint8_t entry[PCI_MSIX_ENTRY_LEN] = { MSI_ADDRESS & 0xff,
			(MSI_ADDRESS >> 8) & 0xff, (MSI_ADDRESS >> 16) & 0xff, MSI_ADDRESS >> 24, 0,
			0, 0, 0, v & 0xff, v >> 8, 0, 0, 0, 0, 0, 0 };

		/* Word by word, as a processor writes the table; the mask bit comes last. */
		for (unsigned int w = 0; w < PCI_MSIX_ENTRY_LEN; w += 4)
			host_fn_write(fn, fn->msix_bar, fn->msix_table + v * PCI_MSIX_ENTRY_LEN + w,
					entry + w, 4);
	}
	if (fn->nb_vectors != 0)
		control |= PCI_MSIX_CTRL_ENABLE;
	host_cfg_write(fn, fn->msix_cap + PCI_MSIX_CTRL, 2, control);
}

static void
msix_disable(struct host_fn *fn)
{
	if (fn->nb_vectors == 0)
		return;
	host_fn_irq_set_fds(fn, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	fn->nb_vectors = 0;
	host_irq_msix_program(fn);
}

void
host_irq_disable_all(struct host_fn *fn)
{
	msix_disable(fn);
	for (uint32_t i = 0; i < VFIO_PCI_ERR_IRQ_INDEX; i++)
		if (fn->irqs[i].count != 0 && i != VFIO_PCI_MSIX_IRQ_INDEX)
			host_fn_irq_set_fds(fn, i, 0, 0, NULL);
	if (fn->req_fd >= 0)
		close(fn->req_fd);
	if (fn->err_fd >= 0)
		close(fn->err_fd);
	fn->req_fd = fn->err_fd = -1;
}

int
host_irq_signal(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	/* A full counter is signalled already, and a write could block. */
	if (poll(&ready, 1, 0) != 1)
		return 0;
	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

/* REQ and ERR are interrupts of the host, which keeps their event descriptors itself. */
static int
set_system_irq(int *kept, const struct vfio_irq_set *set, const int *fds)
{
	int fd = -1;

	if (set->start != 0 || set->count > 1)
		return -EINVAL;
	if ((set->flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0) {
		if (set->count != 1)
			return -EINVAL;
		if (fds[0] >= 0) {
			fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return -errno;
		}
	} else if ((set->flags & VFIO_IRQ_SET_DATA_NONE) == 0 || *kept < 0) {
		return -EINVAL;
	} else if (set->count == 1) {
		return host_irq_signal(*kept); /* Programs use this to test the interrupt. */
	}
	if (*kept >= 0)
		close(*kept);
	*kept = fd;
	return 0;
}

static int
set_vectors(struct host_fn *fn, const struct vfio_irq_set *set, const int *fds)
{
	int ret = host_fn_irq_set_fds(fn, set->index, set->start, set->count, fds);

	if (ret != 0)
		return ret;
	if (set->index == VFIO_PCI_MSIX_IRQ_INDEX && set->start + set->count > fn->nb_vectors) {
		fn->nb_vectors = set->start + set->count;
		host_irq_msix_program(fn);
	}
	return 0;
}

static int
trigger_vectors(struct host_fn *fn, const struct vfio_irq_set *set, const uint8_t *flags)
{
	int ret = 0;

	for (uint32_t i = 0; i < set->count && ret == 0; i++)
		if (flags == NULL || flags[i] != 0)
			ret = host_fn_irq_trigger(fn, set->index, set->start + i);
	return ret;
}

int
host_irq_set(struct host_fn *fn, const uint8_t *data, size_t len, const int *fds,
		unsigned int nb_fds)
{
	const uint32_t kind_mask = VFIO_IRQ_SET_DATA_TYPE_MASK;
	int picked[VUSER_MAX_VECTORS];
	struct vfio_irq_set set;
	uint32_t max, kind;
	size_t each;

	if (len < sizeof(set))
		return -EINVAL;
	memcpy(&set, data, sizeof(set));
	data += sizeof(set);
	len -= sizeof(set);
	/* vfio_set_irqs_validate_and_prepare() */
	if (set.argsz < sizeof(set) || set.index >= VFIO_PCI_NUM_IRQS ||
			(set.flags & ~(kind_mask | VFIO_IRQ_SET_ACTION_TYPE_MASK)) != 0)
		return -EINVAL;
	max = host_irq_count(fn, set.index);
	if (set.start >= max || set.count > max - set.start || set.count > VUSER_MAX_VECTORS)
		return -EINVAL;
	kind = set.flags & kind_mask;
	each = kind == VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(int32_t) : kind == VFIO_IRQ_SET_DATA_BOOL;
	if ((kind & (kind - 1)) != 0 || kind == 0 || len < each * set.count ||
			(each != 0 && set.count == 0))
		return -EINVAL;
	picked[0] = -1;
	for (uint32_t i = 0; kind == VFIO_IRQ_SET_DATA_EVENTFD && i < set.count; i++) {
		int32_t number;

		memcpy(&number, data + i * sizeof(number), sizeof(number));
		if (number < -1 || (number >= 0 && (unsigned int)number >= nb_fds))
			return -EINVAL;
		picked[i] = number < 0 ? -1 : fds[number];
		if (picked[i] >= 0 && !base_is_eventfd(picked[i]))
			return -EINVAL;
	}
	if ((set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY; /* Like Linux: MSI-X, REQ and ERR cannot be masked. */
	if (set.index == VFIO_PCI_REQ_IRQ_INDEX)
		return set_system_irq(&fn->req_fd, &set, picked);
	if (set.index == VFIO_PCI_ERR_IRQ_INDEX)
		return set_system_irq(&fn->err_fd, &set, picked);
	if (kind == VFIO_IRQ_SET_DATA_EVENTFD)
		return set_vectors(fn, &set, picked);
	if (set.count == 0) {
		if (set.index == VFIO_PCI_MSIX_IRQ_INDEX)
			msix_disable(fn);
		else
			host_fn_irq_set_fds(fn, set.index, 0, 0, NULL);
		return 0;
	}
	return trigger_vectors(fn, &set, kind == VFIO_IRQ_SET_DATA_BOOL ? data : NULL);
}
