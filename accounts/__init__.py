"""Who you are: users, sign-up, sign-in, profile."""
