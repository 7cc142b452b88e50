/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The thread that asks front ends to map doorbells. */

#include <string.h>
#include <sys/eventfd.h>

#include <rte_lcore.h>

#include "guest/vdpa_vhost.h"
#include "vdpa_notify.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t asked_cond;
	pthread_t thread;
	bool started, asked;
} notify = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.asked_cond = PTHREAD_COND_INITIALIZER,
};

bool
vdpa_notify_page(const struct vdpa_dev *dev, const struct vdpa_queue *queue, uint64_t *at)
{
	return dev->args.host_notifier && dev->state == VDPA_RUNNING && queue->running &&
			queue->relay == NULL &&
			vio_vfio_doorbell_page(&dev->vfio, queue->doorbell.offset, at) == 0;
}

/* Ask for one queue that is not as it should be. @return false: all are, or nobody answers. */
static bool
queue_ask(struct vdpa_dev *dev)
{
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++) {
		struct vdpa_queue *queue = &dev->queues[i];
		const int vid = dev->vid;
		uint64_t at;
		const bool on = vdpa_notify_page(dev, queue, &at);
		bool done;

		if (on == queue->notified || queue->notify_refused)
			continue;
		dev->notifying = true;
		pthread_mutex_unlock(&dev->lock);
		done = vdpa_vhost_notifier(vid, queue->index, on);
		pthread_mutex_lock(&dev->lock);
		dev->notifying = false;
		pthread_cond_broadcast(&dev->notified);
		queue->notify_refused = on && !done;
		queue->notified = on && done;
		/* What the guest has written to the doorbell of the VF was not for the relay. */
		if (!on && queue->intr_fd >= 0)
			eventfd_write(queue->intr_fd, 1);
		return true;
	}
	return false;
}

static void *
notify_main(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&notify.lock);
		while (!notify.asked)
			pthread_cond_wait(&notify.asked_cond, &notify.lock);
		notify.asked = false;
		pthread_mutex_unlock(&notify.lock);
		for (struct vdpa_dev *dev = vdpa_dev_get_next(NULL); dev != NULL;
				dev = vdpa_dev_get_next(dev)) {
			pthread_mutex_lock(&dev->lock);
			while (dev->vid >= 0 && !dev->leaving && queue_ask(dev))
				;
			pthread_mutex_unlock(&dev->lock);
		}
	}
	return arg;
}

void
vdpa_notify_update(struct vdpa_dev *dev)
{
	if (!dev->args.host_notifier)
		return;
	pthread_mutex_lock(&notify.lock);
	if (!notify.started)
		notify.started = rte_ctrl_thread_create(&notify.thread, "vsr-vdpa-bell", NULL,
						 notify_main, NULL) == 0;
	if (!notify.started)
		VDPA_LOG(ERR, dev->name, "no thread: doorbells are relayed");
	notify.asked = true;
	pthread_cond_signal(&notify.asked_cond);
	pthread_mutex_unlock(&notify.lock);
}

void
vdpa_notify_wait(struct vdpa_dev *dev)
{
	dev->leaving = true;
	while (dev->notifying)
		pthread_cond_wait(&dev->notified, &dev->lock);
	dev->leaving = false;
	/* The front end unmaps them when it stops the guest. */
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++)
		dev->queues[i].notified = dev->queues[i].notify_refused = false;
}
