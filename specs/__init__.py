"""The library of specs, as data: YAML files under `thesis/`, `zoo/` and `tutorial/`."""
