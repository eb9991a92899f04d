"""Flowtower on one machine: installs, starts, watches and stops everything that `make up` promises.

Only the standard library is imported at module level, since the first run happens before the Python environment
exists; what needs a package from the locks imports it where it is used, inside the finished environment.
"""
