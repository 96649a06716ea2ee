#include "gateway/orders/other_names.h"

#include <ctype.h>

#define OF_AN_EVENT "leave it out, since an order is no event"
#define SUMMED_UP "leave it out, since the order costs what its items cost in the catalog"
#define NAMED_HERE "leave it out, since the answer gives the order its id"
#define KEY_HEADER "send it as the header Idempotency-Key, between quotes"
#define TRACE_HEADER "send the header traceparent to follow an order"
#define PRICE                                                                                      \
    "write unitPrice, in minor units (1999 for 19.99 USD), or leave it out for the catalog's"

const struct other_name order_other_names[] = {
    {"userid", "write customerId"},
    {"user", "write customerId"},
    {"customer", "write customerId"},
    {"address", "write shippingAddress"},
    {"deliveryaddress", "write shippingAddress"},
    {"orderitems", "write items"},
    {"lines", "write items"},
    {"total", SUMMED_UP},
    {"totalamount", SUMMED_UP},
    {"totalminor", SUMMED_UP},
    {"amount", SUMMED_UP},
    {"id", NAMED_HERE},
    {"orderid", NAMED_HERE},
    {"status", "leave it out, since every order begins as PENDING"},
    {"data", "send what is in it as the body"},
    {"order", "send what is in it as the body"},
    {"eventid", OF_AN_EVENT},
    {"eventtype", OF_AN_EVENT},
    {"type", OF_AN_EVENT},
    {"timestamp", OF_AN_EVENT},
    {"occurredat", OF_AN_EVENT},
    {"correlationid", TRACE_HEADER},
    {"traceid", TRACE_HEADER},
    {"idempotencykey", KEY_HEADER},
    {"requestid", KEY_HEADER},
    {NULL, NULL},
};

const struct other_name address_other_names[] = {
    {"address", "write street"}, {"line1", "write street"},
    {"province", "write state"}, {"region", "write state"},
    {"zipcode", "write zip"},    {"postalcode", "write zip"},
    {"postcode", "write zip"},   {NULL, NULL},
};

const struct other_name item_other_names[] = {
    {"productid", "write sku"},
    {"product", "write sku"},
    {"qty", "write quantity"},
    {"price", PRICE},
    {"unitpriceminor", PRICE},
    {"priceminor", PRICE},
    {"currency", "write it once, beside items"},
    {NULL, NULL},
};

bool other_name_is(struct slice name, const char *other) {
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.ptr[i]))
            continue;
        if (*other == '\0' || tolower((unsigned char)name.ptr[i]) != tolower((unsigned char)*other))
            return false;
        other++;
    }
    return *other == '\0';
}

const char *other_name_advice(const struct other_name *table, struct slice name) {
    while (table->name != NULL && !other_name_is(name, table->name))
        table++;
    return table->advice;
}
