"""The published language, the law as data, and the mechanisms that every service uses. Rules that hold for
every case stand here too (`case`, `gate`, `law`, `organs`); the rules of one kind of case stand in its
service."""
