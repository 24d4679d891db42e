"""The rules that a Foreman keeps, broken one by one: each module holds the rows of one subject."""
