#include "gateway/orders/other_names.h"

#include <ctype.h>

#define OF_AN_EVENT "leave it out, since an order is no event"
#define SUMMED_UP "leave it out, since the order costs what its items cost in the catalog"
#define NAMED_HERE "leave it out, since the answer gives the order its id"
#define KEY_HEADER "send it as the header Idempotency-Key, between quotes"
#define TRACE_HEADER "send the header traceparent to follow an order"
#define PRICE                                                                                      \
    "write unitPrice, in minor units (1999 for 19.99 USD), or leave it out for the catalog's"
#define IN_ITEMS "write it in each of items"
#define PAYMENT                                                                                    \
    "write paymentMethod, with the id that the payment provider gave it, such as pm_card_visa"
#define PAID_ELSEWHERE "leave it out, since the payment provider has it with the paymentMethod"
#define IN_THE_CATALOG "leave it out, since the catalog has it"
#define NOT_KEPT "leave it out, since an order keeps no notes"
#define ADDRESSEE "leave it out, or write it into street"

const struct other_name order_other_names[] = {
    {"userid", "write customerId"},
    {"user", "write customerId"},
    {"customer", "write customerId, and email and phone beside it"},
    {"buyer", "write customerId, and email and phone beside it"},
    {"buyerid", "write customerId"},
    {"clientid", "write customerId"},
    {"accountid", "write customerId"},
    {"customeremail", "write email"},
    {"emailaddress", "write email"},
    {"receiptemail", "write email"},
    {"contactemail", "write email"},
    {"customerphone", "write phone"},
    {"phonenumber", "write phone"},
    {"mobile", "write phone"},
    {"address", "write shippingAddress"},
    {"deliveryaddress", "write shippingAddress"},
    {"shipping", "write shippingAddress"},
    {"shipto", "write shippingAddress"},
    {"shippingdetails", "write shippingAddress"},
    {"billing", PAID_ELSEWHERE},
    {"billingaddress", PAID_ELSEWHERE},
    {"orderitems", "write items"},
    {"orderlines", "write items"},
    {"lines", "write items"},
    {"lineitems", "write items"},
    {"cartitems", "write items"},
    {"cart", "write items"},
    {"basket", "write items"},
    {"products", "write items"},
    {"sku", IN_ITEMS},
    {"productid", IN_ITEMS},
    {"quantity", IN_ITEMS},
    {"qty", IN_ITEMS},
    {"currencycode", "write currency"},
    {"payment", PAYMENT},
    {"paymentmethodid", PAYMENT},
    {"paymentmethodtypes", PAYMENT},
    {"paymenttype", PAYMENT},
    {"paymenttoken", PAYMENT},
    {"paymentdetails", PAYMENT},
    {"source", PAYMENT},
    {"card", PAYMENT},
    {"total", SUMMED_UP},
    {"totalamount", SUMMED_UP},
    {"totalprice", SUMMED_UP},
    {"totalminor", SUMMED_UP},
    {"subtotal", SUMMED_UP},
    {"subtotalprice", SUMMED_UP},
    {"grandtotal", SUMMED_UP},
    {"amount", SUMMED_UP},
    {"tax", SUMMED_UP},
    {"totaltax", SUMMED_UP},
    {"taxlines", SUMMED_UP},
    {"shippinglines", SUMMED_UP},
    {"discount", SUMMED_UP},
    {"discountcodes", SUMMED_UP},
    {"couponlines", SUMMED_UP},
    {"id", NAMED_HERE},
    {"orderid", NAMED_HERE},
    {"ordernumber", NAMED_HERE},
    {"status", "leave it out, since every order begins as PENDING"},
    {"financialstatus", "leave it out, since every order begins as PENDING"},
    {"setpaid", "leave it out, since the paymentMethod is charged"},
    {"note", NOT_KEPT},
    {"notes", NOT_KEPT},
    {"customernote", NOT_KEPT},
    {"metadata", NOT_KEPT},
    {"tags", NOT_KEPT},
    {"data", "send what is in it as the body"},
    {"order", "send what is in it as the body"},
    {"eventid", OF_AN_EVENT},
    {"eventtype", OF_AN_EVENT},
    {"type", OF_AN_EVENT},
    {"timestamp", OF_AN_EVENT},
    {"occurredat", OF_AN_EVENT},
    {"createdat", "leave it out, since the answer gives the order its time"},
    {"orderdate", "leave it out, since the answer gives the order its time"},
    {"correlationid", TRACE_HEADER},
    {"traceid", TRACE_HEADER},
    {"idempotencykey", KEY_HEADER},
    {"requestid", KEY_HEADER},
    {NULL, NULL},
};

const struct other_name address_other_names[] = {
    {"address", "write street"},
    {"line1", "write street"},
    {"address1", "write street"},
    {"addressline1", "write street"},
    {"street1", "write street"},
    {"streetaddress", "write street"},
    {"line2", "write it into street"},
    {"address2", "write it into street"},
    {"addressline2", "write it into street"},
    {"street2", "write it into street"},
    {"town", "write city"},
    {"province", "write state"},
    {"provincecode", "write state"},
    {"statecode", "write state"},
    {"region", "write state"},
    {"county", "write state"},
    {"zipcode", "write zip"},
    {"postalcode", "write zip"},
    {"postcode", "write zip"},
    {"countrycode", "write country"},
    {"name", ADDRESSEE},
    {"firstname", ADDRESSEE},
    {"lastname", ADDRESSEE},
    {"company", ADDRESSEE},
    {"recipient", ADDRESSEE},
    {"phone", "write it beside shippingAddress"},
    {"email", "write it beside shippingAddress"},
    {NULL, NULL},
};

const struct other_name item_other_names[] = {
    {"productid", "write sku"},
    {"product", "write sku"},
    {"productcode", "write sku"},
    {"productsku", "write sku"},
    {"variantid", "write sku"},
    {"variationid", "write sku"},
    {"itemid", "write sku"},
    {"item", "write sku"},
    {"articleid", "write sku"},
    {"id", "write sku"},
    {"qty", "write quantity"},
    {"count", "write quantity"},
    {"units", "write quantity"},
    {"price", PRICE},
    {"unitamount", PRICE},
    {"itemprice", PRICE},
    {"unitpriceminor", PRICE},
    {"priceminor", PRICE},
    {"total", SUMMED_UP},
    {"subtotal", SUMMED_UP},
    {"amount", SUMMED_UP},
    {"linetotal", SUMMED_UP},
    {"name", IN_THE_CATALOG},
    {"productname", IN_THE_CATALOG},
    {"title", IN_THE_CATALOG},
    {"description", IN_THE_CATALOG},
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
