"""One thin command-line script per rule, of the rule's name: parse, read, call emospace, write."""
