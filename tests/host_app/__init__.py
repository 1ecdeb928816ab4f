"""The sample host application, without a browser."""
