#include "services/payment/simulator/amount_rule.h"

#include <stdbool.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const char *const presentment[] = {
    "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt",
    "bgn", "bhd", "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf",
    "chf", "clp", "cny", "cop", "crc", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "etb",
    "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl", "htg",
    "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr", "kmf", "krw",
    "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd", "mmk",
    "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr",
    "nzd", "omr", "pab", "pen", "pgk", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub",
    "rwf", "sar", "sbd", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs",
    "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd", "uyu", "uzs", "vnd", "vuv",
    "wst", "xaf", "xcd", "xcg", "xof", "xpf", "yer", "zar", "zmw",
};
static const char *const hundreds[] = {"isk", "ugx"};
static const char *const tens[] = {"bhd", "jod", "kwd", "omr", "tnd"};

struct bound {
    const char *currency;
    int64_t amount;
};

static const struct bound least[] = {
    {"usd", 50},    {"aed", 200},  {"aud", 50},  {"bgn", 100},  {"brl", 50},  {"cad", 50},
    {"chf", 50},    {"czk", 1500}, {"dkk", 250}, {"eur", 50},   {"gbp", 30},  {"hkd", 400},
    {"huf", 17500}, {"inr", 50},   {"jpy", 50},  {"mxn", 1000}, {"myr", 200}, {"nok", 300},
    {"nzd", 50},    {"pln", 200},  {"ron", 200}, {"sek", 300},  {"sgd", 50},  {"thb", 1000},
};
#define EIGHT_DIGITS 99999999
static const struct bound most[] = {
    {"inr", 999999999},  {"cop", 9999999999},  {"huf", 9999999999},
    {"jpy", 9999999999}, {"lbp", 99999999999}, {"idr", 999999999999},
};

static int64_t find_bound(const struct bound *bounds, int count, struct slice currency,
                          int64_t other) {
    for (int i = 0; i < count; i++)
        if (slice_is(currency, bounds[i].currency))
            return bounds[i].amount;
    return other;
}

static bool is_among(struct slice currency, const char *const *names, int count) {
    return slice_index(currency, names, count) >= 0;
}

const char *amount_rule_judge(struct slice currency, int64_t amount, const char **code) {
    *code = NULL;
    if (!is_among(currency, presentment, COUNT(presentment)))
        return "currency";
    if (amount < 1 || (is_among(currency, hundreds, COUNT(hundreds)) && amount % 100 != 0) ||
        (is_among(currency, tens, COUNT(tens)) && amount % 10 != 0))
        return "amount";
    if (amount < find_bound(least, COUNT(least), currency, 1))
        *code = "amount_too_small";
    if (amount > find_bound(most, COUNT(most), currency, EIGHT_DIGITS))
        *code = "amount_too_large";
    return *code != NULL ? "amount" : NULL;
}
