-- What machines were told, what they hold, and what cells asked.
CREATE TABLE machine_orders (
    command     text PRIMARY KEY,
    name        text NOT NULL,
    work_unit   text NOT NULL,
    request     text NOT NULL,
    job         text NOT NULL,
    by          text NOT NULL,
    why         text NOT NULL,
    deadline_ns bigint NOT NULL,
    given_ns    bigint NOT NULL,
    content     text NOT NULL,
    outcome     text NOT NULL,
    place       text NOT NULL,
    found       text NOT NULL,
    "right"     text NOT NULL,
    read_back   text NOT NULL,
    ended_ns    bigint NOT NULL
);
CREATE INDEX machine_orders_open ON machine_orders (given_ns) WHERE outcome = '';
CREATE INDEX machine_orders_work_unit ON machine_orders (work_unit, given_ns);

CREATE TABLE loaded_parameters (
    place           text PRIMARY KEY,
    work_unit       text NOT NULL,
    parameter       text NOT NULL,
    job             text NOT NULL,
    product         text NOT NULL,
    wanted          double precision NOT NULL,
    found           double precision,
    same            boolean NOT NULL,
    unit_of_measure text NOT NULL,
    by              text NOT NULL,
    at_ns           bigint NOT NULL
);
CREATE INDEX loaded_parameters_work_unit ON loaded_parameters (work_unit, job);

CREATE TABLE interlock_questions (
    work_unit   text PRIMARY KEY,
    number      bigint NOT NULL,
    unit        text NOT NULL,
    asked_ns    bigint NOT NULL,
    code        bigint NOT NULL,
    cause       text NOT NULL,
    job         text NOT NULL,
    command     text NOT NULL,
    answered_ns bigint NOT NULL
);
