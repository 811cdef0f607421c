"""MONAI Label's inference tasks. Each returns one file and JSON parameters."""
