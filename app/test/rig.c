/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "rig.h"

static char note[256];
static bool noted;
static struct rig *open_rig;

void
rig_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	noted = true;
}

/* ------------------------------------------------------------------ transport */

static uint64_t
bar_offset(const struct rig_fn *f, enum vio_region region, uint32_t offset)
{
	return (uint64_t)f->layout.place[region].offset + offset;
}

static uint32_t
rig_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	const struct rig_fn *f = (struct rig_fn *)t;
	virtio_le32 value = 0;

	if (vsim_fn_read(f->fn, VSIM_BAR, bar_offset(f, region, offset), &value, width) != 0)
		return UINT32_MAX >> (32 - 8 * width);
	return rte_le_to_cpu_32(value);
}

static void
rig_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	const struct rig_fn *f = (struct rig_fn *)t;
	const virtio_le32 raw = rte_cpu_to_le_32(value);

	vsim_fn_write(f->fn, VSIM_BAR, bar_offset(f, region, offset), &raw, width);
}

static volatile void *
rig_doorbell(struct vio_transport *t, uint32_t offset)
{
	const struct rig_fn *f = (struct rig_fn *)t;

	if (f->doorbells == NULL)
		return NULL;
	return f->doorbells + bar_offset(f, VIO_NOTIFY, offset) - VSIM_BAR_DOORBELLS;
}

static void
rig_idle(struct vio_transport *t)
{
	struct rig_fn *f = (struct rig_fn *)t;

	if (!f->deaf)
		vsim_worker_poll(f->nic, 0);
}

static const struct vio_transport_ops rig_ops = {
	.read = rig_read,
	.write = rig_write,
	.doorbell = rig_doorbell,
	.idle = rig_idle,
};

static int
config_read(void *arg, uint32_t offset, void *data, size_t len)
{
	return vsim_fn_read(arg, VSIM_REGION_CONFIG, offset, data, len);
}

static int
dma_map(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len, void *arg)
{
	return vsim_fn_dma_map_ptr(arg, ms->iova, len, PROT_READ | PROT_WRITE, ms->addr);
}

void
rig_attach(struct rig *rig, unsigned int index, bool trapped)
{
	struct rig_fn *f = &rig->fns[index];
	uint64_t bar_len[VIO_PCI_BARS] = { 0 };
	char err[128];
	uint64_t size;
	int fd;

	memset(f, 0, sizeof(*f));
	f->port = RTE_MAX_ETHPORTS;
	f->nic = rig->nic;
	f->fn = vsim_nic_fn(rig->nic, index);
	VTEST(f->fn != NULL);
	bar_len[VSIM_BAR] = vsim_fn_region_size(f->fn, VSIM_BAR);
	VTEST_EQ(vio_pci_layout_read(config_read, f->fn, bar_len, &f->layout, err, sizeof(err)), 0);
	f->t.ops = &rig_ops;
	f->t.notify_multiplier = f->layout.notify_multiplier;
	f->t.nb_vectors = f->layout.nb_vectors;
	f->t.sriov = f->layout.sriov;
	for (int i = 0; i < VIO_NB_REGIONS; i++)
		f->t.len[i] = f->layout.place[i].len;
	if (!trapped) {
		fd = vsim_fn_mem_fd(f->fn, &size);
		f->doorbells = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				(off_t)(VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS));
		VTEST(f->doorbells != MAP_FAILED);
		f->doorbells_len = size;
	}
	VTEST_EQ(rte_memseg_contig_walk(dma_map, f->fn), 0);
}

static void
fn_detach(struct rig_fn *f)
{
	if (f->doorbells != NULL)
		munmap(f->doorbells, f->doorbells_len);
	f->doorbells = NULL;
	f->fn = NULL;
}

/* ------------------------------------------------------------------ life */

static struct rte_driver driver = { .name = "net_vsr" };
static struct rte_device device = { .name = "rig", .driver = &driver };

