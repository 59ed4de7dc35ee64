"""What people do in mediation; one file for each group of sentences."""
