/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A guest sends numbered packets to itself through a VF, directly and through the relay of
 * vdpa_vsr, while the way changes all the time. The guest is the driver side of lib/virtio in
 * memory of its own, which the VF has at other addresses than this process.
 */

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../drivers/vdpa/vsr/ring/vdpa_relay.h"
#include "test/fixture/rig.h"
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"

#define GPA UINT64_C(0x4000000000) /* Guest physical address of the memory of the guest. */
#define SHADOW_IOVA UINT64_C(0x7000000000) /* Of the shadow rings. */
#define SIZE_MAX_TESTED 256
#define HDR 12
#define PAYLOAD_MAX 600
#define RX_LEN_MRG 200 /* Of a buffer, with MRG_RXBUF. */
#define NB_SLOTS (2 * SIZE_MAX_TESTED) /* Buffers of a queue; chains take more descriptors. */
#define SLOT_LEN 2048
#define SEGS_MAX 4

enum { RX, TX, NB_QUEUES };

/* ------------------------------------------------------------------ memory of the guest */

/* What a guest has in its memory. */
struct guest_mem {
	_Alignas(4096) uint8_t rings[NB_QUEUES][64 * 1024];
	_Alignas(4096) uint8_t bufs[NB_QUEUES][NB_SLOTS][SLOT_LEN];
	_Alignas(4096) uint8_t tables[NB_QUEUES][NB_SLOTS][SEGS_MAX * 16];
};

/* What one case needs. */
struct kind {
	bool packed, in_order, event_idx, indirect, mrg; /* Features of the guest. */
	bool vf_packed, shuffled, strict;
	bool log; /* The pages that the relay writes are logged. */
	bool kill; /* The bridge dies without a chance to look at the shadow rings. */
	uint16_t size, vf_size;
	enum vdpa_order order; /* What the takeover is told of a VF without IN_ORDER. */
	unsigned int nb_steps;
	const char *name;
};

static _Alignas(4096) uint8_t shadow_mem[NB_QUEUES][64 * 1024];
static struct rig rig;
static struct kind kind;
static unsigned int seed;

static unsigned int
random_below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

/* ------------------------------------------------------------------ state */

struct queue {
	struct vio_virtq *vq; /* Of the guest. */
	const struct vio_ring_ops *ops;
	struct vdpa_gring_conf ring;
	struct vio_virtq *shadow;
	struct vdpa_relay *relay;
	uint16_t free_slots[NB_SLOTS], nb_free;
	uint32_t nb_out; /* Buffers that the guest has not got back. */
	bool asleep; /* The guest waits for an interrupt. */
	bool kicked; /* The guest has rung the doorbell, or the relay has more to do. */
	bool armed; /* The relay waits for doorbell or interrupt. */
	int irq; /* Eventfd of the VF. */
	/* The doorbell of the VF, while the queue is direct. */
	struct vio_doorbell doorbell;
};

static struct {
	struct guest_mem *mem;
	struct vdpa_mem map;
	struct vio_dev dev; /* The VF. */
	struct vio_dev features; /* Those of the guest. */
	struct queue q[NB_QUEUES];
	bool direct;
	uint8_t *log; /* Pages that were logged as written. NULL: no log. */
	uint32_t nb_sent, nb_received, nb_empty;
	uint32_t expected; /* Number of the next packet, at least. */
	uint32_t acked; /* All packets below were sent, as far as the guest knows. */
	uint32_t nb_switched[4]; /* Changes: to direct, to relay, resumed, died. */
} vm;

static void *
mem_find(void *arg, uint64_t gpa, uint64_t *len)
{
	if (gpa < GPA || gpa - GPA >= sizeof(*vm.mem))
		return NULL;
	*len = RTE_MIN(*len, sizeof(*vm.mem) - (gpa - GPA));
	return (uint8_t *)vm.mem + (gpa - GPA);
}

static void
mem_written(void *arg, uint64_t gpa, uint64_t len)
{
	VTEST(len != 0 && gpa >= GPA && gpa - GPA + len <= sizeof(*vm.mem));
	for (uint64_t page = (gpa - GPA) / 4096; page <= (gpa + len - 1 - GPA) / 4096; page++)
		vm.log[page] = 1;
}

static uint64_t
gpa_of(const void *ptr)
{
	return GPA + (uint64_t)((const uint8_t *)ptr - (const uint8_t *)vm.mem);
}

