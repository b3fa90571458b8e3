"""Policies and secrets: what a manifest, a Terraform module or a Dockerfile must not ask for.

The checks are checkov's, run in this process and kept warm; how bad a finding is, why, and what mends it, is our own
table. Nothing that is scanned is run, and nothing is fetched.
"""
