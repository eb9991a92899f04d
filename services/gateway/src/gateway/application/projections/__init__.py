"""From events to the read model: pure folds here, writing in the adapters."""
