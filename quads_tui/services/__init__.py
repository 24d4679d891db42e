"""The world outside, one module an API. They know no engine: what they need of it comes in through the domain's ports."""
