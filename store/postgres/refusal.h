/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection could not be made. Private to this folder. */
#ifndef STORE_POSTGRES_REFUSAL_H
#define STORE_POSTGRES_REFUSAL_H

#include "base/arena.h"
#include "base/status.h"

/* The status of libpq's error `text` about a new connection, for operators: it names the host and
 * the user, and never the password. UNAVAILABLE: STORE_REFUSED if somebody has to correct a setting
 * first, and the message then says which; else STORE_UNREACHABLE. */
struct status postgres_connect_status(struct arena *arena, const char *text);

#endif
