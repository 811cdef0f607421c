"""Results as DICOM objects: a segmentation, a map of the uncertainty and a measurement report, and where they are sent.

This package is light. What builds objects imports highdicom, which is not: see :mod:`gliolabel.dicom.results.building`.
"""
