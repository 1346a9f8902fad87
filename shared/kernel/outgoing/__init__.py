"""The outgoing port: effects stored with the events are carried out here.

`worker` takes them up, `adapters` deliver them, `webhooks` signs, `dead` shows what could not be delivered.
"""
