"""A small scenario for the tests of the twin: eight stations, two quakes, four minutes."""

SMALL = """
title = "small"
seed = 5
start = "2024-01-01T00:00:00Z"
duration_s = 240

[crust]
layer = [
  { top_km = 0.0, vp_km_s = 5.5, vs_km_s = 3.2, density_kg_m3 = 2600, qs = 180 },
  { top_km = 10.0, vp_km_s = 6.2, vs_km_s = 3.6, density_kg_m3 = 2800, qs = 180 },
  { top_km = 35.0, vp_km_s = 8.0, vs_km_s = 4.6, density_kg_m3 = 3300, qs = 180 },
]

[network]
group = [{ prefix = "W", latitude = 30.6, longitude = 114.3, radius_km = 30, stations = 7 }]
station = [{ code = "ROCK", latitude = 30.61, longitude = 114.35, elevation_m = 300, instrument = "broadband" }]
instruments = { broadband = 0.5, short_period = 0.2, mems_a = 0.2, mems_b = 0.1 }

[[quake]]
at_s = 40
latitude = 30.65
longitude = 114.3
depth_km = 10
magnitude = 3.5
strike = 30
dip = 80
rake = 0

[[quake]]
at_s = 170.25
latitude = 30.55
longitude = 114.2
depth_km = 8
magnitude = 2.5
"""