static const struct vio_ring_ops *
ops_of(bool packed)
{
	return packed ? &vio_ring_packed : &vio_ring_split;
}

/* ------------------------------------------------------------------ the driver of the guest */

static void
guest_doorbell(struct queue *q)
{
	if (!q->ops->doorbell_needed(q->vq))
		return;
	if (!vm.direct) {
		q->kicked = true;
		return;
	}
	q->vq->doorbell = q->doorbell.addr;
	q->vq->doorbell_id = q->doorbell.id;
	q->vq->notify_data = vio_dev_has(&vm.dev, VIRTIO_F_NOTIFICATION_DATA);
	q->ops->doorbell_ring(q->vq);
}

/* Post the segments as one buffer: as a table, as a chain, or as one descriptor. */
static void
guest_post(struct queue *q, unsigned int qi, uint16_t slot, const struct vio_seg *segs, uint16_t nb,
		bool write)
{
	void *cookie = &vm.mem->bufs[qi][slot];
	uint8_t *table = vm.mem->tables[qi][slot];

	if (kind.indirect && nb > 1) {
		struct vio_seg seg = { gpa_of(table), nb * 16u };

		q->ops->indirect_fill(table, segs, nb);
		for (uint16_t i = 0; i < nb && write; i++) {
			struct virtq_desc *d = (struct virtq_desc *)(void *)table + i;
			struct pvirtq_desc *p = (struct pvirtq_desc *)(void *)table + i;

			*(kind.packed ? &p->flags : &d->flags) |= VIRTQ_DESC_F_WRITE;
		}
		q->ops->post(q->vq, &seg, VIRTQ_DESC_F_INDIRECT, cookie);
	} else if (nb > 1) {
		q->ops->post_list(q->vq, segs, nb, write ? 0 : nb, cookie);
	} else {
		q->ops->post(q->vq, segs, write ? VIRTQ_DESC_F_WRITE : 0, cookie);
	}
	q->nb_free--;
	q->nb_out++;
}

static void
guest_fill_rx(void)
{
	struct queue *q = &vm.q[RX];
	const uint32_t len = kind.mrg ? RX_LEN_MRG : HDR + PAYLOAD_MAX;

	while (q->nb_free != 0) {
		const uint16_t slot = q->free_slots[q->nb_free - 1];
		/* A packed ring that is full of chains of different lengths tells no position. */
		const bool two = !kind.mrg && (!kind.packed || kind.indirect || kind.in_order) &&
				random_below(2) != 0;
		struct vio_seg segs[2] = { { gpa_of(vm.mem->bufs[RX][slot]), len } };

		if (q->vq->nb_free < (two ? 2 : 1))
			break;
		if (two) {
			segs[0].len = 40;
			segs[1] = (struct vio_seg){ segs[0].iova + 40, len - 40 };
		}
		memset(vm.mem->bufs[RX][slot], 0xee, SLOT_LEN);
		guest_post(q, RX, slot, segs, two ? 2 : 1, true);
	}
	q->ops->publish(q->vq);
	guest_doorbell(q);
}

/* The content of packet number n, with the header. @return bytes */
static uint32_t
packet_fill(uint8_t *to, uint32_t n)
{
	const uint32_t len = 60 + n * 7919 % (PAYLOAD_MAX - 60);

	memset(to, 0, HDR);
	memset(to + HDR, 0xff, 6); /* broadcast */
	memset(to + HDR + 6, 2, 6);
	to[HDR + 12] = 0x88;
	to[HDR + 13] = 0xb5;
	memcpy(to + HDR + 14, &n, sizeof(n));
	for (uint32_t i = 18; i < len; i++)
		to[HDR + i] = (uint8_t)(n + i);
	return HDR + len;
}

static void
guest_send(unsigned int nb)
{
	struct queue *q = &vm.q[TX];

	while (nb-- != 0 && q->nb_free != 0) {
		const uint16_t slot = q->free_slots[q->nb_free - 1];
		const uint16_t nb_segs = (uint16_t)(1 + random_below(SEGS_MAX));
		uint32_t len, done = 0;
		struct vio_seg segs[SEGS_MAX];

		if (q->vq->nb_free < nb_segs)
			break;
		len = packet_fill(vm.mem->bufs[TX][slot], vm.nb_sent);
		for (uint16_t i = 0; i < nb_segs; i++) {
			const uint32_t part = i + 1 == nb_segs ? len - done : 15 + random_below(5);

			segs[i] = (struct vio_seg){ gpa_of(vm.mem->bufs[TX][slot]) + done, part };
			done += part;
		}
		guest_post(q, TX, slot, segs, nb_segs, false);
		vm.nb_sent++;
	}
	q->ops->publish(q->vq);
	guest_doorbell(q);
}

