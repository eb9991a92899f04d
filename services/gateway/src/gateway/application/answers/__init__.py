"""What the read model says, in the shapes that the API answers with and the pages are made of."""
