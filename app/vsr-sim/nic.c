/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The NIC of the simulator: connects lib/vsim and lib/vfio_user.
 *
 * Each function of lib/vsim gets a vfio-user server, and VFs are created and removed. nic_priv.h
 * explains the locks.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_bdf.h"
#include "base/base_log.h"
#include "base/base_memory.h"
#include "base/base_number.h"
#include "nic_priv.h"

#define STOP_EVENT UINT32_MAX

/* ---------------------------------------------------------------- operations of a function */

/* The function, if it exists. It is not removed before fn_put(). */
static struct vsim_fn *
fn_hold(struct nic_fn *fn)
{
	struct vsim_fn *vfn;

	pthread_mutex_lock(&fn->nic->fn_lock);
	vfn = vsim_nic_fn(fn->nic->vsim, fn->index);
	if (vfn == NULL)
		pthread_mutex_unlock(&fn->nic->fn_lock);
	return vfn;
}

static void
fn_put(struct nic_fn *fn)
{
	pthread_mutex_unlock(&fn->nic->fn_lock);
}

static int
op_region_read(void *arg, unsigned int region, uint64_t offset, void *data, size_t len)
{
	struct vsim_fn *vfn = fn_hold(arg);
	int ret;

	if (vfn == NULL) {
		/* As on a bus without an answer. */
		memset(data, 0xff, len);
		return 0;
	}
	ret = vsim_fn_read(vfn, region, offset, data, len);
	fn_put(arg);
	return ret;
}

static int
op_region_write(void *arg, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	struct vsim_fn *vfn = fn_hold(arg);
	int ret;

	if (vfn == NULL)
		return 0;
	ret = vsim_fn_write(vfn, region, offset, data, len);
	fn_put(arg);
	return ret;
}

