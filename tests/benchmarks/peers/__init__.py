"""Those who do the works: a module for each, with a function for each work that makes sense for it."""
