"""A deployment in containers: images, a compose file, and what that needs to be prepared."""
