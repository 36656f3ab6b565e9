"""The queue, the budgets and reconcile(): the one place that orders the steps. Effects come by injection."""
