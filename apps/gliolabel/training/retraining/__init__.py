"""Retraining: the champion goes on learning from accepted labels, and the result is served only if the gate lets it through.

A retraining is a folder (:mod:`~gliolabel.training.retraining.folder`) with a job that is never changed. :mod:`~.retrain` does the job, in
this process or in one of its own (:mod:`~.process`), and after an interruption what is left of it.
"""
