"""What is deployed, and how: manifests to a cluster, plans to infrastructure, each validated and priced before."""