/* Take one used buffer. @return false: none is used */
static bool
guest_reap(struct queue *q, unsigned int qi, uint8_t **data, uint32_t *len)
{
	*data = q->ops->reap(q->vq, len);
	VTEST(!q->vq->broken);
	if (*data == NULL)
		return false;
	q->free_slots[q->nb_free++] = (uint16_t)((*data - vm.mem->bufs[qi][0]) / SLOT_LEN);
	q->nb_out--;
	return true;
}

static void
guest_clean_tx(void)
{
	uint8_t *data;
	uint32_t len;

	while (guest_reap(&vm.q[TX], TX, &data, &len))
		vm.acked++;
}

/* The relay must have logged the pages of these bytes. */
static void
check_logged(const void *data, size_t len)
{
	const uint64_t first = (gpa_of(data) - GPA) / 4096,
		       last = (gpa_of(data) + len - 1 - GPA) / 4096;

	for (uint64_t page = first; vm.log != NULL && !vm.direct && page <= last; page++)
		VTEST(vm.log[page] != 0);
}

static void
guest_receive(void)
{
	struct queue *q = &vm.q[RX];
	uint8_t pkt[HDR + PAYLOAD_MAX], want[HDR + PAYLOAD_MAX], *data;
	uint32_t len, n, total;

	while (guest_reap(q, RX, &data, &len)) {
		unsigned int nb;

		if (len == 0) {
			vm.nb_empty++;
			continue;
		}
		check_logged(data, len);
		nb = data[10] | data[11] << 8;
		VTEST(nb >= 1 && (nb == 1 || kind.mrg) && len >= HDR);
		VTEST(len <= sizeof(pkt));
		memcpy(pkt, data, len);
		total = len;
		while (--nb != 0) {
			VTEST(guest_reap(q, RX, &data, &len));
			VTEST(total + len <= sizeof(pkt));
			check_logged(data, len);
			memcpy(pkt + total, data, len);
			total += len;
		}
		memcpy(&n, pkt + HDR + 14, sizeof(n));
		VTEST((kind.kill || n >= vm.expected) && n < vm.nb_sent);
		VTEST_EQ(total, packet_fill(want, n));
		VTEST(memcmp(pkt + HDR, want + HDR, total - HDR) == 0);
		vm.expected = n + 1;
		vm.nb_received++;
	}
}

/* The guest runs: completely, if it is awake. It sleeps only after it has asked for an interrupt.
 *  */
static void
guest_run(void)
{
	struct queue *tx = &vm.q[TX], *rx = &vm.q[RX];

	if (!tx->asleep || vm.direct) {
		guest_clean_tx();
		if (random_below(4) != 0)
			guest_send(1 + random_below(kind.size));
		tx->asleep = random_below(2) != 0 && tx->nb_out != 0 &&
				!tx->ops->intr_enable(tx->vq);
	}
	if (!rx->asleep || vm.direct) {
		guest_receive();
		if (random_below(8) != 0)
			guest_fill_rx();
		rx->asleep = !rx->ops->intr_enable(rx->vq);
	}
}

/* The guest gets an interrupt for both queues, and does what is due. */
static void
guest_wake(void)
{
	guest_clean_tx();
	guest_receive();
	guest_fill_rx();
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		vm.q[i].asleep = false;
}

/* ------------------------------------------------------------------ the bridge */

static struct vio_features
features_wanted(bool packed, bool in_order, bool direct)
{
	struct vio_features wanted = { { 0 } };

	vio_features_add(&wanted, VIRTIO_F_VERSION_1);
	if (packed)
		vio_features_add(&wanted, VIRTIO_F_RING_PACKED);
	if (in_order)
		vio_features_add(&wanted, VIRTIO_F_IN_ORDER);
	if (kind.event_idx)
		vio_features_add(&wanted, VIRTIO_F_EVENT_IDX);
	if (kind.indirect)
		vio_features_add(&wanted, VIRTIO_F_INDIRECT_DESC);
	if (kind.mrg)
		vio_features_add(&wanted, VIRTIO_NET_F_MRG_RXBUF);
	if (!direct || kind.strict)
		vio_features_add(&wanted, VIRTIO_F_NOTIFICATION_DATA);
	return wanted;
}

