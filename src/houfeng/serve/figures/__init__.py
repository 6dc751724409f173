"""Pictures of a quake as PNG bytes: the record section, the map, the residuals."""

from houfeng.serve.figures.quake_map import quake_map
from houfeng.serve.figures.record_section import record_section
from houfeng.serve.figures.residuals import residuals

__all__ = ["quake_map", "record_section", "residuals"]
