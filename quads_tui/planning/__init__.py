"""Reading the services before the first act: the plan, the BMC survey, QUADS' moves."""
