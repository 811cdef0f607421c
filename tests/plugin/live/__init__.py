"""The other side of the desk: a study folder, a real server process on it, and pictures of what came out."""
