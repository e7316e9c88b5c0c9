"""The benchmarks: `make bench` measures, `make bench-compare` says what slipped. Never collected by an ordinary `pytest`."""
