"""The security sentence: observe, judge, seal, preserve, report, trace.

Will hold what sees an intruder on the wire, on the host and in the waveform, seals the least that
stops the harm, and keeps evidence an outsider can verify. It never imports quake/ or share/.
"""
