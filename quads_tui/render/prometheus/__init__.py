"""The metrics of running rollouts in Prometheus' format."""
