"""The Luigi tasks, in the order data flows."""
