"""REST under ``/api/``: all that the pages can do, programs can do."""
