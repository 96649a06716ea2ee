import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.CatalogApi;
import org.openapitools.client.api.OrdersApi;
import org.openapitools.client.model.AdjustmentRequest;
import org.openapitools.client.model.Currency;
import org.openapitools.client.model.Order;
import org.openapitools.client.model.OrderRequest;
import org.openapitools.client.model.OrderRequestItem;
import org.openapitools.client.model.OrderStatus;
import org.openapitools.client.model.ProductRequest;

/**
 * A client generated from docs/openapi.yaml at work: sells something for 2,500,000,000 rupiah.
 * scripts/test-client generates the classes that it uses, and runs this.
 */
public final class Story {
    private static final String SKU = "JAVA-RUPIAH";
    private static final long PRICE = 2_500_000_000L;

    private static void check(boolean holds, Object what) {
        if (!holds) throw new AssertionError(what);
    }

    private static Order awaitEnd(OrdersApi orders, UUID id) throws Exception {
        for (Instant until = Instant.now().plus(Duration.ofMinutes(1)); Instant.now().isBefore(until); Thread.sleep(100)) {
            Order order = orders.getOrder(id, null, null);
            if (order.getStatus() != OrderStatus.PENDING && order.getStatus() != OrderStatus.CONFIRMED) return order;
        }
        throw new AssertionError("order " + id + " has not ended after a minute");
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient mesh = new ApiClient();
        mesh.updateBaseUri(arguments[0]);
        CatalogApi catalog = new CatalogApi(mesh);
        OrdersApi orders = new OrdersApi(mesh);
        ProductRequest product =
            new ProductRequest().name("Of Java's client").priceMinor(PRICE).currency(Currency.IDR);
        check(catalog.putProduct(SKU, product, null, null).getPriceMinor() == PRICE, "the price");
        AdjustmentRequest more =
            new AdjustmentRequest().adjustmentId(UUID.randomUUID()).delta(3_000_000_000L).reason("a story");
        check(catalog.adjustStock(SKU, more, null).getAvailable() == 3_000_000_000L, "the stock");

        OrderRequestItem item = new OrderRequestItem().sku(SKU).quantity(1).unitPrice(PRICE);
        OrderRequest request = new OrderRequest()
            .customerId("C100").currency(Currency.IDR).paymentMethod("pm_card_visa").items(List.of(item));
        String key = '"' + UUID.randomUUID().toString() + '"';
        Order order = awaitEnd(orders, orders.placeOrder(request, key).getOrderId());
        check(order.getStatus() == OrderStatus.COMPLETED, order);
        check(order.getTotalMinor() == PRICE && order.getItems().get(0).getUnitPriceMinor() == PRICE, order);

        item.quantity(0);
        try {
            orders.placeOrder(request, null);
            throw new AssertionError("not refused");
        } catch (ApiException refused) {
            check(refused.getCode() == 422 && refused.getResponseBody().contains("/problems/invalid-order"), refused);
        }
        System.out.println("Java: an order of 2,500,000,000 IDR is completed, and one of nothing refused");
    }
}
