"""What still names a table that moves: functions, mappings, rules, alarms, dashboards, APIs."""
