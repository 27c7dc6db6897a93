-- Stops and the elements of ISO 22400: what machines say of themselves, stops with reasons, output by minute.

CREATE TABLE machine_spans (
    span       text PRIMARY KEY,
    work_unit  text NOT NULL,
    from_ns    bigint NOT NULL,
    to_ns      bigint NOT NULL CHECK (to_ns > from_ns),
    time_class text NOT NULL,
    in_force   text NOT NULL,
    said       text NOT NULL
);
CREATE INDEX machine_spans_when ON machine_spans (work_unit, from_ns);
CREATE TABLE machine_edges (
    work_unit   text PRIMARY KEY,
    end_ns      bigint NOT NULL,
    span        text NOT NULL,
    run_from_ns bigint NOT NULL,
    run_class   text NOT NULL,
    run_code    text NOT NULL,
    pending     text NOT NULL
);

CREATE TABLE stops (
    stop       text PRIMARY KEY,
    work_unit  text NOT NULL,
    from_ns    bigint NOT NULL,
    to_ns      bigint NOT NULL CHECK (to_ns = 0 OR to_ns > from_ns),
    time_class text NOT NULL,
    code       text NOT NULL,
    reason     text NOT NULL,
    person     text NOT NULL,
    coded_ns   bigint NOT NULL,
    cause      text NOT NULL,
    part_of    text NOT NULL,
    cut        boolean NOT NULL,
    withdrawn  boolean NOT NULL,
    version    bigint NOT NULL,
    changes    bigint NOT NULL
);
CREATE INDEX stops_when ON stops (work_unit, from_ns);
CREATE INDEX stops_open ON stops (work_unit) WHERE to_ns = 0;
CREATE INDEX stops_part_of ON stops (part_of);
CREATE TABLE stop_changes (
    change text PRIMARY KEY,
    stop   text NOT NULL,
    number bigint NOT NULL,
    at_ns  bigint NOT NULL,
    what   text NOT NULL,
    before text NOT NULL,
    after  text NOT NULL,
    person text NOT NULL,
    cause  text NOT NULL
);
CREATE INDEX stop_changes_stop ON stop_changes (stop);

CREATE TABLE outputs (
    output    text PRIMARY KEY,
    work_unit text NOT NULL,
    minute_ns bigint NOT NULL,
    job       text NOT NULL,
    product   text NOT NULL,
    operation bigint NOT NULL,
    good      bigint NOT NULL,
    scrap     bigint NOT NULL
);
CREATE INDEX outputs_when ON outputs (work_unit, minute_ns);
CREATE INDEX outputs_job ON outputs (job, minute_ns);
