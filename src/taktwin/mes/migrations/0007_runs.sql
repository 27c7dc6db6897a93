-- When each job order ran: two that take turns on one machine each get the parts of their own time.
CREATE TABLE runs (
    run       text PRIMARY KEY,
    job       text NOT NULL,
    work_unit text NOT NULL,
    from_ns   bigint NOT NULL,
    to_ns     bigint NOT NULL
);
CREATE INDEX runs_job ON runs (job);
CREATE INDEX runs_work_unit ON runs (work_unit, from_ns);
CREATE UNIQUE INDEX runs_now ON runs (work_unit) WHERE to_ns = 0;

-- Of what began before, it is known when it began, and whether it runs.
INSERT INTO runs
    SELECT job || ':' || started_ns, job, work_unit, started_ns,
           CASE WHEN state = 'Running' THEN 0 ELSE greatest(ended_ns, started_ns + 1) END
    FROM job_orders WHERE started_ns > 0;

-- A count that comes late is of the lot that stood there before.
ALTER TABLE loaded_lots ADD COLUMN before text NOT NULL DEFAULT '';
