"""The KUKSA door: kuksa.val.v2 and kuksa.val.v1 over one broker, and a small client for any KUKSA server."""
