"""What machines say by themselves: counts and serial numbers, tied to job, operation and unit."""
