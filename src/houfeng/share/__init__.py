"""The release sentence: classify, permit, mark, watch.

Will hold what decides who may have which samples in what form, marks each copy, and watches for
somebody collecting more than they need. It never imports quake/ or guard/.
"""
