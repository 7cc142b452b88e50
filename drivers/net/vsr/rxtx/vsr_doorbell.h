/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_DOORBELL_H
#define VSR_DOORBELL_H

/**
 * @file
 * TX doorbells that are held back.
 */

#include "../base/vsr_queue.h"

#define VSR_TX_HOLD_MIN 8 /**< A burst of fewer packets rings at once. */

/** Packets were published: ring, or owe the doorbell. */
void vsr_txq_doorbell_hold(struct vsr_txq *txq, uint16_t nb_sent);
/** Ring what is owed. @return true if it was. */
bool vsr_txq_doorbell_ring(struct vsr_txq *txq);
/** Ring for all TX queues what is owed, or only what is due. */
void vsr_doorbells_ring(struct vsr_dev *dev, bool all);
/** The same, for the last time before the next start. */
void vsr_doorbells_stop(struct vsr_dev *dev);

#endif /* VSR_DOORBELL_H */
