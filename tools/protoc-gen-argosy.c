/* SPDX-License-Identifier: Apache-2.0 */
/* Replaced by the plugin. */
#include <stdio.h>
int main(void)
{
    return 0;
}
