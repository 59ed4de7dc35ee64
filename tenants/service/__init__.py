"""What people do with communities; one file for each group of sentences."""