static int
op_irq_set_fds(void *arg, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct vsim_fn *vfn;
	int ret = 0;

	if (index != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	vfn = fn_hold(arg);
	if (vfn == NULL)
		return -ENODEV;
	for (uint32_t i = 0; i < count && ret == 0; i++)
		ret = vsim_fn_irq_set(vfn, (uint16_t)(start + i), fds[i]);
	fn_put(arg);
	return ret;
}

static int
op_irq_trigger(void *arg, unsigned int index, uint32_t start, uint32_t count)
{
	struct vsim_fn *vfn;
	int ret = 0;

	if (index != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	vfn = fn_hold(arg);
	if (vfn == NULL)
		return -ENODEV;
	for (uint32_t i = 0; i < count && ret == 0; i++)
		ret = vsim_fn_irq_trigger(vfn, (uint16_t)(start + i));
	fn_put(arg);
	return ret;
}

/* A worker that reads a page of another file would wait for its file system, and all functions of
 * the worker with it. */
static bool
is_memory(const struct nic_fn *fn, int fd)
{
	static struct base_log_limit refusals;
	unsigned long held;

	if (base_is_memory(fd))
		return true;
	if (base_log_allowed(&refusals, &held))
		fprintf(stderr,
				"vsr-sim: %s: a client maps a file that is no memory: only memfd, "
				"tmpfs and hugetlbfs can be used\n",
				fn->bdf);
	return false;
}

static int
op_dma_map(void *arg, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct vsim_fn *vfn;
	int ret;

	if (!is_memory(arg, fd))
		return -EINVAL;
	vfn = fn_hold(arg);
	if (vfn == NULL)
		return -ENODEV;
	ret = vsim_fn_dma_map(vfn, iova, size, prot, fd, offset);
	fn_put(arg);
	return ret;
}

static int
op_dma_unmap(void *arg, uint64_t iova, uint64_t size)
{
	struct vsim_fn *vfn = fn_hold(arg);
	int ret;

	if (vfn == NULL)
		return -ENODEV;
	ret = vsim_fn_dma_unmap(vfn, iova, size);
	fn_put(arg);
	return ret;
}

static int
op_reset(void *arg)
{
	struct vsim_fn *vfn = fn_hold(arg);

	if (vfn == NULL)
		return -ENODEV;
	vsim_fn_reset(vfn);
	fn_put(arg);
	return 0;
}

/* The client may keep the descriptor of the doorbells, and maps of it: give them new memory. If
 * there is none, the next client cannot map them. */
static void
doorbells_renew(struct nic_fn *fn, struct vsim_fn *vfn)
{
	const int ret = vsim_fn_mem_renew(vfn);

	if (ret != 0)
		fprintf(stderr, "vsr-sim: %s: its doorbells cannot be mapped any more: %s\n",
				fn->bdf, strerror(-ret));
	vuser_server_region_fd(fn->server, VSIM_BAR, ret == 0 ? vsim_fn_mem_fd(vfn, NULL) : -1);
}

static void
op_released(void *arg)
{
	struct vsim_fn *vfn = fn_hold(arg);

	if (vfn == NULL)
		return;
	vsim_fn_reset(vfn);
	for (uint16_t v = 0; v < vsim_fn_nb_vectors(vfn); v++)
		vsim_fn_irq_set(vfn, v, -1);
	vsim_fn_dma_unmap_all(vfn);
	doorbells_renew(arg, vfn);
	fn_put(arg);
}

static const struct vuser_device_ops ops = {
	.region_read = op_region_read,
	.region_write = op_region_write,
	.irq_set_fds = op_irq_set_fds,
	.irq_trigger = op_irq_trigger,
	.dma_map = op_dma_map,
	.dma_unmap = op_dma_unmap,
	.reset = op_reset,
	.released = op_released,
};

/* ---------------------------------------------------------------- servers */

static void
describe(const struct vsim_fn *vfn, struct vuser_device_info *info)
{
	uint64_t mem_size;

	memset(info, 0, sizeof(*info));
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++) {
		info->regions[r].fd = -1;
		info->regions[r].size = vsim_fn_region_size(vfn, r);
		if (info->regions[r].size != 0)
			info->regions[r].flags = VFIO_REGION_INFO_FLAG_READ |
					VFIO_REGION_INFO_FLAG_WRITE;
	}
	/* Only the doorbells can be mapped: other registers have side effects. */
	info->regions[VSIM_BAR].flags |= VFIO_REGION_INFO_FLAG_MMAP;
	info->regions[VSIM_BAR].fd = vsim_fn_mem_fd(vfn, &mem_size);
	info->regions[VSIM_BAR].fd_offset = VSIM_REGION_OFFSET(VSIM_BAR);
	info->regions[VSIM_BAR].nb_sparse = 1;
	info->regions[VSIM_BAR].sparse[0].offset = VSIM_BAR_DOORBELLS;
	info->regions[VSIM_BAR].sparse[0].size = mem_size;
	info->irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	info->irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = vsim_fn_nb_vectors(vfn);
}

/* Create the server of a function and add the function to the bus. */
static int
fn_add(struct nic *nic, unsigned int index, const char *bdf)
{
	struct nic_fn *fn = &nic->fns[index];
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
	struct vuser_device_info info;
	struct vuser_server *server;
	struct host_ids ids;
	struct vsim_ids vids;
	struct vsim_fn *vfn;
	char path[128];
	int ret;

	snprintf(path, sizeof(path), "%s/%s.sock", nic->socket_dir, bdf);
	vfn = fn_hold(fn);
	if (vfn == NULL)
		return -ENODEV;
	describe(vfn, &info);
	vsim_fn_ids(vfn, &vids);
	fn_put(fn);

	server = vuser_server_create(path, &info, &ops, fn);
	if (server == NULL)
		return -errno;
	pthread_mutex_lock(&nic->servers_lock);
	fn->server = server;
	snprintf(fn->bdf, sizeof(fn->bdf), "%s", bdf);
	ret = epoll_ctl(nic->epoll_fd, EPOLL_CTL_ADD, vuser_server_fd(server), &event) == 0 ?
			0 :
			-errno;
	pthread_mutex_unlock(&nic->servers_lock);
	if (ret == 0 && !nic->sockets_only) {
		ids = (struct host_ids){ .vendor = vids.vendor,
			.device = vids.device,
			.subsys_vendor = vids.subsys_vendor,
			.subsys = vids.subsys,
			.revision = vids.revision,
			.class_code = vids.class_code };
		ret = host_fn_add(nic->host, bdf, index != 0 ? nic->pf_bdf : NULL, (uint16_t)index,
				&ids, server, NULL);
	}
	if (ret != 0) {
		pthread_mutex_lock(&nic->servers_lock);
		vuser_server_destroy(server);
		fn->server = NULL;
		pthread_mutex_unlock(&nic->servers_lock);
	}
	return ret;
}

static void
fn_remove(struct nic *nic, unsigned int index)
{
	struct nic_fn *fn = &nic->fns[index];

	if (fn->server == NULL)
		return;
	host_fn_remove(nic->host, fn->bdf);
	pthread_mutex_lock(&nic->servers_lock);
	/* This closes the descriptor of the server, which removes it from the epoll set. */
	vuser_server_destroy(fn->server);
	fn->server = NULL;
	pthread_mutex_unlock(&nic->servers_lock);
}

/* host_vfs_sync: make the bus have num_vfs VFs. */
static int
vfs_sync(void *arg, const char *pf_bdf, uint16_t num_vfs)
{
	struct nic *nic = arg;
	struct host_fn_info pf;
	char bdf[HOST_BDF_LEN];
	int ret;

	for (unsigned int n = nic->total_vfs; n > num_vfs; n--)
		fn_remove(nic, n);
	if (num_vfs == 0)
		return 0;
	ret = host_fn_info(nic->host, pf_bdf, &pf);
	for (unsigned int n = 1; n <= num_vfs && n <= nic->total_vfs && ret == 0; n++) {
		if (nic->fns[n].server != NULL)
			continue;
		if (!host_vf_bdf(&pf, n, bdf))
			ret = -ENOMEM; /* As Linux does: no bus number is left. */
		else
			ret = fn_add(nic, n, bdf);
	}
	if (ret != 0) {
		for (unsigned int n = num_vfs; n > 0; n--)
			fn_remove(nic, n);
	}
	return ret;
}

/* ---------------------------------------------------------------- threads */

static void *
worker_main(void *arg)
{
	struct nic_fn *tag = arg; /* NIC and number of the worker, freed here. */
	struct nic *nic = tag->nic;
	unsigned int w = tag->index;

	free(tag);
	vsim_worker_run(nic->vsim, w);
	return NULL;
}

static void *
socket_main(void *arg)
{
	struct nic *nic = arg;
	struct epoll_event events[16];

	for (;;) {
		int n = epoll_wait(nic->epoll_fd, events, 16, -1);

		for (int i = 0; i < n; i++) {
			struct nic_fn *fn;

			if (events[i].data.u32 == STOP_EVENT)
				return NULL;
			fn = &nic->fns[events[i].data.u32];
			pthread_mutex_lock(&nic->servers_lock);
			if (fn->server != NULL)
				host_server_process(nic->host, fn->server);
			pthread_mutex_unlock(&nic->servers_lock);
		}
		if (n < 0 && errno != EINTR)
			return NULL;
	}
}

static int
start_worker(struct nic *nic, unsigned int w, const unsigned int *cpus, size_t nb_cpus)
{
	struct nic_fn *tag = malloc(sizeof(*tag));
	pthread_attr_t attr;
	cpu_set_t set;
	int ret;

	if (tag == NULL)
		return -ENOMEM;
	tag->nic = nic;
	tag->index = w;
	pthread_attr_init(&attr);
	if (nb_cpus != 0) {
		CPU_ZERO(&set);
		CPU_SET(cpus[w % nb_cpus], &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	ret = -pthread_create(&nic->workers[w], &attr, worker_main, tag);
	pthread_attr_destroy(&attr);
	if (ret != 0)
		free(tag);
	else
		nic->nb_running++;
	return ret;
}

/* ---------------------------------------------------------------- NIC */

/* Parse "+name,-name": features to add to the profile and to remove from it. */
static int
parse_features(const char *text, struct vsim_features *on, struct vsim_features *off, char *err,
		size_t err_len)
{
	char name[64];

	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, ",");
		struct vsim_features *set = text[0] == '-' ? off : on;
		int bit;

		if ((text[0] != '+' && text[0] != '-') || len < 2 || len > sizeof(name)) {
			snprintf(err, err_len, "feature \"%.*s\" is not +NAME or -NAME", (int)len,
					text);
			return -EINVAL;
		}
		snprintf(name, sizeof(name), "%.*s", (int)len - 1, text + 1);
		bit = vsim_feature_find(name);
		if (bit < 0) {
			snprintf(err, err_len, "unknown feature %s (see vsr-sim list)", name);
			return -EINVAL;
		}
		set->w[bit / 64] |= UINT64_C(1) << (bit % 64);
		text += len;
		if (*text == ',')
			text++;
	}
	return 0;
}

struct nic *
nic_create(const struct nic_conf *conf, char *err, size_t err_len)
{
	struct vsim_nic_conf vconf = {
		.profile = vsim_profile_find(conf->profile),
		.total_vfs = conf->total_vfs,
		.queue_pairs = conf->queue_pairs,
		.queue_size = conf->queue_size,
		.mtu = conf->mtu,
		.speed = conf->speed,
		.workers = conf->workers,
		.admin_queues = conf->admin_queues,
		.shuffled_completions = conf->shuffled_completions,
		.strict_doorbells = conf->strict_doorbells,
		.polled_rings = conf->polled_rings,
		.page_per_vq = conf->page_per_vq,
		.pasid_width = conf->pasid_width,
	};
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = STOP_EVENT };
	struct nic *nic;

	memcpy(vconf.mac, conf->mac, sizeof(vconf.mac));
	if (vconf.profile == NULL) {
		snprintf(err, err_len, "unknown profile %s (see vsr-sim list)", conf->profile);
		return NULL;
	}
	if (parse_features(conf->features, &vconf.on, &vconf.off, err, err_len) != 0)
		return NULL;
	for (size_t i = 0; i < conf->nb_switches; i++)
		if (nic_switch_apply(&vconf, conf->switches[i].kind, conf->switches[i].text, err,
				    err_len) != 0)
			return NULL;
	nic = calloc(1, sizeof(*nic));
	if (nic == NULL) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&nic->servers_lock, NULL);
	pthread_mutex_init(&nic->fn_lock, NULL);
	nic->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	nic->stop_fd = eventfd(0, EFD_CLOEXEC);
	snprintf(nic->profile, sizeof(nic->profile), "%s", conf->profile);
	snprintf(nic->socket_dir, sizeof(nic->socket_dir), "%s", conf->socket_dir);
	snprintf(nic->pf_bdf, sizeof(nic->pf_bdf), "%s", conf->pf_bdf);
	nic->sockets_only = conf->sockets_only;
	nic->total_vfs = conf->total_vfs;
	nic->queue_pairs = conf->queue_pairs;
	nic->mtu = conf->mtu;
	nic->nb_workers = conf->workers;
	for (unsigned int i = 0; i <= NIC_MAX_VFS; i++) {
		nic->fns[i].nic = nic;
		nic->fns[i].index = i;
	}
	if (nic->epoll_fd < 0 || nic->stop_fd < 0 ||
			epoll_ctl(nic->epoll_fd, EPOLL_CTL_ADD, nic->stop_fd, &event) != 0) {
		snprintf(err, err_len, "cannot wait for events: %s", strerror(errno));
		nic_destroy(nic);
		return NULL;
	}
	nic->vsim = vsim_nic_create(&vconf, err, err_len);
	if (nic->vsim == NULL) {
		nic_destroy(nic);
		return NULL;
	}
	return nic;
}

