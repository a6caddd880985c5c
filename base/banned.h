/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that nobody gets right every time are compile errors here; the build includes this file before every other. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets rand srand atoi atol atof strncat

#endif
