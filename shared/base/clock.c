#include "shared/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)
/* Four digits of year reach from 0000-01-01 to the last microsecond of 9999-12-31. */
#define LEAST_US (INT64_C(-719528) * US_PER_DAY)
#define MOST_US (INT64_C(2932897) * US_PER_DAY - 1)

static int64_t read_clock_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now_us(void) {
    return read_clock_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void) {
    return read_clock_us(CLOCK_MONOTONIC);
}

void clock_sleep_ms(int64_t ms) {
    if (ms <= 0)
        return;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}

struct civil_date {
    int64_t year;
    int64_t month, day; /* from 1 */
};

/* The Gregorian calendar repeats every 400 years of 146097 days. Counting years from March puts the
   leap day last, so that a month's first day is a linear function of the month:
   https://howardhinnant.github.io/date_algorithms.html */
static int64_t days_of_date(struct civil_date date) {
    int64_t shifted_year = date.month > 2 ? date.year : date.year - 1;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
    int64_t year_of_era = shifted_year - era * 400;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil_date date_of_days(int64_t days) {
    int64_t from_era_start = days + 719468;
    int64_t era = (from_era_start >= 0 ? from_era_start : from_era_start - 146096) / 146097;
    int64_t day_of_era = from_era_start - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct civil_date date = {
        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

static char *put_digits(char *at, int64_t value, int count) {
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

void clock_format(int64_t time_us, char *text) {
    if (time_us < LEAST_US)
        time_us = LEAST_US;
    if (time_us > MOST_US)
        time_us = MOST_US;
    int64_t days = time_us / US_PER_DAY - (time_us % US_PER_DAY < 0);
    int64_t us_of_day = time_us - days * US_PER_DAY;
    int64_t second_of_day = us_of_day / US_PER_SECOND;
    struct civil_date date = date_of_days(days);

    char *at = put_digits(text, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, second_of_day / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second_of_day / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second_of_day % 60, 2);
    *at++ = '.';
    at = put_digits(at, us_of_day % US_PER_SECOND, 6);
    *at++ = 'Z';
    *at = '\0';
}

static bool take_number(struct slice *in, size_t digits, int64_t least, int64_t most,
                        int64_t *value) {
    uint64_t number;
    if (in->len < digits ||
        !slice_parse_uint((struct slice){in->ptr, digits}, (uint64_t)most, &number))
        return false;
    *in = (struct slice){in->ptr + digits, in->len - digits};
    *value = (int64_t)number;
    return *value >= least;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(struct slice *in, int64_t *days) {
    struct civil_date date;
    if (!take_number(in, 4, 0, 9999, &date.year) || !slice_take_prefix(in, "-") ||
        !take_number(in, 2, 1, 12, &date.month) || !slice_take_prefix(in, "-") ||
        !take_number(in, 2, 1, days_in_month(date.year, date.month), &date.day))
        return false;
    *days = days_of_date(date);
    return true;
}

/* A leap second is read as the first second of the next minute. */
static bool take_time(struct slice *in, int64_t *seconds) {
    int64_t hour, minute, second;
    if (!take_number(in, 2, 0, 23, &hour) || !slice_take_prefix(in, ":") ||
        !take_number(in, 2, 0, 59, &minute) || !slice_take_prefix(in, ":") ||
        !take_number(in, 2, 0, 60, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static bool take_fraction(struct slice *in, int64_t *us) {
    *us = 0;
    if (!slice_take_prefix(in, "."))
        return true;
    int digits = 0;
    for (int64_t unit = US_PER_SECOND / 10, digit; take_number(in, 1, 0, 9, &digit); unit /= 10) {
        *us += digit * unit;
        digits++;
    }
    return digits >= 1 && digits <= 9;
}

static bool take_offset(struct slice *in, int64_t *seconds) {
    *seconds = 0;
    if (slice_take_prefix(in, "Z") || slice_take_prefix(in, "z"))
        return true;
    int64_t sign = slice_take_prefix(in, "-") ? -1 : 1, hour, minute;
    if ((sign > 0 && !slice_take_prefix(in, "+")) || !take_number(in, 2, 0, 23, &hour) ||
        !slice_take_prefix(in, ":") || !take_number(in, 2, 0, 59, &minute))
        return false;
    *seconds = sign * (hour * 3600 + minute * 60);
    return true;
}

bool clock_parse(struct slice text, int64_t *time_us) {
    struct slice in = text;
    int64_t days, seconds, us, offset_seconds;
    if (!take_date(&in, &days) || !(slice_take_prefix(&in, "T") || slice_take_prefix(&in, "t")) ||
        !take_time(&in, &seconds) || !take_fraction(&in, &us) ||
        !take_offset(&in, &offset_seconds) || in.len > 0)
        return false;
    int64_t parsed_us = days * US_PER_DAY + (seconds - offset_seconds) * US_PER_SECOND + us;
    if (parsed_us < LEAST_US || parsed_us > MOST_US)
        return false;
    *time_us = parsed_us;
    return true;
}

void clock_format_duration(int64_t ns, char *text) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"d", INT64_C(86400000000000)},
        {"h", INT64_C(3600000000000)},
        {"m", INT64_C(60000000000)},
        {"s", INT64_C(1000000000)},
        {"ms", 1000000},
        {"us", 1000},
        {"ns", 1},
    };
    size_t i = 0;
    while (ns % units[i].ns != 0)
        i++;
    snprintf(text, DURATION_SIZE, "%lld%s", (long long)(ns / units[i].ns),
             ns == 0 ? "" : units[i].name);
}
