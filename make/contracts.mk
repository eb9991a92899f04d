.PHONY: contracts

contracts: install ## write the published JSON Schemas, AsyncAPI and OpenAPI anew
	@$(VENV)/python docs/publish.py
