"""How a report looks: HTML, Markdown, charts, the index of runs."""
