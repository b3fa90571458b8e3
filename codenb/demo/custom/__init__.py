"""Custom resources: what their definitions may say, and what the definitions say of them."""
