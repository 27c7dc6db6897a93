"""Orders from an ERP and confirmations to it: as files, as B2MML, as CSV."""
