"""Tables that Spark keeps: PostgreSQL has their markers, audit, rejects and sums, and the lake has their rows."""
