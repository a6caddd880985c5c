/* SPDX-License-Identifier: Apache-2.0 */
/* Makes error-prone calls of the C library compile errors. The build includes this file before
 * every other. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc makes macros of these for clang when FORTIFY is on, and a macro cannot be poisoned. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets srand atoi atol atof strncat

/* OpenSSL's headers have parameters of this name, so it is deprecated rather than poisoned: -Werror
 * then makes only the call an error. */
int rand(void) __attribute__((deprecated("use base/random.h")));

#endif
