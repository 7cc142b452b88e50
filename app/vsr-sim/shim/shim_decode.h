/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef SHIM_DECODE_H
#define SHIM_DECODE_H

/**
 * @file
 * The x86-64 instructions by which compilers read and write a register of a device: mov in its
 * forms with one operand in memory. Pure functions, usable in a signal handler.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_INSN_MAX 15 /**< Bytes of the longest instruction. */

/** What an instruction does with the memory operand. */
struct shim_insn {
	uint8_t len; /**< Bytes of the instruction. */
	uint8_t width; /**< Bytes of memory: 1, 2, 4 or 8. */
	bool write; /**< Memory is written. */
	bool immediate; /**< Written value is imm, not a register. */
	uint64_t imm;
	uint8_t reg; /**< 0..15 as encoded: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8... */
	bool high_byte; /**< ah, ch, dh, bh: bits 15:8 of reg. */
	uint8_t reg_width; /**< Bytes of the register that a read writes: 1, 2, 4 or 8. */
	bool sign; /**< A read is sign extended to reg_width. */
};

/**
 * Decode one instruction.
 * @param code  Its bytes; no byte behind its end is looked at.
 * @param max   Bytes that may be read at code.
 * @return false when it is none of ours (insn is undefined then).
 */
bool shim_decode(const uint8_t *code, size_t max, struct shim_insn *insn);

/** The value that a write stores, given what the register holds. */
uint64_t shim_insn_value(const struct shim_insn *insn, uint64_t reg);

/** What the register holds after a read gave value (width bytes of it). */
uint64_t shim_insn_result(const struct shim_insn *insn, uint64_t reg, uint64_t value);

#endif /* SHIM_DECODE_H */
