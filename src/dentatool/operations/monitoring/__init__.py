"""Sees a fault before a laboratory calls: looks, looks again, tells by mail, and tells when it is over.

What is looked at are the findings of the doctor; what counts as a fault is one that is wrong (not a warning). Promise: a
fault that lasts is told within two minutes, with what, since when and what to do; again every four hours until somebody
takes it on; and its end. Nothing of it needs the database. That the monitoring itself stands still is told by the worker,
and by whoever waits for its heartbeat elsewhere.
How it could be broken: by whoever stops monitoring and worker together while nobody elsewhere waits for the heartbeat.
Tests that try: tests/operations/monitoring.
"""
