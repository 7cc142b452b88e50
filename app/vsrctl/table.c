/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Tables that fit the terminal: the widest column is cut when a line would be too long. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/base_number.h"
#include "base/base_text.h"

#include "ctl.h"

#define GAP 2
#define NARROWEST 12 /* A PCI address is never cut. */

/* Make room for one more row. */
static void
grow(struct table *table)
{
	const size_t at = table->nb_rows * table->nb_cols;
	char **more = reallocarray(table->cells, at + TABLE_COLS, sizeof(*more));

	if (more == NULL)
		abort();
	table->cells = more;
}

void
table_start(struct table *table, ...)
{
	const char *head;
	va_list args;

	memset(table, 0, sizeof(*table));
	grow(table);
	va_start(args, table);
	while ((head = va_arg(args, const char *)) != NULL && table->nb_cols < TABLE_COLS)
		table->cells[table->nb_cols++] = strdup(head);
	va_end(args);
	table->nb_rows = 1;
}

void
table_row(struct table *table, ...)
{
	va_list args;

	grow(table);
	va_start(args, table);
	for (unsigned int i = 0; i < table->nb_cols; i++)
		table->cells[table->nb_rows * table->nb_cols + i] = strdup(
				va_arg(args, const char *));
	va_end(args);
	table->nb_rows++;
}

/* Width of the terminal in columns; 0: no limit. */
static unsigned int
terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns != NULL && base_number_parse(columns, UINT16_MAX, &width) == 0 && width != 0)
		return (unsigned int)width;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void
fit(const struct table *table, unsigned int width[TABLE_COLS])
{
	const unsigned int limit = terminal_width();
	unsigned int total = 0;

	for (unsigned int col = 0; col < table->nb_cols; col++) {
		width[col] = 0;
		for (unsigned int row = 0; row < table->nb_rows; row++) {
			const char *cell = table->cells[row * table->nb_cols + col];
			const size_t len = base_text_width(cell) - (row == 0 && cell[0] == '>');

			if (len > width[col])
				width[col] = (unsigned int)len;
		}
		total += width[col] + (col != 0 ? GAP : 0);
	}
	while (limit != 0 && total > limit) {
		unsigned int widest = 0;

		for (unsigned int col = 1; col < table->nb_cols; col++)
			if (width[col] > width[widest])
				widest = col;
		if (width[widest] <= NARROWEST)
			return;
		width[widest]--;
		total--;
	}
}

static void
print_cell(const char *cell, unsigned int width, bool right, bool last)
{
	const size_t len = base_text_width(cell);
	const int pad = len < width ? (int)(width - len) : 0;

	if (len > width && width > 2)
		printf("%.*s..", (int)base_text_cut(cell, width - 2), cell);
	else if (right)
		printf("%*s%s", pad, "", cell);
	else
		printf("%s%*s", cell, last ? 0 : pad, "");
}

void
table_print(const struct ctl *ctl, struct table *table)
{
	unsigned int width[TABLE_COLS] = { 0 };
	char buf[16];

	fit(table, width);
	for (unsigned int row = 0; row < table->nb_rows; row++) {
		printf("%s", row == 0 ? ctl_paint(ctl, CTL_BOLD, buf) : "");
		for (unsigned int col = 0; col < table->nb_cols; col++) {
			const char *cell = table->cells[row * table->nb_cols + col];
			const bool right = table->cells[col][0] == '>';

			printf("%*s", col != 0 ? GAP : 0, "");
			print_cell(cell + (row == 0 && right), width[col], right,
					col + 1 == table->nb_cols);
		}
		printf("%s\n", row == 0 ? ctl_plain(ctl) : "");
	}
	for (unsigned int i = table->nb_rows * table->nb_cols; i-- > 1;)
		free(table->cells[i]);
	free(table->cells[0]);
	free(table->cells);
	memset(table, 0, sizeof(*table));
}