int
nic_wire(struct nic *nic, unsigned int index, const char *spec, char *err, size_t err_len)
{
	char peer[32];
	int ret;

	if (index > nic->total_vfs) {
		snprintf(err, err_len, "VF %u is not possible: the PF has at most %u VFs", index,
				nic->total_vfs);
		return -ENODEV;
	}
	/* lib/vsim names peers by index. */
	if (strcmp(spec, "peer:pf") == 0)
		spec = "peer:0";
	else if (strncmp(spec, "peer:vf", 7) == 0 &&
			snprintf(peer, sizeof(peer), "peer:%s", spec + 7) < (int)sizeof(peer))
		spec = peer;
	pthread_mutex_lock(&nic->fn_lock);
	ret = vsim_nic_wire(nic->vsim, index, spec, err, err_len);
	pthread_mutex_unlock(&nic->fn_lock);
	return ret;
}

int
nic_start(struct nic *nic, struct host *host, const unsigned int *cpus, size_t nb_cpus, char *err,
		size_t err_len)
{
	int ret;

	nic->host = host;
	for (unsigned int w = 0; w < nic->nb_workers; w++) {
		ret = start_worker(nic, w, cpus, nb_cpus);
		if (ret != 0) {
			snprintf(err, err_len, "cannot start data plane thread %u: %s", w,
					strerror(-ret));
			return ret;
		}
	}
	ret = -pthread_create(&nic->socket_thread, NULL, socket_main, nic);
	if (ret != 0) {
		snprintf(err, err_len, "cannot start a thread: %s", strerror(-ret));
		return ret;
	}
	nic->socket_thread_runs = true;
	host_on_vfs_sync(host, vfs_sync, nic);
	ret = nic_rescan(nic);
	if (ret != 0)
		snprintf(err, err_len, "cannot add %s to the simulated bus: %s", nic->pf_bdf,
				strerror(-ret));
	return ret;
}

