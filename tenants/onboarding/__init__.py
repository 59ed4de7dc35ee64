"""County onboarding: a table of divisions comes in, streets and communities come out, and every row is answered for."""
