-- What orders are found by (services/analytics/terms.h): a part of the analytics service's projection. The terms of an order
-- are added once, and no row is ever updated. An order's own row (orders.orders) has no index more: its updates stay HOT.
CREATE FUNCTION analytics.create_order_terms(home text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format($t$
        CREATE TABLE %I.order_terms (
            term bigint NOT NULL,     -- 64 bits of a hash
            at_us bigint NOT NULL,    -- when the order was taken in; 0 for the number of a parcel or a payment
            order_id uuid NOT NULL,
            total_minor bigint NOT NULL,
            PRIMARY KEY (term, at_us, order_id) INCLUDE (total_minor)
        )
        $t$, home);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.order_terms TO om_analytics', home);
END
$$;
REVOKE ALL ON FUNCTION analytics.create_order_terms(text) FROM PUBLIC;
SELECT analytics.create_order_terms('analytics');

ALTER FUNCTION analytics.create_projection(text) RENAME TO create_counted;
CREATE FUNCTION analytics.create_projection(home text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM analytics.create_counted(home);
    PERFORM analytics.create_order_terms(home);
END
$$;
REVOKE ALL ON FUNCTION analytics.create_projection(text) FROM PUBLIC;

-- A term as the service makes it, for people: kind is the letter in terms.h. Of an amount the value is its currency and class.
CREATE FUNCTION analytics.term_of(kind text, tenant text, value text) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$
    SELECT ('x' || encode(substr(sha256(convert_to(kind || octet_length(tenant) || '.' || tenant || value, 'UTF8')), 1, 8),
                          'hex'))::bit(64)::bigint
$$;
REVOKE ALL ON FUNCTION analytics.term_of(text, text, text) FROM PUBLIC;
CREATE FUNCTION analytics.amount_class(minor bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$
    SELECT CASE WHEN v < 8 THEN v ELSE (highest - 2) * 8 + (v >> (highest - 3)) - 8 END
    FROM (SELECT least(minor, (1::bigint << 43) - 1) AS v) AS bounded,
         LATERAL (SELECT length(ltrim(v::bit(64)::text, '0')) - 1 AS highest) AS bits
$$;
REVOKE ALL ON FUNCTION analytics.amount_class(bigint) FROM PUBLIC;
