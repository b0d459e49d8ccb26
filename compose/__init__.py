"""The language: specs, expressions, graph, models, checks, compiler, and the command line over them."""
