-- Maintenance orders, the intervals of plans, spare parts; tools with their places and mountings; gauges.
CREATE TABLE maintenance_orders (
    "order"    text PRIMARY KEY,
    kind       text NOT NULL,
    work_unit  text NOT NULL,
    about      text NOT NULL,
    plan       text NOT NULL,
    tool_kind  text NOT NULL,
    priority   bigint NOT NULL,
    due_ns     bigint NOT NULL,
    stops      boolean NOT NULL,
    state      text NOT NULL,
    sub_state  text NOT NULL,
    person     text NOT NULL,
    opened_by  text NOT NULL,
    opened_ns  bigint NOT NULL,
    started_ns bigint NOT NULL,
    ended_ns   bigint NOT NULL,
    found      text NOT NULL,
    done       text NOT NULL,
    reason     text NOT NULL,
    version    bigint NOT NULL
);
CREATE INDEX maintenance_orders_state ON maintenance_orders (state);
CREATE INDEX maintenance_orders_work_unit ON maintenance_orders (work_unit, state);

CREATE TABLE maintenance_plans (
    due       text PRIMARY KEY,
    plan      text NOT NULL,
    work_unit text NOT NULL,
    since_ns  bigint NOT NULL,
    parts     bigint NOT NULL CHECK (parts >= 0),
    "order"   text NOT NULL
);
CREATE INDEX maintenance_plans_work_unit ON maintenance_plans (work_unit);

CREATE TABLE spare_parts (
    spare    text PRIMARY KEY,
    quantity bigint NOT NULL CHECK (quantity >= 0),
    version  bigint NOT NULL
);
CREATE TABLE spare_uses (
    use      text PRIMARY KEY,
    "order"  text NOT NULL,
    spare    text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0)
);
CREATE INDEX spare_uses_order ON spare_uses ("order");

CREATE TABLE numbers (
    name text PRIMARY KEY,
    last bigint NOT NULL
);

CREATE TABLE tools (
    tool                text PRIMARY KEY,
    kind                text NOT NULL,
    work_unit           text NOT NULL,
    parts               bigint NOT NULL CHECK (parts >= 0),
    parts_since_service bigint NOT NULL CHECK (parts_since_service >= 0),
    mounted_ns          bigint NOT NULL,
    version             bigint NOT NULL
);
CREATE TABLE tool_places (
    place     text PRIMARY KEY,
    work_unit text NOT NULL,
    kind      text NOT NULL,
    tool      text NOT NULL,
    since_ns  bigint NOT NULL
);
CREATE INDEX tool_places_work_unit ON tool_places (work_unit);
CREATE TABLE tool_mountings (
    mounting      text PRIMARY KEY,
    tool          text NOT NULL,
    kind          text NOT NULL,
    work_unit     text NOT NULL,
    mounted_ns    bigint NOT NULL,
    dismounted_ns bigint NOT NULL,
    parts         bigint NOT NULL CHECK (parts >= 0),
    reason        text NOT NULL
);
CREATE INDEX tool_mountings_work_unit ON tool_mountings (work_unit);

CREATE TABLE gauges (
    gauge         text PRIMARY KEY,
    kind          text NOT NULL,
    calibrated_ns bigint NOT NULL,
    until_ns      bigint NOT NULL,
    passed        boolean NOT NULL,
    used_ns       bigint NOT NULL,
    version       bigint NOT NULL
);
