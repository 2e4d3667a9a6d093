"""What has to hold before a start may write its first byte."""
