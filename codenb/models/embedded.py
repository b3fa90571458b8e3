"""The identity of the embedded world's cluster.

It stands here because both sides of the wire need it and may not know each other: the embedded API server gives its
kube-system namespace this uid, and servers and approvers recognise by it a place where nothing real can be harmed.
A real API server draws the uid itself, so no real cluster carries this one.
"""

EMBEDDED_UID = "c0de0000-5eed-4000-8000-0000c0de0000"
