/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PRIV_H
#define VSIM_PRIV_H

/**
 * @file
 * What the files of the software NIC share among themselves.
 *
 * Two halves meet here. The register half (vsim_nic.c, vsim_config.c, vsim_regs.c, vsim_ctrl.c,
 * vsim_admin*.c, vsim_legacy*.c, vsim_stats.c, vsim_profile.c) holds what the driver programmed.
 * The data half (vsim_dma.c, vsim_queue.c, the ring headers, vsim_rxtx.c, vsim_worker.c,
 * vsim_wire*.c) runs it. A queue is two things: struct vsim_queue_cfg as programmed, and struct
 * vsim_queue as running, made only by vsim_queue_activate().
 *
 * Locks: nic->lock serialises all that changes state. A worker runs its poll with the worker's
 * own lock; vsim_nic_lock() takes nic->lock and then stops every worker, so whoever holds it may
 * change anything the data plane reads. Workers never take nic->lock. A control command runs in
 * the worker of its function, under that worker's lock: register access cannot happen meanwhile,
 * and what other workers may read at that time (RX filter, queue pairs) is made of atomics. An
 * administration command may change any function, so the worker lets go of its own lock and takes
 * the NIC's for it, as a register access does.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "virtio_spec/admin.h"
#include "virtio_spec/legacy.h"
#include "virtio_spec/net.h"
#include "virtio_spec/pci.h"
#include "virtio_spec/ring.h"
#include "vsim/vsim.h"
#include "vsim/core/vsim_trip.h"

/** The control queue stands behind the data queues, admin queues behind that. */
#define VSIM_MAX_QUEUES (2 * VSIM_MAX_QUEUE_PAIRS + 1 + VSIM_MAX_ADMIN_QUEUES)
/** The MSI-X table shares the register page. */
#define VSIM_MAX_VECTORS 128

/* Layout of the register page, bytes into VSIM_BAR */
#define VSIM_REG_MSIX_TABLE 0x000
#define VSIM_REG_MSIX_PBA 0x800
#define VSIM_REG_COMMON 0x900
#define VSIM_REG_ISR 0x980
#define VSIM_REG_DEVICE 0x9c0
#define VSIM_REG_LEGACY_WINDOW 0xa00 /**< Only with conf.legacy_alt. */
#define VSIM_REG_LEGACY_PAIR 0xa40

/* Words of the doorbell page that stand for all queues of a VF with a legacy driver: one of its
 * own, and one per VF on the page of the PF. */
#define VSIM_LEGACY_DOORBELL 0xfc0
#define VSIM_LEGACY_OWNER_DOORBELLS 0xa00

/** Queue as the driver programmed it. */
struct vsim_queue_cfg {
	uint16_t size; /**< Descriptors; reset value is the maximum. */
	uint16_t vector; /**< VIRTIO_MSI_NO_VECTOR: none. */
	bool enabled;
	bool resetting; /**< queue_reset reads 1. */
	uint64_t desc, driver, device; /**< Bus addresses. */
	bool vector_unread, reset_unread; /**< The driver owes a read, see vsim_regs.c. */
};

/** Running queue: opaque to the register half. */
struct vsim_queue;

struct vsim_wire;

struct vsim_fn {
	struct vsim_nic *nic;
	uint16_t index;

