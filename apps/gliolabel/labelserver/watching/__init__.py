"""What ops staff watch a server by: whether it is well, figures for Prometheus, and a log that machines read."""

from gliolabel.labelserver.watching.figures import Figures
from gliolabel.labelserver.watching.install import install_watching
from gliolabel.labelserver.watching.logs import set_up_log, tidy_log_configuration

__all__ = ["Figures", "install_watching", "set_up_log", "tidy_log_configuration"]
