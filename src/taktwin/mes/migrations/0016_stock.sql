-- What is left of lots, and what was reported last: found without reading what is used up or long ago.
CREATE INDEX lots_left ON lots (disposition, remaining);
CREATE INDEX scrap_reports_newest ON scrap_reports (job, at_ns DESC);
