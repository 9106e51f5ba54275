"""OAuth: integrations with other services, their templates, and the sessions of users."""
