# The image pattern and the compose file, checked for real. Needs root for apt, debootstrap and podman.
.PHONY: test-images

test-images: install ## check Dockerfile and compose file, build and start every image; SERVICE=executor for one
	@PYTHONPATH=deploy/local:deploy/docker $(VENV)/python -m flowtower_images $(SERVICE)
