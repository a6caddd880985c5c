/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that a spreadsheet would run as a formula. For csv.c and csv_write.c. */
#ifndef APP_CSV_FORMULA_H
#define APP_CSV_FORMULA_H

#include "base/str.h"

/* Would a spreadsheet run it? */
bool csv_is_formula(struct str text);

/* Is it apostrophes and then a formula? That is how it is kept from running. */
bool csv_is_guarded(struct str text);

#endif
