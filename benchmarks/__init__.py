"""Benchmarks: ratios to hand-written code in the same run, never absolute promises."""