	/* register half */
	uint8_t config[PCI_CFG_EXT_SIZE]; /**< PCI configuration space image. */
	uint8_t status;
	uint8_t isr;
	uint8_t generation;
	bool generation_stale; /**< Device configuration changed since the driver last read it. */
	uint16_t queue_select;
	uint32_t device_feature_select, driver_feature_select;
	struct vsim_features offered, driver, accepted; /**< accepted: frozen at FEATURES_OK. */
	uint16_t config_vector;
	struct vsim_queue_cfg queue_cfg[VSIM_MAX_QUEUES];
	struct virtio_net_config net_config;
	uint8_t msix_table[VSIM_MAX_VECTORS * PCI_MSIX_ENTRY_LEN];
	uint8_t msix_pba[VSIM_MAX_VECTORS / 8]; /**< Set by vsim_irq_raise() for masked vectors. */
	_Atomic bool rx_accept_all; /**< No RX filter at all just now. */
	struct vsim_rx_filter *filter;
	_Atomic uint16_t pairs_in_use; /**< 1 after reset; then as MQ_VQ_PAIRS_SET said. */
	bool link_up; /**< Cable state, with or without VIRTIO_NET_F_STATUS. */
	uint8_t mac[6]; /**< Permanent address; net_config.mac is the one in use. */
	bool status_reread, features_refused, reset_unread, config_vector_unread;
	bool sriov_permitted; /**< SR_IOV was negotiated once: VF Enable is legal from then on. */
	bool legacy; /**< Since its reset it was programmed through legacy registers. */
	bool stopped; /**< By DEV_MODE_SET: no DMA, no interrupts. */
	bool restored; /**< Stopped, and its parts were written: queues go on where they were. */
	bool config_owed; /**< Configuration interrupt that waits for the end of that. */
	uint8_t reset_status; /**< What the status reads as while a slow reset lasts. */
	uint64_t reset_end; /**< When it ends, vsim_clock(); 0: none is going on. */
	struct vsim_legacy_regs {
		bool negotiated; /**< Features in accepted are final enough to make queues of. */
		uint8_t mac[6]; /**< As written so far; counts once the last byte is. */
		uint32_t pfn; /**< Bytes of a frame number that is being written. */
		uint32_t alt_address, alt_data; /**< Two-register window. */
	} legacy_regs;
	struct vsim_admin *admin; /**< Of a function that may have admin queues, else NULL. */

	/* data half */
	struct vsim_dma *dma;
	struct vsim_queue *queue[VSIM_MAX_QUEUES]; /**< NULL: not running. */
	struct vsim_wire *wire;
	unsigned int worker;
	int mem_fd;
	uint64_t mem_size;
	_Atomic uint32_t *doorbells; /**< The doorbell page(s), mapped. */
	int irq_fd[VSIM_MAX_VECTORS]; /**< Per vector; -1: none. */
	uint16_t nb_irq_fds; /**< How many are not -1. */
	struct vsim_counters *counters; /**< Of the register half, before vsim_fn_data_init(). */
};

/** Configuration space of a kind of function: values after reset, and which bits are writable. */
struct vsim_cfg_layout {
	uint8_t image[PCI_CFG_EXT_SIZE];
	uint8_t writable[PCI_CFG_EXT_SIZE];
	uint16_t msix, express, window, sriov; /**< Where capabilities are; 0: absent. */
};

struct vsim_nic {
	struct vsim_nic_conf conf;
	pthread_mutex_t lock;
	struct vsim_fn *fns[VSIM_MAX_FNS]; /**< Those that exist now. */
	/** Those that ever existed: a VF that went keeps its memory (and its counters) until the
	 * NIC is destroyed, so a caller that is late with it does no harm. */
	struct vsim_fn *all[VSIM_MAX_FNS];
	struct vsim_cfg_layout layout[2]; /**< PF, VF. */
	uint16_t nb_vectors;
	uint64_t bar_size;
	uint16_t num_vfs; /**< That exist now. */
	struct vsim_worker *workers[VSIM_MAX_WORKERS];
	char *wire_spec[VSIM_MAX_FNS];
	struct vsim_wire *wires[VSIM_MAX_FNS]; /**< Gone with worker 0; NULL: null wire. */
	struct vsim_switch *switches; /**< Data half: those with members. */
	struct vsim_faults fault; /**< As of now. */
	vsim_vfs_changed vfs_changed;
	void *vfs_changed_arg;
};

static inline bool
vsim_features_has(const struct vsim_features *f, unsigned int bit)
{
	return (f->w[bit / 64] >> (bit % 64)) & 1;
}

