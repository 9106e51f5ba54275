"""How rows are fetched: a module for each way of asking a server for them."""
