/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_FN_H
#define VSIM_FN_H

/**
 * @file
 * A function, and the NIC to which it belongs.
 *
 * A queue has two structures: struct vsim_queue_cfg holds what the driver programmed, struct
 * vsim_queue is the running queue, made by vsim_queue_activate(). Locks: see vsim_lock.h.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "virtio_spec/admin.h"
#include "virtio_spec/legacy.h"
#include "virtio_spec/net.h"
#include "virtio_spec/pci.h"
#include "virtio_spec/ring.h"
#include "virtio_spec/rules.h"
#include "vsim/vsim.h"
#include "vsim/core/vsim_trip.h"

/** The control queue follows the data queues, admin queues follow the control queue. */
#define VSIM_MAX_QUEUES (2 * VSIM_MAX_QUEUE_PAIRS + 1 + VSIM_MAX_ADMIN_QUEUES)
/** The MSI-X table shares the register page. */
#define VSIM_MAX_VECTORS 128

#define VSIM_CACHE_LINE 64
#define VSIM_BURST 32 /**< Packets per queue and round. */
#define VSIM_ETHER_LEN 14
#define VSIM_ETHER_EXTRA 22 /**< Ethernet header and two VLAN tags, above the MTU. */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define VSIM_INLINE static inline __attribute__((always_inline))
#define VSIM_COLD __attribute__((noinline, cold))

/* Layout of the register page, bytes into VSIM_BAR */
#define VSIM_REG_MSIX_TABLE 0x000
#define VSIM_REG_MSIX_PBA 0x800
#define VSIM_REG_COMMON 0x900
#define VSIM_REG_ISR 0x980
#define VSIM_REG_DEVICE 0x9c0
#define VSIM_REG_LEGACY_WINDOW 0xa00 /**< Only with conf.legacy_alt. */
#define VSIM_REG_LEGACY_PAIR 0xa40

/* A write to one of these words rings the doorbells of all queues of a VF with a legacy driver: one
 * word is on the last doorbell page of the VF, one per VF on the last page of the PF. */
#define VSIM_LEGACY_DOORBELL 0xfc0
#define VSIM_LEGACY_OWNER_DOORBELLS 0xa00
#define VSIM_DOORBELL_PAGE 4096

/** Queue as the driver programmed it. */
struct vsim_queue_cfg {
	uint16_t size; /**< Descriptors; reset value is the maximum. */
	uint16_t vector; /**< VIRTIO_MSI_NO_VECTOR: none. */
	bool enabled;
	uint64_t desc, driver, device; /**< Bus addresses. */
	/** The driver has to read the register back, see vsim_regs.c. */
	bool vector_unread, reset_unread;
};

struct vsim_admin;
struct vsim_dma;
struct vsim_queue;
struct vsim_switch;
struct vsim_wire;
struct vsim_worker;

struct vsim_counters;
struct vsim_rx_filter;

struct vsim_fn {
	struct vsim_nic *nic;
	uint16_t index;

	/* as the driver sees it */
	uint8_t config[PCI_CFG_EXT_SIZE]; /**< PCI configuration space image. */
	uint8_t status;
	uint8_t isr;
	uint8_t config_generation;
	/** Device configuration changed since the driver read config_generation. */
	bool config_stale;
	uint16_t queue_select;
	uint32_t device_feature_select, driver_feature_select;
	struct vsim_features offered, driver, accepted; /**< accepted: frozen at FEATURES_OK. */
	uint16_t config_vector;
	struct vsim_queue_cfg queue_cfg[VSIM_MAX_QUEUES];
	struct virtio_net_config net_config;
	uint8_t msix_table[VSIM_MAX_VECTORS * PCI_MSIX_ENTRY_LEN];
	uint8_t msix_pba[VSIM_MAX_VECTORS / 8]; /**< Set by vsim_irq_raise() for masked vectors. */
	_Atomic bool rx_accept_all; /**< The RX filter accepts all frames now. */
	struct vsim_rx_filter *filter;
	_Atomic uint16_t pairs_in_use; /**< 1 after reset; MQ_VQ_PAIRS_SET changes it. */
	bool link_up; /**< Cable state, with or without VIRTIO_NET_F_STATUS. */
	uint8_t mac[6]; /**< Permanent address; net_config.mac is the one in use. */
	uint16_t mtu; /**< At most that of the configuration. */
	bool status_reread, features_refused, reset_unread, config_vector_unread;
	bool sriov_permitted; /**< SR_IOV was negotiated once, so VF Enable may be set. */
	bool legacy; /**< A legacy driver has programmed the function since its reset. */
	bool stopped; /**< By DEV_MODE_SET: no DMA, no interrupts. */
	/** Stopped, and DEV_PARTS_SET wrote its parts: the queues resume where they were. */
	bool restored;
	/** The configuration interrupt is raised when the function is no longer stopped. */
	bool config_pending;
	uint8_t reset_status; /**< Value of device_status during a slow reset. */
	uint64_t reset_end; /**< End of the slow reset, vsim_clock(); 0: no reset is going on. */
	struct vsim_legacy_regs {
		bool negotiated; /**< The features in accepted are final, so queues can be made. */
		uint8_t mac[6]; /**< Bytes written so far; takes effect with the last byte. */
		uint32_t pfn; /**< The page frame number, as far as it is written. */
		uint32_t alt_address, alt_data; /**< Two-register window. */
	} legacy_regs;
	/** Number of resets. A queue or command with a smaller number was removed by a reset. */
	uint64_t generation;
	struct vsim_admin *admin; /**< NULL: the function cannot have admin queues. */

