"""The only modules that talk to Airflow: one folder per API dialect, and the HTTP that they stand on."""
