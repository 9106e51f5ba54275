"""What can be collected: a module for each dataset."""
