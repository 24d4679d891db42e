"""Makes it happen: the flow of one host, many hosts, the write lane, the gate and the plan."""
