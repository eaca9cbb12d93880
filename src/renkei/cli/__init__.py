"""The only place that prints, exits and reads the environment. One module a family of commands."""
