"""Bringing the sequences of a case onto each other where the patient moved between them."""

from __future__ import annotations

from gliolabel.registration.aligning import Alignment, Mode, align
from gliolabel.registration.rigid import Estimate, RegistrationError, register
from gliolabel.registration.transforms import Transforms

__all__ = ["Alignment", "Estimate", "Mode", "RegistrationError", "Transforms", "align", "register"]
