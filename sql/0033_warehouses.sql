-- Warehouses. inventory.stock is the stock of the default one, "main", and so the version before goes on with it.

-- Made by the first adjustment that names it. Of two choices that are alike, the lower rank serves; main has rank 0.
CREATE TABLE inventory.warehouses (
    name text PRIMARY KEY CHECK (name <> 'main'),
    rank int NOT NULL UNIQUE CHECK (rank BETWEEN 1 AND 15),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Conservation holds for each SKU in each warehouse. Who locks a row here holds the SKU's row of inventory.stock already.
CREATE TABLE inventory.warehouse_stock (
    sku text NOT NULL REFERENCES inventory.products,
    warehouse text NOT NULL REFERENCES inventory.warehouses,
    received bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    on_hand bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    shipped bigint NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    PRIMARY KEY (sku, warehouse),
    CHECK (received = on_hand + reserved + shipped)
) WITH (fillfactor = 50);

-- True once some of the SKU lay in another warehouse: only then anybody looks there.
ALTER TABLE inventory.stock ADD COLUMN elsewhere boolean NOT NULL DEFAULT false;

-- Null stands for main.
ALTER TABLE inventory.stock_adjustments ADD COLUMN warehouse text;

-- Each line's warehouse, where not all of them are main: such a reservation is ALLOCATED instead of RESERVED, so that the version
-- before, which would give it back to main, leaves it alone.
ALTER TABLE inventory.reservations ADD COLUMN warehouses text[];
ALTER TABLE inventory.reservations DROP CONSTRAINT reservations_status_check;
ALTER TABLE inventory.reservations ADD CONSTRAINT reservations_status_check
    CHECK (status IN ('RESERVED', 'REJECTED', 'RELEASED', 'SHIPPED', 'ALLOCATED')) NOT VALID;
