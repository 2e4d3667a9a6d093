"""Resources around the tables, as types: queues, topics, rules, schedules, pipes, mappings, alarms, dashboards."""