static void
vf_negotiate(bool packed, bool in_order, bool direct)
{
	const struct vio_features wanted = features_wanted(packed, in_order, direct);

	VTEST_EQ(vio_dev_negotiate(&vm.dev, &wanted, &wanted), 0);
	vm.direct = direct;
}

/* The VF works on the rings of the guest. */
static void
direct_start(void)
{
	vf_negotiate(kind.packed, kind.in_order, true);
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		struct queue *q = &vm.q[i];
		const struct vio_queue_setup setup = {
			.size = q->ring.size,
			.vector = VIRTIO_MSI_NO_VECTOR,
			.desc = q->ring.desc,
			.driver = q->ring.driver,
			.device = q->ring.device,
		};

		VTEST_EQ(vio_dev_queue_setup(&vm.dev, (uint16_t)i, &setup, &q->doorbell), 0);
	}
	vio_dev_driver_ok(&vm.dev);
	/* What the guest announced to the relay, nobody has announced to the VF. */
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		struct queue *q = &vm.q[i];

		q->asleep = false;
		q->vq->doorbell = q->doorbell.addr;
		q->vq->doorbell_id = q->doorbell.id;
		q->vq->notify_data = vio_dev_has(&vm.dev, VIRTIO_F_NOTIFICATION_DATA);
		q->ops->doorbell_ring(q->vq);
	}
	vm.nb_switched[0]++;
}

static void
shadow_enable(struct queue *q, unsigned int qi)
{
	vio_virtq_free(q->shadow);
	q->shadow = vio_virtq_create(&vm.dev,
			&(struct vio_virtq_conf){ .index = (uint16_t)qi,
					.size = kind.vf_size,
					.lists = true,
					.mem = shadow_mem[qi],
					.iova = SHADOW_IOVA + qi * sizeof(shadow_mem[0]) });
	VTEST(q->shadow != NULL);
	VTEST_EQ(vio_virtq_enable(q->shadow, &vm.dev, (uint16_t)(1 + qi)), 0);
	q->kicked = true;
}

/* The VF works on shadow rings; the relay begins where the rings of the guest say. */
static void
relay_start(enum vdpa_order order)
{
	struct vdpa_takeover from[NB_QUEUES];

	/* The reset comes first: from here on the VF writes nothing. */
	VTEST_EQ(vio_dev_reset(&vm.dev), 0);
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		const char *err = "";
		int ret = -EAGAIN;

		/* The guest takes back what is used, and fills its RX queue: the ring gets clear.
		 *  */
		for (unsigned int looks = 0; looks < 4 && ret == -EAGAIN; looks++) {
			if (looks != 0)
				guest_wake();
			ret = vdpa_takeover_find(&from[i], &vm.q[i].ring, &vm.map,
					kind.in_order ? VDPA_ORDER_PROMISED : order, &err);
		}

		if (ret != 0)
			vtest_fail("queue %u: takeover: %d, %s", i, ret, err);
	}
	vf_negotiate(kind.vf_packed, kind.in_order || (!kind.shuffled && random_below(2) != 0),
			false);
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		shadow_enable(&vm.q[i], i);
		VTEST_EQ(vdpa_relay_start(vm.q[i].relay, &vm.q[i].ring, &vm.map, vm.q[i].shadow,
					 &from[i]),
				0);
	}
	vio_dev_driver_ok(&vm.dev);
}

/* The VF has been reset: what it has used goes back to the guest. */
static void
relay_suspend(void)
{
	VTEST_EQ(vio_dev_reset(&vm.dev), 0);
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		if ((vdpa_relay_suspend(vm.q[i].relay) & VDPA_RELAY_INTERRUPT) != 0)
			vm.q[i].asleep = false;
}

/* The VF is reset while the relay goes on. */
static void
relay_resume(void)
{
	relay_suspend();
	vf_negotiate(kind.vf_packed, kind.in_order || (!kind.shuffled && random_below(2) != 0),
			false);
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		shadow_enable(&vm.q[i], i);
		VTEST_EQ(vdpa_relay_resume(vm.q[i].relay, vm.q[i].shadow), 0);
	}
	vio_dev_driver_ok(&vm.dev);
	vm.nb_switched[2]++;
}

