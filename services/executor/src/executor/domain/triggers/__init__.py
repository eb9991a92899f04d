"""What triggers decide: which times are due, what a message means, by which name a firing is known. No I/O, no clock."""