int
nic_rescan(struct nic *nic)
{
	struct host_fn_info info;

	if (host_fn_info(nic->host, nic->pf_bdf, &info) == 0)
		return 0;
	/* Nothing was on a bus, so nothing was removed from it. */
	if (nic->sockets_only && nic->fns[0].server != NULL)
		return 0;
	/* The PF was removed from the bus: destroy its server and the servers of its VFs. */
	for (unsigned int i = nic->total_vfs + 1; i-- > 0;)
		fn_remove(nic, i);
	return fn_add(nic, 0, nic->pf_bdf);
}

void
nic_destroy(struct nic *nic)
{
	if (nic == NULL)
		return;
	if (nic->host != NULL) {
		host_on_vfs_sync(nic->host, NULL, NULL);
		for (unsigned int i = nic->total_vfs + 1; i-- > 0;)
			fn_remove(nic, i);
	}
	if (nic->socket_thread_runs) {
		eventfd_write(nic->stop_fd, 1);
		pthread_join(nic->socket_thread, NULL);
	}
	if (nic->nb_running != 0)
		vsim_worker_stop(nic->vsim);
	for (unsigned int w = 0; w < nic->nb_running; w++)
		pthread_join(nic->workers[w], NULL);
	vsim_nic_destroy(nic->vsim);
	if (nic->epoll_fd >= 0)
		close(nic->epoll_fd);
	if (nic->stop_fd >= 0)
		close(nic->stop_fd);
	pthread_mutex_destroy(&nic->servers_lock);
	pthread_mutex_destroy(&nic->fn_lock);
	free(nic);
}

