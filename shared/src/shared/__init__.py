"""What every service of Flowtower shares: contracts, runtime and test parts."""
