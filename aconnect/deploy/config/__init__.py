"""Where the values of a deployment come from: files of the directory, and `deploy.toml`."""
