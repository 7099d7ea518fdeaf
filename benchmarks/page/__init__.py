"""The page: what was measured, as tables, plots and verdicts. It measures nothing."""
