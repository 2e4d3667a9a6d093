"""Who still names a table that moves: functions, mappings, rules, alarms, dashboards, interfaces."""