void
rig_open_nic(struct rig *rig, const struct rig_conf *conf)
{
	struct vsim_nic_conf nic_conf = {
		.profile = vsim_profile_find(conf->profile == NULL ? "full" : conf->profile),
		.off = conf->off,
		.total_vfs = conf->total_vfs,
		.queue_pairs = conf->pairs == 0 ? 4 : conf->pairs,
		.queue_size = conf->queue_size == 0 ? 256 : conf->queue_size,
		.mtu = conf->mtu == 0 ? 9000 : conf->mtu,
		.speed = 10000,
		.mac = { 0x02, 0, 0, 0, 0, 1 },
		.workers = 1,
		.fault.refuse_features_ok = conf->refuse_features_ok,
	};
	char err[256] = "";

	if (conf->tune != NULL)
		conf->tune(&nic_conf);
	/* What a case before left when it failed. */
	if (open_rig != NULL)
		rig_close_broken(open_rig);
	memset(rig, 0, sizeof(*rig));
	for (unsigned int i = 0; i < RTE_DIM(rig->fns); i++)
		rig->fns[i].port = RTE_MAX_ETHPORTS;
	rig->pool = rig_pool("rig", 2048, 2048);
	rig->nic = vsim_nic_create(&nic_conf, err, sizeof(err));
	if (rig->nic == NULL)
		printf("# %s\n", err);
	VTEST(rig->nic != NULL);
	open_rig = rig;
	VTEST_EQ(vsim_nic_wire(rig->nic, 0, conf->wire == NULL ? "peer:0" : conf->wire, err,
				 sizeof(err)),
			0);
}

int
rig_probe(struct rig *rig, unsigned int index, const char *args, bool trapped)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	struct rte_eth_dev *eth_dev;
	int ret;

	rig_attach(rig, index, trapped);
	snprintf(name, sizeof(name), "rig%u", index);
	eth_dev = rte_eth_dev_allocate(name);
	VTEST(eth_dev != NULL);
	eth_dev->data->dev_private = rte_zmalloc("vsr", sizeof(struct vsr_dev),
			RTE_CACHE_LINE_SIZE);
	VTEST(eth_dev->data->dev_private != NULL);
	eth_dev->device = &device;
	ret = vsr_eth_init(eth_dev, &rig->fns[index].t, args);
	if (ret != 0) {
		rte_eth_dev_release_port(eth_dev);
		fn_detach(&rig->fns[index]);
		return ret;
	}
	rte_eth_dev_probing_finish(eth_dev);
	rig->fns[index].port = eth_dev->data->port_id;
	return 0;
}

void
rig_open(struct rig *rig, const struct rig_conf *conf)
{
	rig_open_nic(rig, conf);
	VTEST_EQ(rig_probe(rig, 0, conf->args, conf->trapped), 0);
}

void
rig_vfs_set(struct rig *rig, uint16_t num_vfs)
{
	const virtio_le16 nb = rte_cpu_to_le_16(num_vfs);
	const virtio_le16 control = rte_cpu_to_le_16(
			num_vfs == 0 ? 0 : PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE);
	struct vsim_fn *pf = rig->fns[0].fn;
	uint32_t pos = PCI_CFG_EXT_CAPS;
	virtio_le32 head = 0;

	for (;;) {
		VTEST_EQ(vsim_fn_read(pf, VSIM_REGION_CONFIG, pos, &head, sizeof(head)), 0);
		if ((rte_le_to_cpu_32(head) & 0xffff) == PCI_EXT_CAPABILITY_SRIOV)
			break;
		pos = rte_le_to_cpu_32(head) >> 20;
		VTEST(pos != 0);
	}
	if (num_vfs != 0)
		VTEST_EQ(vsim_fn_write(pf, VSIM_REGION_CONFIG,
					 pos + offsetof(struct pci_sriov_cap, num_vfs), &nb,
					 sizeof(nb)),
				0);
	VTEST_EQ(vsim_fn_write(pf, VSIM_REGION_CONFIG,
				 pos + offsetof(struct pci_sriov_cap, control), &control,
				 sizeof(control)),
			0);
	VTEST_EQ(vsim_nic_num_vfs(rig->nic), num_vfs);
}

