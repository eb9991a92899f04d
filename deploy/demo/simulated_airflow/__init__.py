"""A simulated Airflow: either REST dialect, with DAGs that run, fail, retry and hang, and that misbehaves on request.

It is what the demonstration shows and what tests use for clusters that no healthy Airflow would be. Its answers are held
to recordings of Airflow 2.11 and 3.3 (see ``deploy/demo/tests``). Everything that happens follows from the seed and the clock.
"""
