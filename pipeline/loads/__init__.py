"""What happens inside the transaction of each load."""
