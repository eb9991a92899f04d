"""The pages: routes, forms, the template environment."""
