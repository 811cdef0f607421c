"""Testing uncertainty: is a model unsure where it is wrong, on cases that it never saw?"""
