"""The two kinds as typed values: specs, conditions, reasons and the status people read."""
