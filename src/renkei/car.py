"""A car as a program sees it: VSS paths with typed values, here or behind a port."""
