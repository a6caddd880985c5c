/* SPDX-License-Identifier: Apache-2.0 */
/* Which new passwords are accepted (NIST SP 800-63B, 5.1.1.2): long enough, and not easily guessed.
 * No classes of characters are required. Existing passwords are not checked. Pure. */
#ifndef BASE_PASSWORD_RULES_H
#define BASE_PASSWORD_RULES_H

#include "base/str.h"

enum { PASSWORD_CHARACTERS_MIN = 8 };

/* NULL if the password is acceptable; else why not, as a static text to follow a field's name. */
const char *password_objection(struct str password, struct str email);

#endif
