"""A client generated from docs/openapi.yaml at work: places an order twice, waits for its end, finds it in
the list, and reads what a refusal says.

    python orders.py URL [TOKEN]

scripts/test-client generates the client and runs this.
"""

import sys
import time
import uuid

from order_mesh_client import AuthenticatedClient
from order_mesh_client.api.catalog import list_products
from order_mesh_client.api.orders import get_order, list_orders, place_order
from order_mesh_client.models import Currency, OrderRequest, OrderRequestItem, OrderStatus

ENDS = (OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELLED)


def order_of(sku: str, quantity: int, method: str = "pm_card_visa") -> OrderRequest:
    return OrderRequest(
        customer_id="C100",
        currency=Currency.USD,
        items=[OrderRequestItem(sku=sku, quantity=quantity)],
        payment_method=method,
    )


def place(client, order: OrderRequest, key: str) -> str:
    answer = place_order.sync_detailed(client=client, body=order, idempotency_key=f'"{key}"')
    assert answer.status_code == 202, answer.content
    assert answer.headers["Location"].endswith(str(answer.parsed.order_id))
    return answer.parsed.order_id


def await_end(client, order_id):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        order = get_order.sync(client=client, order_id=order_id)
        if order is not None and order.status in ENDS:
            return order
        time.sleep(0.1)
    raise AssertionError(f"order {order_id} has not ended after 30 s")


def the_same_key_is_the_same_order(client):
    key = uuid.uuid4().hex
    first = place(client, order_of("TSHIRT-BLK-M", 1), key)
    assert place(client, order_of("TSHIRT-BLK-M", 1), key) == first
    order = await_end(client, first)
    assert order.status == OrderStatus.COMPLETED, order
    assert order.tracking_number
    listed = list_orders.sync(client=client, customer_id="C100", limit=1)
    assert listed.orders[0].order_id == first


def a_declined_card_fails_the_order(client):
    order_id = place(client, order_of("TSHIRT-BLK-M", 1, "pm_card_chargeDeclined"), uuid.uuid4().hex)
    order = await_end(client, order_id)
    assert order.status == OrderStatus.FAILED
    assert str(order.reason) == "payment_declined"


def a_refusal_is_a_problem_document(client):
    answer = place_order.sync_detailed(client=client, body=order_of("TSHIRT-BLK-M", 0))
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


def the_catalog_has_the_product(client):
    page = list_products.sync(client=client, limit=200)
    assert "TSHIRT-BLK-M" in [product.sku for product in page.products]


def main(url: str, token: str = "none") -> None:
    client = AuthenticatedClient(base_url=url, token=token)
    for check in (
        the_catalog_has_the_product,
        the_same_key_is_the_same_order,
        a_declined_card_fails_the_order,
        a_refusal_is_a_problem_document,
    ):
        check(client)
        print(check.__name__.replace("_", " "))


if __name__ == "__main__":
    main(*sys.argv[1:])
