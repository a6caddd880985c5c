/* SPDX-License-Identifier: Apache-2.0 */
/* The list of commands, in the order in which help shows them. */
#include "app/commands.h"

const struct command *const commands[] = {
    &command_serve,       &command_routes,      &command_config,
    &command_import,      &command_export,      &command_backup_verify,
    &command_backup,      &command_restore,     &command_store_prepare,
    &command_store_check, &command_stock_check, &command_payments_reconcile,
    &command_user_create, &command_user_role,   &command_user_list,
    &command_events_tail, &command_dlq_list,    &command_dlq_show,
    &command_dlq_replay,  &command_healthcheck, &command_completion,
    &command_man,         &command_version,     0,
};
