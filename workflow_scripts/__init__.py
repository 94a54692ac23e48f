"""One thin command per rule, with the name of the rule: parse, read, call emospace, write."""
