/* SPDX-License-Identifier: Apache-2.0 */
/* Every command is one constant in a file of its own: command_x.c. */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

#include "app/command.h"

extern const struct command command_serve;
extern const struct command command_routes;
extern const struct command command_config;
extern const struct command command_import;
extern const struct command command_export;
extern const struct command command_backup;
extern const struct command command_backup_verify;
extern const struct command command_restore;
extern const struct command command_store_prepare;
extern const struct command command_store_check;
extern const struct command command_stock_check;
extern const struct command command_payments_reconcile;
extern const struct command command_user_create;
extern const struct command command_user_role;
extern const struct command command_user_list;
extern const struct command command_events_tail;
extern const struct command command_dlq_list;
extern const struct command command_dlq_show;
extern const struct command command_dlq_replay;
extern const struct command command_healthcheck;
extern const struct command command_completion;
extern const struct command command_man;
extern const struct command command_version;

#endif
