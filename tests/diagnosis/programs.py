# SPDX-License-Identifier: Apache-2.0
"""The development set: every program that the diagnosis rules are tuned on, in one visible tuple."""

from __future__ import annotations

from programs_digits import DIGITS_PROGRAMS
from programs_faulty_data import DATA_FAULTS
from programs_faulty_network import NETWORK_FAULTS
from programs_faulty_training import TRAINING_FAULTS
from programs_healthy import HEALTHY_PROGRAMS
from programs_keras import KERAS_PROGRAMS
from programs_loop import Program
from programs_regression import REGRESSION_PROGRAMS

PROGRAMS: tuple[Program, ...] = (
    *HEALTHY_PROGRAMS,
    *REGRESSION_PROGRAMS,
    *DIGITS_PROGRAMS,
    *TRAINING_FAULTS,
    *NETWORK_FAULTS,
    *DATA_FAULTS,
    *KERAS_PROGRAMS,
)

#: By name.
BY_NAME = {program.name: program for program in PROGRAMS}
