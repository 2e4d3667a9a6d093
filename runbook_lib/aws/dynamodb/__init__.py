"""DynamoDB's calls: tables, backups, exports, imports, reads."""
