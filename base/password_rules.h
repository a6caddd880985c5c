/* SPDX-License-Identifier: Apache-2.0 */
/* Which new passwords are taken (NIST SP 800-63B, 5.1.1.2): long enough, and not what is tried
 * first. No classes of characters are asked for. Existing passwords are not held to it. Pure. */
#ifndef BASE_PASSWORD_RULES_H
#define BASE_PASSWORD_RULES_H

#include "base/str.h"

enum { PASSWORD_CHARACTERS_MIN = 8 };

/* NULL if the password may be taken; else why not, as a static text that follows a field's name. */
const char *password_objection(struct str password, struct str email);

#endif
