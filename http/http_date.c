/* SPDX-License-Identifier: Apache-2.0 */
/* Formats the Date header once per second. See http/http_message.h. */
#include <time.h>

#include "base/clock.h"
#include "http/http_message.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct str http_date_now(struct http_date *date)
{
    int64_t second = clock_now_us() / 1000000;
    if (second != date->second) {
        time_t time = (time_t)second;
        struct tm utc;
        gmtime_r(&time, &utc);
        /* Not strftime: its names of days and months depend on the locale. */
        char text[64];
        snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                 utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
        memcpy(date->text, text, HTTP_DATE_LENGTH);
        date->text[HTTP_DATE_LENGTH] = 0;
        date->second = second;
    }
    return str_sized(date->text, HTTP_DATE_LENGTH);
}