/* ---------------------------------------------------------------- queries */

int
nic_bdf(struct nic *nic, unsigned int index, char out[HOST_BDF_LEN])
{
	int ret = -ENODEV;

	pthread_mutex_lock(&nic->servers_lock);
	if (index <= nic->total_vfs && nic->fns[index].server != NULL) {
		memcpy(out, nic->fns[index].bdf, HOST_BDF_LEN);
		ret = 0;
	}
	pthread_mutex_unlock(&nic->servers_lock);
	return ret;
}

int
nic_find(struct nic *nic, const char *name)
{
	char full[HOST_BDF_LEN], bdf[HOST_BDF_LEN];
	uint64_t n;

	if (strcmp(name, "pf") == 0)
		return 0;
	if (strncmp(name, "vf", 2) == 0 && base_number_parse(name + 2, NIC_MAX_VFS, &n) == 0)
		return n > 0 && nic_bdf(nic, (unsigned int)n, bdf) == 0 ? (int)n : -ENODEV;
	if (base_bdf_expand(name, full) != 0)
		return -ENODEV;
	for (unsigned int i = 0; i <= nic->total_vfs; i++) {
		if (nic_bdf(nic, i, bdf) == 0 && strcmp(bdf, full) == 0)
			return (int)i;
	}
	return -ENODEV;
}

