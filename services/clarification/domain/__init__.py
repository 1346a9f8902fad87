"""The clarification, open reports of retaliation, and the rules on plan, consent, text, evidence; pure."""
