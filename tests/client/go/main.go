// A client generated from docs/openapi.yaml at work: sells something for 2,500,000,000 rupiah.
// scripts/test-client generates the package `client` and runs this.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"ordermesh.example/story/client"
)

const (
	sku   = "GO-RUPIAH"
	price = int64(2_500_000_000)
)

func check(status int, wanted int, body []byte, err error) {
	if err != nil {
		log.Fatal(err)
	}
	if status != wanted {
		log.Fatalf("%d and not %d: %s", status, wanted, body)
	}
}

func main() {
	ctx := context.Background()
	mesh, err := client.NewClientWithResponses(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	product, err := mesh.PutProductWithResponse(ctx, sku, nil,
		client.ProductRequest{Name: "Of Go's client", PriceMinor: price, Currency: client.CurrencyIDR})
	check(product.StatusCode(), http.StatusCreated, product.Body, err)
	adjustment := uuid.New()
	stock, err := mesh.AdjustStockWithResponse(ctx, sku, nil,
		client.AdjustmentRequest{AdjustmentId: &adjustment, Delta: 3_000_000_000, Reason: "a story"})
	check(stock.StatusCode(), http.StatusCreated, stock.Body, err)
	if stock.JSON201.Available != 3_000_000_000 {
		log.Fatalf("%d are available", stock.JSON201.Available)
	}
	unitPrice, key := price, `"`+uuid.NewString()+`"`
	request := client.OrderRequest{CustomerId: "C100", Currency: client.CurrencyIDR, PaymentMethod: "pm_card_visa",
		Items: []client.OrderRequestItem{{Sku: sku, Quantity: 1, UnitPrice: &unitPrice}}}
	accepted, err := mesh.PlaceOrderWithResponse(ctx, &client.PlaceOrderParams{IdempotencyKey: &key}, request)
	check(accepted.StatusCode(), http.StatusAccepted, accepted.Body, err)

	order := awaitEnd(ctx, mesh, accepted.JSON202.OrderId)
	if order.Status != client.OrderStatusCOMPLETED || *order.TotalMinor != price || (*order.Items)[0].UnitPriceMinor != price {
		log.Fatalf("not as ordered: %+v", order)
	}
	request.Items[0].Quantity = 0
	refused, err := mesh.PlaceOrderWithResponse(ctx, nil, request)
	check(refused.StatusCode(), http.StatusUnprocessableEntity, refused.Body, err)
	problem := refused.ApplicationproblemJSON422
	if problem.Type != client.ProblemTypeProblemsinvalidOrder || len(*problem.Errors) != 1 {
		log.Fatalf("not as refused: %+v", problem)
	}
	fmt.Println("Go: an order of 2,500,000,000 IDR is completed, and one of nothing refused")
}

func awaitEnd(ctx context.Context, mesh *client.ClientWithResponses, id client.Uuid) *client.Order {
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		answer, err := mesh.GetOrderWithResponse(ctx, id, nil)
		check(answer.StatusCode(), http.StatusOK, answer.Body, err)
		switch answer.JSON200.Status {
		case client.OrderStatusCOMPLETED, client.OrderStatusFAILED, client.OrderStatusCANCELLED:
			return answer.JSON200
		}
	}
	log.Fatalf("order %s has not ended after a minute", id)
	return nil
}
