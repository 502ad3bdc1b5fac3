"""PostgreSQL and MongoDB: connections, markers, the ledger, the embedded servers."""
