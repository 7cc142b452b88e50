/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef SHIM_DECODE_H
#define SHIM_DECODE_H

/**
 * @file
 * The x86-64 instructions by which compilers read and write a register of a device: mov in its
 * forms with one operand in memory, and the arithmetic into which they merge such a load or store
 * (clang does so: "cmpb $0, (%rdi)"). Pure functions, usable in a signal handler.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_INSN_MAX 15 /**< Bytes of the longest instruction. */

/** The first eight as opcodes number them. */
enum shim_op {
	SHIM_ADD,
	SHIM_OR,
	SHIM_ADC,
	SHIM_SBB,
	SHIM_AND,
	SHIM_SUB,
	SHIM_XOR,
	SHIM_CMP,
	SHIM_TEST,
	SHIM_MOV,
};

/** One instruction: first operand = first operand OP second operand. */
struct shim_insn {
	uint8_t len; /**< Bytes of the instruction. */
	uint8_t width; /**< Bytes of memory: 1, 2, 4 or 8. */
	enum shim_op op;
	bool to_memory; /**< Memory is the first operand, else the second. */
	bool immediate; /**< The operand that is not in memory is imm, not a register. */
	uint64_t imm;
	uint8_t reg; /**< 0..15 as encoded: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8... */
	bool high_byte; /**< ah, ch, dh, bh: bits 15:8 of reg. */
	uint8_t reg_width; /**< Bytes of the register that takes part: 1, 2, 4 or 8. */
	bool sign; /**< What is read is sign extended to reg_width. */
};

/**
 * Decode one instruction.
 * @param code  Its bytes; no byte behind its end is looked at.
 * @param max   Bytes that may be read at code.
 * @return false when it is none of ours (insn is undefined then).
 */
bool shim_decode(const uint8_t *code, size_t max, struct shim_insn *insn);

/** Whether the instruction loads from memory. */
bool shim_insn_loads(const struct shim_insn *insn);
/** Whether it stores to memory; after the load, if it does both. */
bool shim_insn_stores(const struct shim_insn *insn);

/**
 * Do it.
 * @param reg     In and out: the whole register.
 * @param flags   In and out: rflags.
 * @param memory  In and out: width bytes of memory, if the instruction loads and stores them.
 */
void shim_insn_run(const struct shim_insn *insn, uint64_t *reg, uint64_t *flags, uint64_t *memory);

#endif /* SHIM_DECODE_H */
