"""What all resource groups of Connect share; no group of operations is declared here."""
