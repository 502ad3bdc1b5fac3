"""Documents of MongoDB: their contract, landing, extraction and rows."""
