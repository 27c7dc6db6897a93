-- Bills and routings as versions. What was ordered before follows the plant folder: version ''.
CREATE TABLE operations_definitions (
    master       text PRIMARY KEY,
    product      text NOT NULL,
    definition   text NOT NULL,
    name         text NOT NULL,
    serialised   boolean NOT NULL,
    setup_family text NOT NULL,
    operations   text NOT NULL,
    effective_ns bigint NOT NULL,
    until_ns     bigint NOT NULL,
    state        text NOT NULL CHECK (state IN ('Received', 'Approved', 'Withdrawn')),
    from_ns      bigint NOT NULL,
    received_ns  bigint NOT NULL,
    decided_ns   bigint NOT NULL,
    reason       text NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX operations_definitions_product ON operations_definitions (product);
CREATE INDEX operations_definitions_state ON operations_definitions (state);

ALTER TABLE requests ADD COLUMN definition text NOT NULL DEFAULT '';
ALTER TABLE job_orders ADD COLUMN definition text NOT NULL DEFAULT '';
ALTER TABLE units ADD COLUMN definition text NOT NULL DEFAULT '';
ALTER TABLE outputs ADD COLUMN definition text NOT NULL DEFAULT '';
CREATE INDEX requests_follow ON requests (product, definition);
