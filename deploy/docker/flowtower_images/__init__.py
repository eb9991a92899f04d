"""Proves that the image pattern works: built by buildah, started by podman against a real Kafka and PostgreSQL.

No container engine has to be on the machine, and no base image is pulled: buildah and podman come by apt, the base is
made by debootstrap. Run by `make test-images`.
"""
