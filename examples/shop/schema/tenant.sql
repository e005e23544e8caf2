-- The schema that every shop has. Desired state, plain DDL. The names are
-- unqualified: each tenant has these tables in a schema of its own.

CREATE TYPE order_state AS ENUM ('placed', 'shipped', 'cancelled');

CREATE TABLE products (
    id          uuid          NOT NULL DEFAULT gen_random_uuid(),
    sku         text          NOT NULL,
    name        text          NOT NULL,
    description text,
    currency    text          NOT NULL,
    price       numeric(12,2) NOT NULL,
    stock       integer       NOT NULL DEFAULT 0,
    created_at  timestamptz   NOT NULL DEFAULT now(),
    updated_at  timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_sku_key UNIQUE (sku),
    CONSTRAINT products_currency_fkey FOREIGN KEY (currency) REFERENCES public.currencies (code),
    CONSTRAINT products_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT products_price_check CHECK (price >= 0),
    CONSTRAINT products_stock_check CHECK (stock >= 0)
);
COMMENT ON COLUMN products.stock IS 'How many can still be ordered. The check is what an order that takes too many runs into.';

CREATE INDEX products_name_idx ON products (name, id);

CREATE TABLE orders (
    id         uuid          NOT NULL DEFAULT gen_random_uuid(),
    number     bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    customer   text          NOT NULL,
    state      order_state   NOT NULL DEFAULT 'placed',
    currency   text          NOT NULL,
    total      numeric(12,2) NOT NULL DEFAULT 0,
    placed_by  text          NOT NULL,
    placed_at  timestamptz   NOT NULL DEFAULT now(),
    shipped_at timestamptz,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_number_key UNIQUE (number),
    CONSTRAINT orders_currency_fkey FOREIGN KEY (currency) REFERENCES public.currencies (code),
    CONSTRAINT orders_shipped_check CHECK ((state = 'shipped') = (shipped_at IS NOT NULL))
);

CREATE INDEX orders_placed_at_idx ON orders (placed_at DESC, id DESC);

CREATE TABLE order_lines (
    order_id   uuid          NOT NULL,
    product_id uuid          NOT NULL,
    quantity   integer       NOT NULL,
    unit_price numeric(12,2) NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, product_id),
    CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
    CONSTRAINT order_lines_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT order_lines_quantity_check CHECK (quantity > 0)
);
COMMENT ON COLUMN order_lines.unit_price IS 'The price at the time of the order.';

CREATE INDEX order_lines_product_id_idx ON order_lines (product_id);

-- What was answered to requests with an Idempotency-Key, for 24 hours. The
-- generated code alone reads and writes it, and has its columns in mind.
CREATE TABLE idempotency_keys (
    subject     text        NOT NULL,
    operation   text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      integer,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (subject, operation, key)
);

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
