/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: what a status should be, on a fiber too. Included by test programs only, which include
 * reasons.pb-c.h for the reasons that they name. */
#ifndef BASE_STATUS_TESTING_H
#define BASE_STATUS_TESTING_H

#include "base/status.h"
#include "base/test.h"

#define EXPECT_OK(expression)                                                                    \
    do {                                                                                         \
        struct status expected_ = (expression);                                                  \
        if (failed(expected_))                                                                   \
            printf("  %s: %s\n", #expression, expected_.message ? expected_.message : "failed"); \
        EXPECT(!failed(expected_));                                                              \
    } while (0)

/* Code and reason, without their prefixes: EXPECT_REFUSED(st, NOT_FOUND, USER_NOT_FOUND). */
#define EXPECT_REFUSED(expression, wanted_code, wanted_reason)                                \
    do {                                                                                      \
        struct status refused_ = (expression);                                                \
        if (refused_.code != STATUS_##wanted_code ||                                          \
            refused_.reason != ARGOSY__REASON__##wanted_reason)                               \
            printf("  %s: %s, reason %d: %s\n", #expression, status_code_name(refused_.code), \
                   refused_.reason, refused_.message ? refused_.message : "");                \
        EXPECT(refused_.code == STATUS_##wanted_code);                                        \
        EXPECT(refused_.reason == ARGOSY__REASON__##wanted_reason);                           \
    } while (0)

#endif