void
rig_close_broken(struct rig *rig)
{
	open_rig = NULL;
	for (unsigned int i = 0; i < RTE_DIM(rig->fns); i++) {
		if (rig->fns[i].port != RTE_MAX_ETHPORTS) {
			rte_eth_dev_stop(rig->fns[i].port);
			rte_eth_dev_close(rig->fns[i].port);
			rig->fns[i].port = RTE_MAX_ETHPORTS;
		}
		fn_detach(&rig->fns[i]);
	}
	vsim_nic_destroy(rig->nic);
	rig->nic = NULL;
}

/* So that a failure says which rule it was. */
static void
violations_print(struct rig *rig)
{
	struct vsim_stat stats[512];
	size_t nb;

	for (unsigned int i = 0; i < RTE_DIM(rig->fns); i++) {
		const struct vsim_fn *fn = vsim_nic_fn(rig->nic, i);

		nb = fn == NULL ? 0 : vsim_fn_stats(fn, stats, RTE_DIM(stats));
		for (size_t s = 0; s < RTE_MIN(nb, RTE_DIM(stats)); s++)
			if (strncmp(stats[s].name, "violation", 9) == 0)
				printf("# function %u: %s %llu\n", i, stats[s].name,
						(unsigned long long)stats[s].value);
	}
}

void
rig_close(struct rig *rig)
{
	uint64_t violations;
	struct vsim_fn_state state;

	for (unsigned int i = 0; i < RTE_DIM(rig->fns); i++) {
		if (rig->fns[i].port == RTE_MAX_ETHPORTS)
			continue;
		rte_eth_dev_stop(rig->fns[i].port);
		VTEST_EQ(rte_eth_dev_close(rig->fns[i].port), 0);
		rig->fns[i].port = RTE_MAX_ETHPORTS;
		/* A closed device is a reset one. */
		vsim_fn_get_state(rig->fns[i].fn, &state);
		VTEST_EQ(state.device_status, 0);
	}
	violations = vsim_nic_violations(rig->nic);
	if (violations != 0)
		violations_print(rig);
	rig_close_broken(rig);
	VTEST_EQ(violations, 0);
	VTEST_EQ(rte_mempool_in_use_count(rig->pool), 0);
}

int
rig_configure(struct rig *rig, unsigned int index, uint16_t nb_queues, uint16_t nb_desc,
		uint64_t rx_offloads, struct rte_mempool *pool)
{
	const uint16_t port = rig->fns[index].port;
	struct rte_eth_conf conf = { .rxmode = { .offloads = rx_offloads } };
	struct rte_eth_dev_info info;
	int ret;

	VTEST_EQ(rte_eth_dev_info_get(port, &info), 0);
	conf.rxmode.mtu = info.max_mtu;
	if ((rx_offloads & RTE_ETH_RX_OFFLOAD_SCATTER) == 0)
		conf.rxmode.mtu = RTE_MIN((uint32_t)info.max_mtu,
				rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM - 18u);
	ret = rte_eth_dev_configure(port, nb_queues, nb_queues, &conf);
	for (uint16_t i = 0; ret == 0 && i < nb_queues; i++) {
		ret = rte_eth_rx_queue_setup(port, i, nb_desc, 0, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, i, nb_desc, 0, NULL);
	}
	return ret;
}

void
rig_start(struct rig *rig)
{
	struct rte_eth_dev_info info;

	VTEST_EQ(rte_eth_dev_info_get(rig->fns[0].port, &info), 0);
	VTEST_EQ(rig_configure(rig, 0, 1, 128, info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER,
				 rig->pool),
			0);
	VTEST_EQ(rte_eth_dev_start(rig->fns[0].port), 0);
}

