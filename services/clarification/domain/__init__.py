"""The clarification: what it remembers (`state`), what it decides (`clarification`), and the rules on
plan, consent, text and evidence that it decides by. Pure."""
