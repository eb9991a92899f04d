"""The only one that talks to Airflow: polls, carries out cluster commands, answers reads."""
