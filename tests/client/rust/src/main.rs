//! A client generated from docs/openapi.yaml at work: sells something for 2,500,000,000 rupiah.
//! scripts/test-client generates the crate in `client/` and runs this.
use openapi::apis::{catalog_api, configuration::Configuration, orders_api, Error};
use openapi::models::{
    AdjustmentRequest, Currency, Order, OrderRequest, OrderRequestItem, OrderStatus, ProductRequest,
};
use std::time::Duration;
use uuid::Uuid;

const SKU: &str = "RUST-RUPIAH";
const PRICE: i64 = 2_500_000_000;

async fn await_end(mesh: &Configuration, id: &str) -> Order {
    for _ in 0..600 {
        let order = orders_api::get_order(mesh, id, None, None).await.expect("the order");
        if matches!(order.status, OrderStatus::Completed | OrderStatus::Failed | OrderStatus::Cancelled) {
            return order;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("order {id} has not ended after a minute");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mesh = Configuration {
        base_path: std::env::args().nth(1).expect("the gateway's URL"),
        ..Configuration::default()
    };
    let product = ProductRequest::new("Of Rust's client".into(), PRICE, Currency::Idr);
    let stored = catalog_api::put_product(&mesh, SKU, product, None, None).await.expect("the product");
    assert_eq!(stored.price_minor, PRICE);
    let more = AdjustmentRequest {
        adjustment_id: Some(Uuid::new_v4()),
        ..AdjustmentRequest::new(3_000_000_000, "a story".into())
    };
    let stock = catalog_api::adjust_stock(&mesh, SKU, more, None).await.expect("the stock");
    assert_eq!(stock.available, 3_000_000_000);

    let item = OrderRequestItem { unit_price: Some(PRICE), ..OrderRequestItem::new(SKU.into(), 1) };
    let mut request = OrderRequest::new("C100".into(), Currency::Idr, vec![item], "pm_card_visa".into());
    let key = format!("\"{}\"", Uuid::new_v4());
    let accepted = orders_api::place_order(&mesh, request.clone(), Some(&key)).await.expect("a 202");
    let order = await_end(&mesh, &accepted.order_id.to_string()).await;
    assert_eq!(order.status, OrderStatus::Completed);
    assert_eq!(order.total_minor, Some(PRICE));
    assert_eq!(order.items.expect("its items")[0].unit_price_minor, PRICE);

    request.items[0].quantity = 0;
    match orders_api::place_order(&mesh, request, None).await {
        Err(Error::ResponseError(refused)) => {
            assert_eq!(refused.status.as_u16(), 422);
            assert!(refused.content.contains("/problems/invalid-order"), "{}", refused.content);
        }
        other => panic!("not refused: {other:?}"),
    }
    println!("Rust: an order of 2,500,000,000 IDR is completed, and one of nothing refused");
}
