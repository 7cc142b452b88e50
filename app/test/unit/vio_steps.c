/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The steps of vio_virtq_vec.h; compiled once for AVX2 and once for AVX-512. */

#include "virtio/vio_virtq_vec.h"
#include "vio_steps.h"

static bool
reap(struct vio_virtq *vq, void **cookies, uint32_t *lens)
{
	vio_vec cookie, len;

	if (vq->packed ? !vio_vec_packed_reap(vq, &cookie, &len) :
			 !vio_vec_split_reap(vq, &cookie, &len))
		return false;
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		cookies[i] = (void *)(uintptr_t)cookie[i];
		lens[i] = (uint32_t)len[i];
	}
	return true;
}

static bool
post(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t flags, void **cookies)
{
	vio_vec iovas, lens, cookie;

	for (unsigned int i = 0; i < VIO_LANES; i++) {
		iovas[i] = segs[i].iova;
		lens[i] = segs[i].len;
		cookie[i] = (uintptr_t)cookies[i];
	}
	return vq->packed ? vio_vec_packed_post(vq, iovas, lens, flags, cookie) :
			    vio_vec_split_post(vq, iovas, lens, flags, cookie);
}

#if VIO_LANES == 8
const struct vio_steps vio_steps_avx512 = {
#else
const struct vio_steps vio_steps_avx2 = {
#endif
	.lanes = VIO_LANES,
	.reap = reap,
	.post = post,
};
