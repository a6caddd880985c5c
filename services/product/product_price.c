/* SPDX-License-Identifier: Apache-2.0 */
/* Prices: the decimals of currencies (ISO 4217), and doubles as exact decimal numbers. */
#include "services/product/product.h"

#include <math.h>

/* The codes by their number of decimals, each five bytes with its space. */
static const char *const currencies[] = {
    [0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
    [1] = "",
    [2] = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP "
          "BYN "
          "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP "
          "GBP "
          "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK "
          "LBP "
          "LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK "
          "NPR "
          "NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP "
          "STN "
          "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR "
          "ZMW "
          "ZWL ",
    [3] = "BHD IQD JOD KWD LYD OMR TND ",
    [4] = "CLF UYW ",
};

bool product_currency_exponent(const char *currency, int *ret_exponent)
{
    static const int order[] = {2, 0, 3, 4}; /* the likeliest first */

    if (strlen(currency) != 3) return false;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (const char *code = currencies[order[i]]; *code; code += 4) {
            if (memcmp(code, currency, 3) != 0) continue;
            *ret_exponent = order[i];
            return true;
        }
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

bool product_price_to_minor(double price, int exponent, int64_t *ret_minor)
{
    char text[DECIMAL_TEXT_SIZE];
    int64_t digits = 0;
    int decimals = 0; /* of `digits`, read as an integer */
    const char *next = text;

    if (!(price >= 0 && price <= 1e9)) return false;
    if (price == 0) {
        *ret_minor = 0;
        return true;
    }
    shortest_decimal(price, text);
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

double product_price_from_minor(int64_t minor, const char *currency)
{
    static const double scales[] = {1, 10, 100, 1000, 10000};
    int exponent = 2;

    product_currency_exponent(currency, &exponent);
    return (double)minor /
           scales[exponent]; /* correctly rounded: the double that the decimal number reads as */
}

int64_t product_unit_amount(const struct product *product)
{
    int64_t least = product->variants[0].unit_amount;

    for (size_t i = 1; i < product->variant_count; i++)
        if (product->variants[i].unit_amount < least) least = product->variants[i].unit_amount;
    return least;
}
