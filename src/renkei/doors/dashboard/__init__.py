"""The dashboard door: cars in a web page, for people who would rather look than read."""
