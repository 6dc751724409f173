"""The report a duty seismologist hands on: one self-contained page about one quake."""

from houfeng.serve.report.page import Exposed, Finds, Story, report_page
from houfeng.serve.report.texts import LANGUAGES

__all__ = ["LANGUAGES", "Exposed", "Finds", "Story", "report_page"]
