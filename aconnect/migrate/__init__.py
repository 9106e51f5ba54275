"""From one Posit Connect server to another: plan, run, undo, compare."""
