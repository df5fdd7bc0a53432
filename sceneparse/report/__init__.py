"""Parts of the report and of the comparison of two runs: measurements, charts, pages that hold all they show."""