/* The relay runs if it was woken: no doorbell and no interrupt may be missing. */
static void
relay_run(struct queue *q)
{
	uint64_t count;
	const bool fired = read(q->irq, &count, sizeof(count)) == sizeof(count);
	unsigned int ret;

	if (q->armed && !fired && !q->kicked)
		return;
	q->armed = q->kicked = false;
	ret = vdpa_relay_poll(q->relay, 1 + random_below(kind.size));
	VTEST((ret & (VDPA_RELAY_GUEST_BROKEN | VDPA_RELAY_VF_BROKEN)) == 0);
	if ((ret & VDPA_RELAY_DOORBELL) != 0)
		vdpa_relay_doorbell(q->relay);
	if ((ret & VDPA_RELAY_INTERRUPT) != 0)
		q->asleep = false;
	q->kicked = (ret & VDPA_RELAY_MORE) != 0;
	if (!q->kicked)
		q->armed = !vdpa_relay_arm(q->relay);
}

static void
bridge_run(void)
{
	for (unsigned int i = 0; i < NB_QUEUES && !vm.direct; i++)
		relay_run(&vm.q[i]);
}

/* Run until the queue is empty at its start. The TX queue is stopped last: its packets use the RX
 * buffers. @return false: the relay goes on */
static bool
stop_at_start(struct queue *q)
{
	vdpa_relay_stop_at_start(q->relay, true);
	q->kicked = true;
	for (unsigned int i = 0; i < 2000; i++) {
		if (vdpa_relay_at_start(q->relay))
			return true;
		guest_run();
		bridge_run();
		vsim_worker_poll(rig.nic, 0);
	}
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		vdpa_relay_stop_at_start(vm.q[i].relay, false);
		vm.q[i].kicked = true;
	}
	return false;
}

/* ------------------------------------------------------------------ a case */

static void
queue_open(struct queue *q, unsigned int qi)
{
	q->ops = ops_of(kind.packed);
	q->vq = vio_virtq_create(&vm.features,
			&(struct vio_virtq_conf){ .size = kind.size,
					.lists = true,
					.mem = vm.mem->rings[qi],
					.iova = gpa_of(vm.mem->rings[qi]) });
	VTEST(q->vq != NULL);
	q->ring = (struct vdpa_gring_conf){
		.size = kind.size,
		.packed = kind.packed,
		.event_idx = kind.event_idx,
		.indirect = kind.indirect,
		.in_order = kind.in_order,
		.write = qi == RX,
		.desc = q->vq->iova,
		.driver = q->vq->iova + q->vq->driver_at,
		.device = q->vq->iova + q->vq->device_at,
	};
	for (uint16_t i = 0; i < NB_SLOTS; i++)
		q->free_slots[i] = i;
	q->nb_free = NB_SLOTS;
	q->relay = vdpa_relay_create(kind.size, kind.vf_size);
	VTEST(q->relay != NULL);
	q->irq = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	VTEST(q->irq >= 0);
	VTEST_EQ(vsim_fn_irq_set(rig.fns[0].fn, (uint16_t)(1 + qi), q->irq), 0);
}

static void
tune(struct vsim_nic_conf *conf)
{
	conf->shuffled_completions = kind.shuffled;
	conf->strict_doorbells = kind.strict;
}

