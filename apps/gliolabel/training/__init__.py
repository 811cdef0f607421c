"""The training loop, the folds, and tests on held-out cases."""
