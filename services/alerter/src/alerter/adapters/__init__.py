"""The alerter's ways to the database and to CEL."""
