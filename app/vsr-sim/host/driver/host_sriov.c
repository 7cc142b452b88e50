/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * SR-IOV: create and remove the VFs of a PF, as Linux' drivers/pci/iov.c and vfio-pci do.
 *
 * PCI Express Base Specification 9.3.3.
 */

#include <errno.h>
#include <string.h>

#include "../function/host_files.h"
#include "../function/host_pci.h"
#include "host_sriov.h"

bool
host_sriov_any_open(struct host *host, const struct host_fn *pf)
{
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		if (host_fn_in_use(host, vf))
			return true;
	return false;
}

void
host_sriov_set_closing(struct host *host, const struct host_fn *pf, bool closing)
{
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;) {
		vf->closing = closing;
		vf->requested_ms = 0;
	}
}

int
host_sriov_remove_vfs(struct host *host, const char *pf_bdf)
{
	struct host_fn *pf;
	int ret = host->vfs_sync != NULL ? host->vfs_sync(host->vfs_sync_arg, pf_bdf, 0) : 0;

	pthread_mutex_lock(&host->lock);
	pf = host_find(host, pf_bdf);
	if (pf != NULL && ret == 0) {
		host_pci_sriov_registers(pf, 0);
		pf->sriov_numvfs = 0;
	} else if (pf != NULL) {
		host_sriov_set_closing(host, pf, false);
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_sriov_autoprobe_set(struct host *host, const char *bdf, bool on)
{
	struct host_fn *fn;
	int ret = 0;

	pthread_mutex_lock(&host->lock);
	fn = host_find(host, bdf);
	if (fn == NULL)
		ret = -ENODEV;
	else if (fn->sriov_cap == 0)
		ret = -ENOENT;
	else
		fn->no_autoprobe = !on;
	pthread_mutex_unlock(&host->lock);
	return ret;
}

void
host_on_vfs_sync(struct host *host, host_vfs_sync sync, void *arg)
{
	pthread_mutex_lock(&host->lock);
	host->vfs_sync = sync;
	host->vfs_sync_arg = arg;
	pthread_mutex_unlock(&host->lock);
}

/*
 * The checks of sriov_numvfs_store() and of vfio-pci, in the order of Linux.
 * @return 1: change the VFs; 0: there is nothing to change; or -errno.
 */
static int
sriov_check(struct host *host, struct host_fn *pf, uint16_t num_vfs)
{
	if (pf == NULL)
		return -ENODEV;
	if (pf->sriov_cap == 0)
		return -ENOENT;
	if (num_vfs > pf->sriov_totalvfs)
		return -ERANGE;
	if (num_vfs == pf->sriov_numvfs)
		return 0;
	if (pf->driver != HOST_DRIVER_VFIO_PCI)
		return -ENOENT;
	if (pf->removing)
		return -EBUSY;
	if (num_vfs == 0 ? host_sriov_any_open(host, pf) : pf->sriov_numvfs != 0)
		return -EBUSY;
	return 1;
}

int
host_sriov_numvfs_set(struct host *host, const char *bdf, uint16_t num_vfs)
{
	struct host_fn *pf;
	int ret;

	pthread_mutex_lock(&host->sriov_lock);
	pthread_mutex_lock(&host->lock);
	pf = host_find(host, bdf);
	ret = sriov_check(host, pf, num_vfs);
	if (ret == 1 && num_vfs != 0) {
		host_pci_sriov_registers(pf, num_vfs);
		pf->sriov_numvfs = num_vfs;
	} else if (ret == 1) {
		host_sriov_set_closing(host, pf, true);
	}
	pthread_mutex_unlock(&host->lock);
	if (ret == 1 && num_vfs == 0) {
		ret = host_sriov_remove_vfs(host, bdf);
	} else if (ret == 1) {
		ret = host->vfs_sync != NULL ? host->vfs_sync(host->vfs_sync_arg, bdf, num_vfs) : 0;
		if (ret != 0) {
			host_log(bdf, "cannot create %u VFs: %s", num_vfs, strerror(-ret));
			host_sriov_remove_vfs(host, bdf);
		}
	}
	pthread_mutex_unlock(&host->sriov_lock);
	return ret;
}
