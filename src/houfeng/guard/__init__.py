"""The security sentence: observe, judge, seal, preserve, report, trace.

Sees an intruder on the wire, and what stations sign; will seal the least that stops the harm, and keep evidence an
outsider can verify. line.py is its table. It never imports quake/ or share/.
"""
