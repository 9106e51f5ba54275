"""What a migration will do, decided before anything is changed."""
