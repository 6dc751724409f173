"""Pictures of a quake as PNG bytes: record section, map, residuals, magnitudes, shaking, attenuation."""

from houfeng.serve.figures.attenuation import attenuation_figure
from houfeng.serve.figures.magnitudes import magnitudes_figure
from houfeng.serve.figures.quake_map import quake_map
from houfeng.serve.figures.record_section import record_section
from houfeng.serve.figures.residuals import residuals
from houfeng.serve.figures.shaking_map import shaking_map_figure

__all__ = ["attenuation_figure", "magnitudes_figure", "quake_map", "record_section", "residuals", "shaking_map_figure"]
