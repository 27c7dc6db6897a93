-- Rework routes, suspicions, and what went from lot to lot.
CREATE TABLE reworks (
    rework         text PRIMARY KEY,
    nonconformance text NOT NULL,
    unit           text NOT NULL,
    route          text NOT NULL,
    steps          text NOT NULL,
    done           bigint NOT NULL CHECK (done >= 0),
    back_to        bigint NOT NULL,
    operation      bigint NOT NULL,
    state          text NOT NULL,
    ordered_ns     bigint NOT NULL,
    version        bigint NOT NULL
);
CREATE INDEX reworks_unit ON reworks (unit);
CREATE INDEX reworks_state ON reworks (state);

CREATE TABLE suspicions (
    suspicion text PRIMARY KEY,
    number    bigint NOT NULL UNIQUE,
    kind      text NOT NULL,
    about     text NOT NULL,
    cause     text NOT NULL,
    from_ns   bigint NOT NULL,
    to_ns     bigint NOT NULL,
    suspects  bigint NOT NULL,
    held      bigint NOT NULL,
    held_ns   bigint NOT NULL,
    released  boolean NOT NULL,
    version   bigint NOT NULL
);
CREATE INDEX suspicions_released ON suspicions (released, number DESC);

CREATE TABLE lot_transfers (
    transfer text PRIMARY KEY,
    source   text NOT NULL,
    target   text NOT NULL,
    quantity double precision NOT NULL CHECK (quantity > 0),
    at_ns    bigint NOT NULL
);
CREATE INDEX lot_transfers_source ON lot_transfers (source);
CREATE INDEX lot_transfers_target ON lot_transfers (target);

-- Everything that a work unit made in a while.
CREATE INDEX passages_work_unit ON passages (work_unit, at_ns);
CREATE INDEX scrap_reports_unit ON scrap_reports (unit) WHERE unit <> '';
CREATE INDEX tool_mountings_tool ON tool_mountings (tool);
