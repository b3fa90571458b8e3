"""What several servers talk to; the only place where the libraries of those systems are imported."""