int
nic_link_set(struct nic *nic, unsigned int index, bool up)
{
	struct vsim_fn *vfn = index <= nic->total_vfs ? fn_hold(&nic->fns[index]) : NULL;

	if (vfn == NULL)
		return -ENODEV;
	vsim_fn_link_set(vfn, up);
	fn_put(&nic->fns[index]);
	return 0;
}

int
nic_mac_set(struct nic *nic, unsigned int index, const uint8_t mac[6])
{
	struct vsim_fn *vfn = index <= nic->total_vfs ? fn_hold(&nic->fns[index]) : NULL;
	int ret;

	if (vfn == NULL)
		return -ENODEV;
	ret = vsim_fn_mac_set(vfn, mac);
	fn_put(&nic->fns[index]);
	return ret;
}

int
nic_mtu_set(struct nic *nic, unsigned int index, uint16_t mtu)
{
	struct vsim_fn *vfn = index <= nic->total_vfs ? fn_hold(&nic->fns[index]) : NULL;
	int ret;

	if (vfn == NULL)
		return -ENODEV;
	ret = vsim_fn_mtu_set(vfn, mtu);
	fn_put(&nic->fns[index]);
	return ret;
}

uint16_t
nic_max_mtu(const struct nic *nic)
{
	return nic->mtu;
}

int
nic_break(struct nic *nic, unsigned int index)
{
	struct vsim_fn *vfn = index <= nic->total_vfs ? fn_hold(&nic->fns[index]) : NULL;
	int ret;

	if (vfn == NULL)
		return -ENODEV;
	ret = vsim_fn_break(vfn);
	fn_put(&nic->fns[index]);
	return ret;
}

bool
nic_mac_parse(const char *text, uint8_t mac[6])
{
	unsigned int b[6];
	int end = 0;

	/* sscanf() also takes spaces, signs and "0x". */
	if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text) ||
			sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4],
					&b[5], &end) != 6 ||
			text[end] != '\0' || (b[0] & 1))
		return false;
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

bool
nic_profile_at(unsigned int i, const char **name, const char **summary)
{
	for (unsigned int k = 0; k <= i; k++) {
		if (vsim_profiles[k].name == NULL)
			return false;
	}
	*name = vsim_profiles[i].name;
	*summary = vsim_profiles[i].summary;
	return true;
}

const char *
nic_feature_at(unsigned int i)
{
	return vsim_feature_name(i);
}

bool
nic_profile_offers(unsigned int profile, unsigned int bit)
{
	return (vsim_profiles[profile].features.w[bit / 64] >> (bit % 64)) & 1;
}
