/* SPDX-License-Identifier: Apache-2.0 */
/* Currencies of ISO 4217 and the conversion between doubles and minor units. */
#include "base/money.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The codes by their number of decimals in alphabetical order, each four bytes with its space: what "List one" of ISO
 * 4217:2015 has with amendments 1 to 180 (180: Bulgaria's euro, of 1 January 2026), without the
 * metals, the units of account and the codes for tests, which have no minor unit. */
static const char *const currencies[] = {
    [0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
    [1] = "",
    [2] = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP "
          "BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB "
          "EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
          "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
          "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
          "RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
          "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ",
    [3] = "BHD IQD JOD KWD LYD OMR TND ",
    [4] = "CLF UYW ",
};

/* Withdrawn since the edition of 2015, with their successors. */
static const struct {
    const char *code;
    int exponent;
    const char *successor;
} withdrawn[] = {
    {"ANG", 2, "XCG"}, {"BGN", 2, "EUR"}, {"BYR", 0, "BYN"}, {"CUC", 2, "CUP"}, {"HRK", 2, "EUR"},
    {"MRO", 2, "MRU"}, {"SLL", 2, "SLE"}, {"STD", 2, "STN"}, {"VEF", 2, "VES"}, {"ZWL", 2, "ZWG"},
};
enum { WITHDRAWN_COUNT = sizeof(withdrawn) / sizeof(withdrawn[0]) };

const char *money_successor(const char *currency)
{
    for (size_t i = 0; i < WITHDRAWN_COUNT; i++)
        if (strcmp(withdrawn[i].code, currency) == 0) return withdrawn[i].successor;
    return 0;
}

/* A code as a number, so that codes are compared at once. */
static uint32_t number_of(const char *code)
{
    return (uint32_t)(uint8_t)code[0] << 16 | (uint32_t)(uint8_t)code[1] << 8 | (uint8_t)code[2];
}

static bool is_listed(const char *codes, uint32_t wanted)
{
    size_t low = 0, high = strlen(codes) / 4;

    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t code = number_of(codes + 4 * middle);
        if (code == wanted) return true;
        if (code < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool money_exponent(const char *currency, int *ret_exponent)
{
    static const int order[] = {2, 0, 3, 4}; /* the most frequent first */

    if (strlen(currency) != 3) return false;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (!is_listed(currencies[order[i]], number_of(currency))) continue;
        *ret_exponent = order[i];
        return true;
    }
    for (size_t i = 0; i < WITHDRAWN_COUNT; i++) {
        if (strcmp(withdrawn[i].code, currency) != 0) continue;
        *ret_exponent = withdrawn[i].exponent;
        return true;
    }
    return false;
}

enum { DECIMAL_TEXT_SIZE = 40 };

/* The shortest decimal that reads back as `value`, as digits with an exponent: d.ddde+xx. */
static void shortest_decimal(double value, char ret_text[DECIMAL_TEXT_SIZE])
{
    for (int digits = 14; digits <= 16; digits++) {
        snprintf(ret_text, DECIMAL_TEXT_SIZE, "%.*e", digits, value);
        if (strtod(ret_text, 0) == value) return;
    }
}

bool money_from_double(double amount, int exponent, int64_t *ret_minor)
{
    char text[DECIMAL_TEXT_SIZE];
    int64_t digits = 0;
    int decimals = 0; /* of `digits`, read as an integer */
    const char *next = text;

    if (!(amount >= 0 && amount <= 1e9)) return false;
    if (amount == 0) {
        *ret_minor = 0;
        return true;
    }
    shortest_decimal(amount, text);
    digits = *next++ - '0';
    for (next++; *next >= '0' && *next <= '9'; next++, decimals++)
        digits = digits * 10 + (*next - '0');
    decimals -= (int)strtol(next + 1, 0, 10);

    while (decimals > 0 && digits % 10 == 0) {
        digits /= 10;
        decimals--;
    }
    if (decimals > exponent) return false;
    for (; decimals < exponent; decimals++) digits *= 10; /* at most 1e9 with four decimals */
    *ret_minor = digits;
    return true;
}

double money_to_double(int64_t minor, const char *currency)
{
    static const double scales[] = {1, 10, 100, 1000, 10000};
    int exponent = 2;

    money_exponent(currency, &exponent);
    return (double)minor /
           scales[exponent]; /* correctly rounded: the double that the decimal number reads as */
}

int64_t money_nearest(double amount, const char *currency)
{
    int exponent = 2;

    money_exponent(currency, &exponent);
    return llround(amount * pow(10, exponent));
}
