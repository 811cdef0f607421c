"""A simulated week: a first champion, rounds of corrected cases, a retraining after each, judged on cases that none of them saw."""

from gliolabel.training.week.plan import WeekPlan, plan_week
from gliolabel.training.week.running import Day, run_week

__all__ = ["Day", "WeekPlan", "plan_week", "run_week"]