void
rig_step(struct rig *rig)
{
	unsigned int quiet = 0;

	/* One empty round may only have looked at doorbells. */
	for (int i = 0; i < 10000 && quiet < 3; i++)
		quiet = vsim_worker_poll(rig->nic, 0) == 0 ? quiet + 1 : 0;
	VTEST(quiet >= 3);
}

/* ------------------------------------------------------------------ packets */

struct rte_mempool *
rig_pool(const char *name, unsigned int nb, uint16_t room)
{
	struct rte_mempool *pool = rte_mempool_lookup(name);

	if (pool == NULL)
		pool = rte_pktmbuf_pool_create(name, nb, 0, 0, room + RTE_PKTMBUF_HEADROOM, 0);
	VTEST(pool != NULL);
	return pool;
}

static uint8_t
content(uint32_t seed, uint32_t i)
{
	return (uint8_t)((seed + i) * 2654435761u >> 24);
}

/* Ethernet header with a type that nobody steers by. */
static uint8_t
content_at(const struct rte_ether_addr *dst, uint32_t seed, uint32_t i)
{
	if (i < 6)
		return dst == NULL ? 0xff : dst->addr_bytes[i];
	if (i == 6)
		return 0x02;
	if (i == 12)
		return 0x88;
	if (i == 13)
		return 0xb5;
	return content(seed, i);
}

struct rte_mbuf *
rig_packet(struct rte_mempool *pool, uint32_t len, uint16_t seg_len, uint32_t seed,
		const struct rte_ether_addr *dst)
{
	struct rte_mbuf *head = NULL, **link = &head, *m;
	uint32_t done = 0;

	while (done < len) {
		uint16_t room, n;

		m = rte_pktmbuf_alloc(pool);
		VTEST(m != NULL);
		room = rte_pktmbuf_tailroom(m);
		if (seg_len != 0 && seg_len < room)
			room = seg_len;
		n = (uint16_t)RTE_MIN(len - done, (uint32_t)room);
		for (uint16_t i = 0; i < n; i++)
			rte_pktmbuf_mtod(m, uint8_t *)[i] = content_at(dst, seed, done + i);
		m->data_len = n;
		done += n;
		*link = m;
		link = &m->next;
		if (m != head)
			head->nb_segs++;
	}
	if (head != NULL)
		head->pkt_len = len;
	return head;
}

bool
rig_packet_is(const struct rte_mbuf *m, uint32_t len, uint32_t seed)
{
	uint32_t at = 0, segs = 0;

	if (m->pkt_len != len)
		return false;
	segs = m->nb_segs;
	for (; m != NULL; m = m->next, segs--) {
		const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

		for (uint16_t i = 0; i < m->data_len; i++, at++)
			if (at >= 14 && data[i] != content(seed, at))
				return false;
	}
	return at == len && segs == 0;
}

/* ------------------------------------------------------------------ counters */

uint64_t
rig_stat(struct rig *rig, unsigned int index, int queue, const char *name)
{
	struct vsim_stat stats[512];
	size_t nb = vsim_fn_stats(rig->fns[index].fn, stats, RTE_DIM(stats));

	for (size_t i = 0; i < RTE_MIN(nb, RTE_DIM(stats)); i++)
		if (stats[i].queue == queue && strcmp(stats[i].name, name) == 0)
			return stats[i].value;
	return 0;
}

uint64_t
rig_xstat(uint16_t port, const char *name)
{
	uint64_t id, value;

	VTEST_EQ(rte_eth_xstats_get_id_by_name(port, name, &id), 0);
	VTEST_EQ(rte_eth_xstats_get_by_id(port, &id, &value, 1), 1);
	return value;
}

/* ------------------------------------------------------------------ variants */

struct vsim_features
rig_off(const uint8_t *bits, size_t nb)
{
	struct vsim_features off = { { 0 } };

	for (size_t i = 0; i < nb; i++)
		off.w[bits[i] / 64] |= UINT64_C(1) << (bits[i] % 64);
	return off;
}

