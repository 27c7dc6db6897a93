-- Where material lies, physical assets with all places where they were, inspections of fixtures.
CREATE TABLE stock (
    stock    text PRIMARY KEY,
    lot      text NOT NULL,
    product  text NOT NULL,
    location text NOT NULL,
    quantity double precision NOT NULL CHECK (quantity >= 0),
    since_ns bigint NOT NULL,
    version  bigint NOT NULL
);
CREATE INDEX stock_lot ON stock (lot);
CREATE INDEX stock_lies ON stock (location, quantity);
CREATE INDEX stock_left ON stock (quantity);
-- Nobody said so far where a lot lies.
INSERT INTO stock SELECT ':' || lot, lot, product, '', remaining, received_ns, 1 FROM lots;

CREATE TABLE stock_counts (
    count    text PRIMARY KEY,
    lot      text NOT NULL,
    product  text NOT NULL,
    location text NOT NULL,
    before   double precision NOT NULL,
    after    double precision NOT NULL,
    cause    text NOT NULL,
    person   text NOT NULL,
    at_ns    bigint NOT NULL
);
CREATE INDEX stock_counts_lot ON stock_counts (lot);
CREATE INDEX stock_counts_newest ON stock_counts (at_ns DESC);

CREATE TABLE assets (
    asset         text PRIMARY KEY,
    name          text NOT NULL,
    kind          text NOT NULL,
    manufacturer  text NOT NULL,
    model         text NOT NULL,
    serial_number text NOT NULL,
    role          text NOT NULL,
    location      text NOT NULL,
    since_ns      bigint NOT NULL,
    retired       boolean NOT NULL,
    reason        text NOT NULL,
    version       bigint NOT NULL
);
CREATE INDEX assets_serial_number ON assets (serial_number);
CREATE TABLE asset_places (
    role      text PRIMARY KEY,
    equipment text NOT NULL,
    asset     text NOT NULL,
    since_ns  bigint NOT NULL,
    before    text NOT NULL
);
CREATE TABLE asset_stays (
    stay      text PRIMARY KEY,
    asset     text NOT NULL,
    number    bigint NOT NULL,
    role      text NOT NULL,
    equipment text NOT NULL,
    location  text NOT NULL,
    from_ns   bigint NOT NULL,
    to_ns     bigint NOT NULL,
    "order"   text NOT NULL,
    reason    text NOT NULL
);
CREATE INDEX asset_stays_asset ON asset_stays (asset, number);
CREATE INDEX asset_stays_role ON asset_stays (role);
-- What fulfilled a role is never in two at once, and no role is fulfilled twice.
CREATE UNIQUE INDEX asset_stays_now ON asset_stays (asset) WHERE to_ns = 0;
CREATE UNIQUE INDEX asset_stays_one ON asset_stays (role) WHERE to_ns = 0 AND role <> '';

-- A tool that was mounted before this release counts as looked at when it was mounted first.
ALTER TABLE tools ADD COLUMN parts_since_inspection bigint NOT NULL DEFAULT 0;
ALTER TABLE tools ADD COLUMN inspected_ns bigint NOT NULL DEFAULT 0;
ALTER TABLE tools ADD COLUMN passed boolean NOT NULL DEFAULT true;
ALTER TABLE tools ADD COLUMN found text NOT NULL DEFAULT '';
UPDATE tools SET parts_since_inspection = parts,
    inspected_ns = (SELECT coalesce(min(mounted_ns), 0) FROM tool_mountings m WHERE m.tool = tools.tool);
