"""The Kubernetes server: what runs, what is wrong with it, and the changes that mend it."""
