-- Machines that take job orders by themselves (OPC UA for ISA-95 Job Control), and what they say of them.
CREATE TABLE machine_receivers (
    work_unit text PRIMARY KEY,
    reachable boolean NOT NULL,
    cause     text NOT NULL,
    since_ns  bigint NOT NULL
);

CREATE TABLE machine_jobs (
    job       text PRIMARY KEY,
    work_unit text NOT NULL,
    state     text NOT NULL,
    sub_state text NOT NULL,
    said_ns   bigint NOT NULL
);
CREATE INDEX machine_jobs_work_unit ON machine_jobs (work_unit);
