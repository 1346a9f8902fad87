"""The services are asked for whatever their OpenAPI documents allow, and for what they do not."""
