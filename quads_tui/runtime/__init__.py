"""One rollout of this process from its inputs to its end. Knows neither the command line nor the screen."""
