"""Settings read once, logging, and the configuration of the web server."""
