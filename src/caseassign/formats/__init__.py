"""The file formats that come in and go out."""