static void
vm_open(const struct kind *k)
{
	const struct rig_conf conf = { .tune = tune, .queue_size = SIZE_MAX_TESTED };

	kind = *k;
	rig_note("%s", kind.name);
	seed = 1;
	rig_open_nic(&rig, &conf);
	rig_attach(&rig, 0, false);
	memset(&vm, 0, sizeof(vm));
	vm.mem = mmap(NULL, sizeof(*vm.mem), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	VTEST(vm.mem != MAP_FAILED);
	VTEST_EQ(vsim_fn_dma_map_ptr(rig.fns[0].fn, GPA, sizeof(*vm.mem), PROT_READ | PROT_WRITE,
				 vm.mem),
			0);
	VTEST_EQ(vsim_fn_dma_map_ptr(rig.fns[0].fn, SHADOW_IOVA, sizeof(shadow_mem),
				 PROT_READ | PROT_WRITE, shadow_mem),
			0);
	vm.map.find = mem_find;
	if (kind.log) {
		vm.log = calloc(1, sizeof(*vm.mem) / 4096 + 1);
		VTEST(vm.log != NULL);
		vm.map.written = mem_written;
	}
	vio_dev_init(&vm.dev, &rig.fns[0].t);
	vm.features.accepted = features_wanted(kind.packed, kind.in_order, true);
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		queue_open(&vm.q[i], i);
}

static void
vm_close(void)
{
	VTEST_EQ(vio_dev_reset(&vm.dev), 0);
	for (unsigned int i = 0; i < NB_QUEUES; i++) {
		struct queue *q = &vm.q[i];

		vdpa_relay_free(q->relay);
		vio_virtq_free(q->shadow);
		vio_virtq_free(q->vq);
		close(q->irq);
	}
	free(vm.log);
	munmap(vm.mem, sizeof(*vm.mem));
	rig_close(&rig);
}

/* Run until nothing moves any more. */
static void
settle(void)
{
	unsigned int quiet = 0;

	for (unsigned int i = 0; quiet < 50; i++) {
		const uint32_t before = vm.nb_received + vm.q[TX].nb_out;

		VTEST(i < 100000);
		bridge_run();
		vsim_worker_poll(rig.nic, 0);
		bridge_run();
		for (unsigned int qi = 0; qi < NB_QUEUES; qi++)
			if (vm.direct)
				vm.q[qi].asleep = false;
		if (!vm.q[TX].asleep) {
			guest_clean_tx();
			vm.q[TX].asleep = !vm.q[TX].ops->intr_enable(vm.q[TX].vq);
		}
		if (!vm.q[RX].asleep) {
			guest_receive();
			guest_fill_rx();
			vm.q[RX].asleep = !vm.q[RX].ops->intr_enable(vm.q[RX].vq);
		}
		quiet = before == vm.nb_received + vm.q[TX].nb_out ? quiet + 1 : 0;
	}
}

static uint32_t
nb_dropped(void)
{
	return (uint32_t)(rig_stat(&rig, 0, -1, "drop_no_buffer") +
			rig_stat(&rig, 0, RX, "drop_no_buffer"));
}

/* Every buffer came back, and every packet that the VF took arrived or was dropped on the wire. */
static void
check_all(void)
{
	settle();
	rig_note("%s: %u sent, %u received, %u dropped", kind.name, vm.nb_sent, vm.nb_received,
			nb_dropped());
	VTEST_EQ(vm.q[TX].nb_out, 0);
	if (kind.kill)
		VTEST(vm.nb_received + nb_dropped() >= vm.nb_sent);
	else
		VTEST_EQ(vm.nb_received + nb_dropped(), vm.nb_sent);
	VTEST(vm.nb_received > kind.nb_steps);
	VTEST(vm.nb_switched[2] > 10 && vm.nb_switched[3] > 10);
	VTEST(kind.packed != kind.vf_packed || vm.nb_switched[0] > 1);
}

/* Move the guest and its rings to positions shortly before the start, as if it had sent for longer.
 * Positions are only numbers as long as driver and device agree; the entries keep their places. */
static void
jump_to_start(struct queue *q)
{
	struct vio_virtq *vq = q->vq;
	const uint16_t by = (uint16_t)(0u - RTE_ALIGN_CEIL(vq->post_i, vq->size) - vq->size);

	if (kind.packed || vq->post_i <= vq->size)
		return;
	vq->post_i += by;
	vq->publish_i += by;
	vq->reap_i += by;
	vq->used_seen += by;
	vq->avail->idx += by;
	vq->used->idx += by;
	if (kind.event_idx)
		vq->avail->ring[vq->size] += by;
}

/* The bridge ends and comes back: it knows nothing but the rings. */
static void
die_and_come_back(void)
{
	if (!kind.kill) {
		relay_suspend();
		for (unsigned int i = 0; i < NB_QUEUES; i++)
			if ((vdpa_relay_settle(vm.q[i].relay) & VDPA_RELAY_INTERRUPT) != 0)
				vm.q[i].asleep = false;
	} else {
		vm.expected = vm.acked;
	}
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		jump_to_start(&vm.q[i]);
	relay_start(VDPA_ORDER_ASSUMED);
	vm.nb_switched[3]++;
}

static void
change_way(void)
{
	const unsigned int what = random_below(3);

	if (vm.direct) {
		relay_start(kind.order);
		vm.nb_switched[1]++;
	} else if (what == 0) {
		relay_resume();
	} else if (what == 1) {
		die_and_come_back();
	} else if (kind.packed == kind.vf_packed) {
		if (!kind.packed)
			die_and_come_back();
		if (!stop_at_start(&vm.q[RX]))
			return;
		/* The TX queue has come past its start meanwhile. */
		if (!kind.packed) {
			die_and_come_back();
			vdpa_relay_stop_at_start(vm.q[RX].relay, true);
		}
		if (!stop_at_start(&vm.q[TX]))
			return;
		relay_suspend();
		for (unsigned int i = 0; i < NB_QUEUES; i++)
			vdpa_relay_leave(vm.q[i].relay);
		direct_start();
	}
}

static void
traffic(const struct kind *k)
{
	vm_open(k);
	if (kind.packed == kind.vf_packed)
		direct_start();
	else
		relay_start(VDPA_ORDER_ASSUMED);
	guest_fill_rx();
	for (unsigned int step = 0; step < kind.nb_steps; step++) {
		guest_run();
		bridge_run();
		vsim_worker_poll(rig.nic, 0);
		if (random_below(16) == 0)
			change_way();
	}
	check_all();
	vm_close();
}

#define NAME_LEN 160

/* A kind by the bits of a number. The name lies in the caller's memory. */
static struct kind
kind_of(unsigned int bits, char name[NAME_LEN])
{
	const struct kind k = {
		.packed = bits & 1,
		.vf_packed = bits & 2,
		.in_order = bits & 4,
		.event_idx = bits & 8,
		.indirect = bits & 16,
		.mrg = bits & 32,
		.size = 64,
		.vf_size = 64,
		.order = VDPA_ORDER_ASSUMED,
		.nb_steps = 1500,
		.name = name,
	};

	snprintf(name, NAME_LEN, "%s guest, %s VF%s%s%s%s", k.packed ? "packed" : "split",
			k.vf_packed ? "packed" : "split", k.in_order ? ", in order" : "",
			k.event_idx ? ", event_idx" : "", k.indirect ? ", indirect" : "",
			k.mrg ? ", mergeable" : "");
	return k;
}

static void
changes_of_the_way_lose_and_double_nothing(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		char name[NAME_LEN];
		struct kind k = kind_of(i, name);

		k.strict = k.in_order;
		k.vf_size = k.event_idx ? 64 : 32;
		traffic(&k);
	}
}

