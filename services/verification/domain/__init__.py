"""The verification case and the rules that it decides by; pure, without clock or I/O."""
