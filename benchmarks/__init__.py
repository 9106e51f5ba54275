"""Benchmarks: ratios against hand-written code in the same run, never absolute promises."""