static void
off_add(struct vsim_features *off, struct vsim_features more)
{
	off->w[0] |= more.w[0];
	off->w[1] |= more.w[1];
}

static const char *
rx_row(bool packed, bool mrg, unsigned int i)
{
	const char *rows[RIG_NB_ROWS];
	unsigned int nb = 0;

	for (const struct vsr_rx_path *p = vsr_rx_paths; p->name != NULL; p++)
		if (p->packed == packed && (mrg ? p->mergeable : p->single) &&
				vsr_simd_fits(p->simd) && nb < RTE_DIM(rows))
			rows[nb++] = p->name;
	VTEST(nb != 0);
	return rows[i % nb];
}

static const char *
tx_row(bool packed, unsigned int i)
{
	const char *rows[RIG_NB_ROWS];
	unsigned int nb = 0;

	for (const struct vsr_tx_path *p = vsr_tx_paths; p->name != NULL; p++)
		if (p->packed == packed && vsr_simd_fits(p->simd) && nb < RTE_DIM(rows))
			rows[nb++] = p->name;
	VTEST(nb != 0);
	return rows[i % nb];
}

int
rig_rows(char *args, size_t len, bool packed, bool mrg, unsigned int i)
{
	return snprintf(args, len, "rx_path=%s,tx_path=%s", rx_row(packed, mrg, i),
			tx_row(packed, i));
}

void
rig_variant(struct rig_variant *v, unsigned int i)
{
	const bool packed = i & 1, mrg = i & 2, in_order = i & 4, indirect = i & 8;
	const bool event_idx = i & 16, rest = i & 32;
	int len;

	memset(v, 0, sizeof(*v));
	/* Half by what the driver accepts, half by what the device offers. */
	len = snprintf(v->args, sizeof(v->args), "packed=%d,mrg_rxbuf=%d,in_order=%d,", packed, mrg,
			in_order);
	rig_rows(v->args + len, sizeof(v->args) - len, packed, mrg, i / 64);
	v->conf.args = v->args;
	v->conf.trapped = !rest;
	if (!indirect)
		off_add(&v->conf.off, RIG_OFF(VIRTIO_F_INDIRECT_DESC));
	if (!event_idx)
		off_add(&v->conf.off, RIG_OFF(VIRTIO_F_EVENT_IDX));
	if (!rest)
		off_add(&v->conf.off,
				RIG_OFF(VIRTIO_F_NOTIFICATION_DATA, VIRTIO_F_NOTIF_CONFIG_DATA,
						VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_RING_RESET));
	snprintf(v->name, sizeof(v->name), "%s%s%s%s%s%s by %s", packed ? "packed" : "split",
			mrg ? " mergeable" : "", in_order ? " in_order" : "",
			indirect ? " indirect" : "", event_idx ? " event_idx" : "",
			rest ? " notification_data" : "", v->args + len);
	rig_note("%s", v->name);
}

int
rig_main(int argc, char **argv, const struct vtest_case *cases, size_t nb_cases)
{
	static char *eal_args[] = { "rig", "--no-huge", "-m", "192", "--no-pci", "--no-shconf",
		"--no-telemetry", "--iova-mode=va", "-l", "0", "--log-level=error",
		"--force-max-simd-bitwidth=512", NULL };
	int ret = 0;

	/* One at a time, to say on what a case failed. */
	if (rte_eal_init(RTE_DIM(eal_args) - 1, eal_args) < 0) {
		printf("FAIL eal: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	for (size_t i = 0; i < nb_cases; i++) {
		noted = false;
		if (vtest_main(argc, argv, &cases[i], 1) == 0)
			continue;
		if (noted)
			printf("# that was on: %s\n", note);
		ret = 1;
	}
	if (open_rig != NULL)
		rig_close_broken(open_rig);
	rte_eal_cleanup();
	return ret;
}
