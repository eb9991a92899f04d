"""The pages' view models, made of what the read model says. Nothing here changes anything."""