static void
shuffled_completions_lose_and_double_nothing(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		char name[NAME_LEN];
		struct kind k = kind_of((i & 11) | 16 | (i & 4 ? 32 : 0), name);

		k.shuffled = true;
		if ((i & 17) != 0)
			k.order = VDPA_ORDER_NONE;
		traffic(&k);
	}
}

static void
written_pages_are_logged(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		char name[NAME_LEN];
		struct kind k = kind_of(i | (i & 1 ? 2 : 0) | (i & 2 ? 32 : 0), name);

		k.log = true;
		vm_open(&k);
		relay_start(VDPA_ORDER_ASSUMED);
		guest_fill_rx();
		for (unsigned int step = 0; step < kind.nb_steps; step++) {
			uint8_t before[NB_QUEUES][64 * 1024];

			guest_run();
			memcpy(before, vm.mem->rings, sizeof(before));
			memset(vm.log, 0, sizeof(*vm.mem) / 4096);
			bridge_run();
			for (unsigned int at = 0; at < sizeof(before); at++)
				if (((uint8_t *)before)[at] != ((uint8_t *)vm.mem->rings)[at])
					VTEST(vm.log[at / 4096]);
			guest_receive();
			vm.q[RX].asleep = false;
			vsim_worker_poll(rig.nic, 0);
		}
		VTEST(vm.nb_received > 1000);
		vm_close();
	}
}

/* A packed ring without INDIRECT may not say where the VF was: doc/relay.rst. */
static void
a_bridge_that_is_killed_loses_and_doubles_no_buffer(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		char name[NAME_LEN];
		struct kind k = kind_of(i, name);

		k.kill = true;
		if (!k.packed || k.indirect)
			traffic(&k);
	}
}

static const struct vtest_case cases[] = {
	{ "written_pages_are_logged", written_pages_are_logged },
	{ "a_bridge_that_is_killed_loses_and_doubles_no_buffer",
			a_bridge_that_is_killed_loses_and_doubles_no_buffer },
	{ "changes_of_the_way_lose_and_double_nothing",
			changes_of_the_way_lose_and_double_nothing },
	{ "shuffled_completions_lose_and_double_nothing",
			shuffled_completions_lose_and_double_nothing },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
