"""The loops that bring a world's objects to where their specs say they should be."""
