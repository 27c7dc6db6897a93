-- For plants of many years: what pages ask for is found by an index, however much is over.
CREATE INDEX job_orders_ended ON job_orders (state, ended_ns DESC);
CREATE INDEX job_orders_ended_at ON job_orders (work_unit, ended_ns DESC);
CREATE INDEX maintenance_orders_ended ON maintenance_orders (state, ended_ns DESC);
CREATE INDEX consumptions_job ON consumptions (job);
-- Lists are turned page by page, in the order of bytes.
CREATE INDEX requests_page ON requests (request COLLATE "C");
CREATE INDEX lots_page ON lots (lot COLLATE "C");
CREATE INDEX units_page ON units (request, unit COLLATE "C");
DROP INDEX units_request;
