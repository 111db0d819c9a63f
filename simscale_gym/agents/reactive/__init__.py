"""Traffic that reacts: vehicles by the Intelligent Driver Model, others along their logs."""
