"""What the outside may know of the process: logs that went through redaction, metrics, health."""
