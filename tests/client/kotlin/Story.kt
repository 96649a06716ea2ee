import java.util.UUID
import org.openapitools.client.apis.CatalogApi
import org.openapitools.client.apis.OrdersApi
import org.openapitools.client.infrastructure.ClientException
import org.openapitools.client.models.AdjustmentRequest
import org.openapitools.client.models.Currency
import org.openapitools.client.models.Order
import org.openapitools.client.models.OrderRequest
import org.openapitools.client.models.OrderRequestItem
import org.openapitools.client.models.OrderStatus
import org.openapitools.client.models.ProductRequest

// A client generated from docs/openapi.yaml at work: sells something for 2,500,000,000 rupiah.
// scripts/test-client generates the classes that it uses, and runs this.

const val SKU = "KOTLIN-RUPIAH"
const val PRICE = 2_500_000_000L

fun awaitEnd(orders: OrdersApi, id: UUID): Order {
    repeat(600) {
        val order = orders.getOrder(id)
        if (order.status != OrderStatus.PENDING && order.status != OrderStatus.CONFIRMED) return order
        Thread.sleep(100)
    }
    error("order $id has not ended after a minute")
}

fun main(arguments: Array<String>) {
    val catalog = CatalogApi(arguments[0])
    val orders = OrdersApi(arguments[0])
    check(catalog.putProduct(SKU, ProductRequest("Of Kotlin's client", PRICE, Currency.IDR)).priceMinor == PRICE)
    val more = AdjustmentRequest(delta = 3_000_000_000L, reason = "a story", adjustmentId = UUID.randomUUID())
    check(catalog.adjustStock(SKU, more).available == 3_000_000_000L)

    val item = OrderRequestItem(sku = SKU, quantity = 1, unitPrice = PRICE)
    val request = OrderRequest("C100", Currency.IDR, listOf(item), "pm_card_visa")
    val order = awaitEnd(orders, orders.placeOrder(request, "\"${UUID.randomUUID()}\"").orderId)
    check(order.status == OrderStatus.COMPLETED) { order }
    check(order.totalMinor == PRICE && order.items!![0].unitPriceMinor == PRICE) { order }

    try {
        orders.placeOrder(request.copy(items = listOf(item.copy(quantity = 0))))
        error("not refused")
    } catch (refused: ClientException) {
        check(refused.statusCode == 422) { refused }
    }
    println("Kotlin: an order of 2,500,000,000 IDR is completed, and one of nothing refused")
}
