"""`zhengming`: what an operator types. Commands of a service go to the service; keys and backups are here."""