static inline void
vsim_features_put(struct vsim_features *f, unsigned int bit, bool on)
{
	if (on)
		f->w[bit / 64] |= UINT64_C(1) << (bit % 64);
	else
		f->w[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/** Features that decide which queues there are: a legacy driver never says FEATURES_OK. */
static inline const struct vsim_features *
vsim_fn_features(const struct vsim_fn *fn)
{
	return (fn->status & VIRTIO_STATUS_FEATURES_OK) || fn->legacy_regs.negotiated ?
			&fn->accepted :
			&fn->offered;
}

/** Queue pairs that exist: virtio 1.4 5.1.2: one, unless MQ was accepted. */
static inline uint16_t
vsim_fn_queue_pairs(const struct vsim_fn *fn)
{
	const struct vsim_features *f = vsim_fn_features(fn);

	return vsim_features_has(f, VIRTIO_NET_F_MQ) ? fn->nic->conf.queue_pairs : 1;
}

/** Index of the control queue; VSIM_MAX_QUEUES when there is none. */
static inline uint16_t
vsim_fn_ctrl_index(const struct vsim_fn *fn)
{
	const struct vsim_features *f = vsim_fn_features(fn);

	return vsim_features_has(f, VIRTIO_NET_F_CTRL_VQ) ? 2 * vsim_fn_queue_pairs(fn) :
							    VSIM_MAX_QUEUES;
}

/** queue_notif_config_data of a queue: never its index, to catch drivers that take that. */
static inline uint16_t
vsim_queue_notif_data(uint16_t qi)
{
	return qi + 0x100;
}

/** The driver masked the vector, in its table entry or for the whole function. A vector that was
 * never connected starts masked; vsim_fn_irq_set() clears and sets the bit by
 * vsim_msix_connect(), as the operating system's MSI-X code would through the table. */
bool vsim_msix_masked(const struct vsim_fn *fn, uint16_t vector);
/** An eventfd was connected to the vector, or taken away. */
void vsim_msix_connect(struct vsim_fn *fn, uint16_t vector, bool connected);

/* Workers, given by the data half. Neither is called with the lock held. */
int vsim_worker_create(struct vsim_nic *nic, unsigned int w);
void vsim_worker_destroy(struct vsim_nic *nic, unsigned int w);

/** Take the NIC's lock and stop its workers: afterwards the caller may change anything. */
void vsim_nic_lock(struct vsim_nic *nic);
void vsim_nic_unlock(struct vsim_nic *nic);

/* ------------------------------------------------ given by the data half, called under the lock */

/**
 * Allocate and free what the data half keeps per function (DMA map, doorbell memory, the wire
 * that nic->wire_spec[] asks for). Once per function: a VF that goes is reset, unmapped and
 * disconnected by the public calls, and found again when VF Enable is set next time.
 * mem_size must come out equal for all functions of a NIC. On failure nothing is left allocated.
 */
int vsim_fn_data_init(struct vsim_fn *fn);
void vsim_fn_data_free(struct vsim_fn *fn);

/**
 * Make the queue of fn->queue_cfg[qi] run. Checks addresses, alignment and DMA map.
 * @return 0, -EINVAL, -EFAULT (outside the DMA map; counted, see vsim_fn_broken()), -ENOMEM.
 */
int vsim_queue_activate(struct vsim_fn *fn, uint16_t qi);
/** Split rings: all that was made available until the used index was used, no more. */
void vsim_queue_resume(struct vsim_fn *fn, uint16_t qi);
/** Stop and forget a queue; nothing of the ring is touched any more. Idle if not running. */
void vsim_queue_deactivate(struct vsim_fn *fn, uint16_t qi);
/** The driver wrote a doorbell by register access rather than by the mapped page. */
void vsim_queue_ring(struct vsim_fn *fn, uint64_t doorbell_offset, uint32_t value,
		unsigned int width);
/** queue_notify_off of a queue, and the multiplier of the notify capability. */
uint16_t vsim_queue_notify_off(uint16_t qi);
#define VSIM_NOTIFY_MULTIPLIER 4

/** The driver wrote the doorbell of all queues; from the function's worker or under the lock. */
void vsim_queues_ring(struct vsim_fn *fn, uint16_t named);

/** Bytes mapped for DMA now. */
uint64_t vsim_dma_bytes(const struct vsim_fn *fn);

/** Signal a vector (VIRTIO_MSI_NO_VECTOR: nothing); masked ones stay pending (msix_pba). From a
 * worker or under the lock. */
void vsim_irq_raise(struct vsim_fn *fn, uint16_t vector);

/** A request taken from a queue: all its readable bytes, then all its writable bytes. */
struct vsim_chain {
	uint16_t id; /**< Head index (split) or buffer id (packed). */
	uint16_t nb_descs; /**< Ring slots it took. */
	uint32_t readable_len, writable_len; /**< Bytes. */
	unsigned int nb_segs, nb_readable_segs;
	struct vsim_seg {
		uint8_t *ptr;
		uint32_t len;
	} segs[256];
	uint64_t iovas[256]; /**< Bus addresses of segs, for who keeps the chain for long. */
};
/**
 * Take the next request of a control-like queue.
 * @return 1, 0 (none), or -errno (queue broken).
 */
int vsim_chain_pop(struct vsim_queue *q, struct vsim_chain *chain);
/** Copy from the readable part; what is not there reads as zero. @return bytes that were there. */
size_t vsim_chain_read(const struct vsim_chain *chain, size_t offset, void *buf, size_t len);
/** Copy into the writable part; what does not fit is dropped. @return bytes written. */
size_t vsim_chain_write(const struct vsim_chain *chain, size_t offset, const void *buf, size_t len);
/** Where its writable part stands now, after some time. @return 0, or -EFAULT (queue dead). */
int vsim_chain_relocate(struct vsim_queue *q, struct vsim_chain *chain);
/** Give it back with this used length, and interrupt if the driver wants it. */
void vsim_chain_push(struct vsim_queue *q, const struct vsim_chain *chain, uint32_t written);

/* ------------------------------------------------ given by the register half */

/** Serve the control queue; called by the worker after its doorbell.
 * @return true when it stopped at its bound and wants another round. */
bool vsim_ctrl_run(struct vsim_fn *fn, struct vsim_queue *q);

/** A doorbell of an admin queue was taken, or an answer of one is due: from the worker, cheap.
 * @return true when vsim_admin_run() has something to do. */
bool vsim_admin_due(const struct vsim_fn *fn, bool rung);
/** Serve the admin queues of a function, with the NIC's lock held: commands reach any function.
 * @return commands begun and ended. */
unsigned int vsim_admin_run(struct vsim_fn *fn);
/** An admin queue is no more: whatever came by it is not answered. */
void vsim_admin_queue_gone(struct vsim_fn *fn, uint16_t qi);

/** The full RX filter; use vsim_filter_accept(). */
bool vsim_filter_check(const struct vsim_fn *fn, const uint8_t *frame);

/** RX mode, MAC and VLAN filters for a frame (at least 18 readable bytes). Lock free. */
static inline bool
vsim_filter_accept(const struct vsim_fn *fn, const uint8_t *frame)
{
	return atomic_load_explicit(&fn->rx_accept_all, memory_order_relaxed) ||
			vsim_filter_check(fn, frame);
}

/** The driver broke a rule: count it. rule is the number of the conformance list, C029 -> 29. */
void vsim_fn_violation(struct vsim_fn *fn, unsigned int rule);
/** An error that needs a reset: set NEEDS_RESET and notify. From the function's worker or under
 * the lock. The queues stay allocated until the reset (the caller may be in the middle of one);
 * a worker leaves a function alone whose status has NEEDS_RESET. */
void vsim_fn_broken(struct vsim_fn *fn);

/* ------------------------------------------------ counters, written by whoever sees the event */

/** Per virtqueue; one writer (the worker), read by anyone with relaxed loads. */
struct vsim_queue_counters {
	uint64_t doorbells, doorbells_spurious; /**< spurious: nothing new was there. */
	uint64_t descriptors; /**< Ring descriptors taken. */
	uint64_t packets, bytes;
	uint64_t interrupts;
	uint64_t drop_no_buffer; /**< RX: no buffer posted (or not rung for). */
	uint64_t drop_too_big; /**< RX: does not fit; TX: longer than allowed. */
	uint64_t drop_malformed; /**< TX: bad header or chain. */
	uint64_t drop_wire; /**< TX: the wire could not take it. */
};

#define VSIM_RULES 171
struct vsim_counters {
	struct vsim_queue_counters queue[VSIM_MAX_QUEUES];
	uint64_t drop_filtered, drop_link_down, drop_queue_off;
	uint64_t wire_bad; /**< TX: frames that the check of a gen wire found altered. */
	uint64_t dma_faults, resets, config_interrupts, register_reads, register_writes;
	uint64_t ctrl_commands, ctrl_errors;
	/** Doorbells that stand for all queues, by page; accesses by each alternative. */
	uint64_t legacy_doorbells, legacy_owner_doorbells, legacy_window, legacy_pair;
	uint64_t legacy_accesses; /**< Reads and writes of legacy registers, by whatever way. */
	/** Administration commands carried out, by opcode, and of all that did not end with OK. */
	uint64_t admin[VIRTIO_ADMIN_NB_OPCODES], admin_unknown, admin_errors;
	uint64_t violations[VSIM_RULES];
	uint32_t trips[VSIM_TRIP_BUCKETS]; /**< Round trips by time: gen wires with trip=1. */
};

#endif /* VSIM_PRIV_H */