	/* the running device */
	struct vsim_dma *dma;
	struct vsim_queue *queue[VSIM_MAX_QUEUES]; /**< NULL: not running. */
	uint64_t queue_serial; /**< Serial number of the queue that was activated last. */
	struct vsim_wire *wire;
	unsigned int worker;
	int mem_fd;
	uint64_t mem_size;
	_Atomic uint32_t *doorbells; /**< The doorbell page(s), mapped. */
	int irq_fd[VSIM_MAX_VECTORS]; /**< Per vector; -1: none. */
	uint16_t nb_irq_fds; /**< Number of vectors that are not -1. */
	struct vsim_counters *counters;
};

/** Configuration space of the PF or of VFs: values after reset, and which bits are writable. */
struct vsim_cfg_layout {
	uint8_t image[PCI_CFG_EXT_SIZE];
	uint8_t writable[PCI_CFG_EXT_SIZE];
	uint16_t msix, express, window, sriov; /**< Offsets of capabilities; 0: absent. */
};

struct vsim_nic {
	struct vsim_nic_conf conf;
	pthread_mutex_t lock;
	struct vsim_fn *fns[VSIM_MAX_FNS]; /**< Functions that exist now. */
	/** Functions that ever existed: a VF that was removed keeps its memory and its counters
	 * until the NIC is destroyed, so a late caller can still use its pointer. */
	struct vsim_fn *all[VSIM_MAX_FNS];
	struct vsim_cfg_layout layout[2]; /**< PF, VF. */
	uint16_t nb_vectors;
	uint64_t bar_size, doorbell_len; /**< Bytes; doorbells are whole pages. */
	uint16_t num_vfs; /**< VFs that exist now. */
	struct vsim_worker *workers[VSIM_MAX_WORKERS];
	char *wire_spec[VSIM_MAX_FNS];
	struct vsim_wire *wires[VSIM_MAX_FNS]; /**< Freed with worker 0; NULL: null wire. */
	struct vsim_switch *switches; /**< Switches with members. */
	struct vsim_faults fault; /**< Fault points in force. */
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

/** Features that decide which queues exist. A legacy driver never sets FEATURES_OK. */
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

/** queue_notif_config_data of a queue. It differs from the index of the queue, so that the
 * simulator detects a driver that writes the index. */
static inline uint16_t
vsim_queue_notif_data(uint16_t qi)
{
	return qi + 0x100;
}

/* ---------------------------------------------------------------- counters */

/** Counters of a queue; the worker writes them, any thread reads them with relaxed loads. */
struct vsim_queue_counters {
	uint64_t doorbells, doorbells_spurious; /**< spurious: the ring had no new buffer. */
	uint64_t descriptors; /**< Ring descriptors taken. */
	uint64_t packets, bytes;
	uint64_t interrupts;
	uint64_t drop_no_buffer; /**< RX: no buffer was announced. */
	uint64_t drop_too_big; /**< RX: does not fit; TX: longer than allowed. */
	uint64_t drop_malformed; /**< TX: bad header or chain. */
	uint64_t drop_wire; /**< TX: the wire did not take the frame. */
};

struct vsim_counters {
	struct vsim_queue_counters queue[VSIM_MAX_QUEUES];
	uint64_t drop_filtered, drop_link_down, drop_queue_off;
	uint64_t wire_bad; /**< TX: frames that the check of a gen wire found to be altered. */
	uint64_t wire_late; /**< RX: frames that a gen wire did not send because it was late. */
	uint64_t dma_faults, resets, config_interrupts, register_reads, register_writes;
	uint64_t ctrl_commands, ctrl_errors;
	/** Doorbells for all queues, rung on the page of the VF and on that of the PF; accesses by
	 * the window and by the register pair. */
	uint64_t legacy_doorbells, legacy_owner_doorbells, legacy_window, legacy_pair;
	uint64_t legacy_accesses; /**< Reads and writes of legacy registers, by all ways. */
	/** Administration commands executed, by opcode; commands of an unknown opcode; commands
	 * that did not end with OK. */
	uint64_t admin[VIRTIO_ADMIN_NB_OPCODES], admin_unknown, admin_errors;
	uint64_t violations[VIRTIO_RULE_END]; /**< By the number of the rule. */
	uint32_t trips[VSIM_TRIP_BUCKETS]; /**< Round trips of gen wires with trip=1, by time. */
};

/** Add to a counter that has one writer. */
VSIM_INLINE void
vsim_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** Count a rare event. Any thread. */
static inline void
vsim_fn_count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- properties of a function */

/** Number of queues with the features in force (before FEATURES_OK: with all offered features),
 * without admin queues. */
static inline uint16_t
vsim_fn_nb_queues(const struct vsim_fn *fn)
{
	uint16_t ctrl = vsim_fn_ctrl_index(fn);

	return ctrl == VSIM_MAX_QUEUES ? 2 * vsim_fn_queue_pairs(fn) : ctrl + 1;
}

/** Number of queues when the driver accepts all features: the largest value of num_queues. */
static inline uint16_t
vsim_fn_queues_offered(const struct vsim_fn *fn)
{
	uint16_t pairs = vsim_features_has(&fn->offered, VIRTIO_NET_F_MQ) ?
			fn->nic->conf.queue_pairs :
			1;

	return 2 * pairs + vsim_features_has(&fn->offered, VIRTIO_NET_F_CTRL_VQ);
}

/** Number of admin queues: virtio 1.4 4.1.4.3.1: 0 unless the driver accepted ADMIN_VQ. */
static inline uint16_t
vsim_fn_nb_admin_queues(const struct vsim_fn *fn)
{
	if (!(fn->status & VIRTIO_STATUS_FEATURES_OK) ||
			!vsim_features_has(&fn->accepted, VIRTIO_F_ADMIN_VQ))
		return 0;
	return fn->nic->conf.admin_queues;
}

/** Index of the first admin queue, above all other queues that a driver can have;
 * VSIM_MAX_QUEUES: there is none. */
static inline uint16_t
vsim_fn_admin_index(const struct vsim_fn *fn)
{
	return vsim_fn_nb_admin_queues(fn) > 0 ? vsim_fn_queues_offered(fn) : VSIM_MAX_QUEUES;
}

/** Multiplier of the notify capability. */
static inline uint32_t
vsim_notify_multiplier(const struct vsim_nic *nic)
{
	return nic->conf.page_per_vq ? VSIM_DOORBELL_PAGE : sizeof(uint32_t);
}

/** queue_notify_off of a queue. */
static inline uint16_t
vsim_queue_notify_off(const struct vsim_nic *nic, uint16_t qi)
{
	/* Doorbells of a queue pair share a cache line, so that one transfer carries both. */
	const uint16_t line = VSIM_CACHE_LINE / sizeof(uint32_t);

	return nic->conf.page_per_vq ? qi : qi / 2 * line + qi % 2;
}

/** Offset of the doorbell of a queue in the doorbell memory, bytes. */
static inline uint64_t
vsim_queue_doorbell_offset(const struct vsim_nic *nic, uint16_t qi)
{
	return (uint64_t)vsim_queue_notify_off(nic, qi) * vsim_notify_multiplier(nic);
}

/** The doorbell word of a queue. */
static inline _Atomic uint32_t *
vsim_queue_doorbell_word(const struct vsim_fn *fn, uint16_t qi)
{
	return &fn->doorbells[vsim_queue_doorbell_offset(fn->nic, qi) / sizeof(uint32_t)];
}

/** Offset of a word on the last doorbell page. With page_per_vq no doorbell of a queue is on this
 * page. */
static inline uint64_t
vsim_legacy_doorbell(const struct vsim_nic *nic, uint32_t word)
{
	return nic->doorbell_len - VSIM_DOORBELL_PAGE + word;
}

/** Layout of the configuration space of the function. */
static inline const struct vsim_cfg_layout *
vsim_fn_layout(const struct vsim_fn *fn)
{
	return &fn->nic->layout[fn->index > 0];
}

/** The function is a PF with the SR-IOV capability. */
static inline bool
vsim_fn_has_sriov(const struct vsim_fn *fn)
{
	return vsim_fn_layout(fn)->sriov != 0;
}

/** Longest frame that is not dropped, in both directions. */
VSIM_INLINE uint32_t
vsim_fn_max_frame(const struct vsim_fn *fn)
{
	return fn->mtu + VSIM_ETHER_EXTRA;
}

/** The data plane serves the queues of the function. */
VSIM_INLINE bool
vsim_fn_running(const struct vsim_fn *fn)
{
	if (unlikely(fn->legacy | fn->stopped))
		/* virtio 1.4 3.1.2: a legacy driver may use its queues before DRIVER_OK. */
		return !fn->stopped && !(fn->status & VIRTIO_STATUS_NEEDS_RESET);
	return (fn->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
			VIRTIO_STATUS_DRIVER_OK;
}

#endif /* VSIM_FN_H */
